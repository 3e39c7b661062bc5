// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/assembler.h"

#include <rte_memcpy.h>

#include <algorithm>
#include <cerrno>

#include "engine/datapath/hand_over.h"

namespace groupcast {
namespace {

constexpr PrivatePart kNoPrivatePart{};

// A freed mbuf has refcnt 1, no next and one segment; the rest is written here each time.
inline void Reset(rte_mbuf* mbuf, uint16_t data_off) {
  mbuf->data_off = data_off;
  mbuf->ol_flags = 0;
  mbuf->nb_segs = 1;
}

inline void SetLength(rte_mbuf* mbuf, uint16_t data_len) {
  mbuf->data_len = data_len;
  mbuf->pkt_len = data_len;
}

rte_mbuf* TakeOne(rte_mempool* pool) {
  rte_mbuf* mbuf = rte_mbuf_raw_alloc(pool);
  TakeOver(pool);  // from whoever freed it
  return mbuf;
}

// Leaves to the device what it was asked to do.
void OffloadChecksums(uint64_t offloads, bool ipv6, uint16_t ethernet_len, uint8_t* headers,
                      rte_mbuf* head) {
  head->l2_len = ethernet_len;
  if (ipv6) {
    head->ol_flags = (offloads & ~RTE_MBUF_F_TX_IP_CKSUM) | RTE_MBUF_F_TX_IPV6;
    head->l3_len = sizeof(rte_ipv6_hdr);
    if ((offloads & RTE_MBUF_F_TX_UDP_CKSUM) == 0) return;
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(headers);
    reinterpret_cast<rte_udp_hdr*>(ip + 1)->dgram_cksum = rte_ipv6_phdr_cksum(ip, head->ol_flags);
    return;
  }
  head->ol_flags = offloads | RTE_MBUF_F_TX_IPV4;
  head->l3_len = sizeof(rte_ipv4_hdr);
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(headers);
  if ((offloads & RTE_MBUF_F_TX_IP_CKSUM) != 0) ip->hdr_checksum = 0;
  if ((offloads & RTE_MBUF_F_TX_UDP_CKSUM) != 0) {
    reinterpret_cast<rte_udp_hdr*>(ip + 1)->dgram_cksum = rte_ipv4_phdr_cksum(ip, head->ol_flags);
  }
}

// At most `most`, in a line's copy that is not finished.
void LowerHopLimit(uint8_t most, bool ipv6, uint8_t* headers) {
  if (ipv6) {
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(headers);
    ip->hop_limits = std::min(ip->hop_limits, most);
    return;
  }
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(headers);
  if (ip->time_to_live <= most) return;
  // The sum of the constant words, of which this one is less by so much.
  const auto less = static_cast<uint16_t>((ip->time_to_live - most) << 8);
  ip->time_to_live = most;
  ip->hdr_checksum =
      FoldSum(uint32_t{ip->hdr_checksum} + static_cast<uint16_t>(~rte_cpu_to_be_16(less)));
}

void ViewReleased(void*, void* opaque) {
  auto* request = static_cast<Request*>(opaque);
  EndReading(request);
  ReleaseRequest(request);
}

}  // namespace

Assembler::Form Assembler::FormOf(const Request& request, const TxPlan& plan) const {
  if (!plan.chains || request.payload_len == 0 || request.sharing == Sharing::kCopy) return {};
  if (request.sharing == Sharing::kAuto && request.payload_len <= plan.copybreak) return {};
  const uint32_t pieces =
      SharedPayload::Pieces(request.segments, request.nb_segments, plan.segment_bytes);
  const uint32_t most =
      request.adopted ? 1 : std::min<uint32_t>(plan.max_segments - 1, kMostPieces);
  return {pieces <= most, pieces};
}

bool Assembler::MakeView(Request* request, const TxPlan& plan, uint32_t pieces) {
  if (request->view != nullptr) return true;
  request->shared_info.free_cb = ViewReleased;
  request->shared_info.fcb_opaque = request;
  rte_mbuf* view = SharedPayload::Make(pools_.views, request->segments, request->nb_segments,
                                       plan.segment_bytes, pieces, &request->shared_info);
  if (view == nullptr) return false;
  request->holds.fetch_add(1, std::memory_order_relaxed);
  request->readers.fetch_add(1, std::memory_order_relaxed);
  request->view = view;
  return true;
}

// Puts head -> indirect mbufs on the payload -> append.
bool Assembler::Append(const Request& request, const PrivatePart& part, uint32_t pieces,
                       rte_mbuf* head) {
  rte_mbuf* last;
  rte_mbuf* indirect = SharedPayload::Indirect(pools_.views, request.view, pieces, &last);
  if (indirect == nullptr) return false;
  rte_mbuf* tail = TakeOne(part.append_len <= kHeadRoom ? pools_.heads : pools_.large);
  if (tail == nullptr) {
    SharedPayload::Release(indirect);
    return false;
  }
  Reset(tail, 0);
  SetLength(tail, part.append_len);
  rte_memcpy(rte_pktmbuf_mtod(tail, void*), request.private_bytes + part.offset + part.prepend_len,
             part.append_len);
  last->next = tail;
  head->next = indirect;
  head->nb_segs = static_cast<uint16_t>(2 + pieces);
  head->pkt_len += request.payload_len + part.append_len;
  return true;
}

// Headers and prepend; returns how long they are.
uint16_t Assembler::WriteHead(const Request& request, const HeaderLine& line,
                              const PrivatePart& part, const TxPlan& plan,
                              uint64_t destination_and_tag, const NextHop& hop, rte_mbuf* head) {
  Reset(head, RTE_PKTMBUF_HEADROOM);
  auto* frame = rte_pktmbuf_mtod(head, uint8_t*);
  const uint16_t ethernet_len = WriteEthernet(destination_and_tag, hop, frame);
  uint8_t* headers = frame + ethernet_len;
  // IPv4's are shorter: what is too much is overwritten or not sent.
  std::memcpy(headers, line.headers, sizeof(line.headers));
  const auto udp_payload_len =
      static_cast<uint16_t>(part.prepend_len + request.payload_len + part.append_len);
  const uint32_t payload_sum = uint32_t{SumAt(request.payload_sum, part.prepend_len)} + part.sum;
  const bool ipv6 = IsIpv6(line);
  if (request.hop_limit != 0) LowerHopLimit(request.hop_limit, ipv6, headers);
  uint16_t len = ethernet_len;
  if (ipv6) {
    FinishIpv6(line, udp_payload_len, payload_sum, reinterpret_cast<rte_ipv6_hdr*>(headers));
    len += kIpv6Headers;
  } else {
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(headers);
    const uint16_t ip_id = DontFragment(ip) ? 0 : ip_id_++;
    FinishIpv4(line, udp_payload_len, payload_sum, ip_id, ip);
    len += kIpv4Headers;
  }
  if (plan.offloads != 0) OffloadChecksums(plan.offloads, ipv6, ethernet_len, headers, head);
  if (plan.vlan != 0) {
    head->ol_flags |= RTE_MBUF_F_TX_VLAN;
    head->vlan_tci = plan.vlan;
  }
  if (part.prepend_len > 0) {
    rte_memcpy(frame + len, request.private_bytes + part.offset, part.prepend_len);
    len += part.prepend_len;
  }
  SetLength(head, len);
  return len;
}

uint16_t Assembler::Fill(Request* request, const TxPlan& plan, uint32_t mtu, uint16_t room,
                         Packet* packets) {
  // One decision for the whole request.
  const Form form = FormOf(*request, plan);
  auto n =
      static_cast<uint16_t>(std::min<uint32_t>(room, request->nb_recipients - request->assembled));
  if (form.chain && !MakeView(request, plan, form.pieces)) n = 0;
  if (form.chain && n > 0 && rte_mbuf_refcnt_read(request->view) + n > kMaxReferences) n = 0;
  rte_mbuf* heads[kMaxRecipients];
  while (n > 0 && rte_mempool_get_bulk(pools_.heads, reinterpret_cast<void**>(heads), n) != 0) {
    n /= 2;
  }
  if (n == 0) {
    counters_->Add(Counter::kNoMbuf);
    return 0;
  }

  TakeOver(pools_.heads);
  const uint16_t vlan_len = plan.vlan != 0 ? kVlanTag : 0;
  uint16_t built = 0, used_heads = 0, references = 0, appended = 0, copied = 0;
  uint32_t hop_index = UINT32_MAX;
  uint64_t destination_and_tag = 0;
  const uint16_t end = request->assembled + n;
  uint16_t i = request->assembled;
  for (; i < end; i++) {
    const HeaderLine& line = request->lines[i];
    rte_prefetch0(&line + 2);
    const PrivatePart& part = request->privates != nullptr ? request->privates[i] : kNoPrivatePart;
    if (line.next_hop != hop_index) {
      hop_index = line.next_hop;
      destination_and_tag =
          next_hops_[hop_index].destination_and_tag.load(std::memory_order_acquire);
    }
    const uint32_t datagram_len = part.prepend_len + request->payload_len + part.append_len;
    const uint32_t ip_len = IpUdpLen(line) + datagram_len;
    if (unlikely(destination_and_tag >> 48 != line.next_hop_tag || ip_len > mtu)) {
      const bool oversize = ip_len > mtu;
      FailRecipient(request, i, oversize ? EMSGSIZE : EHOSTUNREACH);
      counters_->Add(oversize ? Counter::kOversize : Counter::kNextHopGone);
      request->finished++;
      continue;
    }
    // With an append segment the chain may be one mbuf too long for the driver.
    const bool chain = form.chain && (part.append_len == 0 || form.pieces + 2 <= plan.max_segments);
    const uint32_t first_len =
        kEthernetHeader + kVlanTag + IpUdpLen(line) + (chain ? part.prepend_len : datagram_len);
    rte_mbuf* head = likely(first_len <= kHeadRoom) ? heads[used_heads] : TakeOne(pools_.large);
    if (unlikely(head == nullptr)) break;
    const uint16_t head_len =
        WriteHead(*request, line, part, plan, destination_and_tag, next_hops_[hop_index], head);
    const uint16_t ethernet_len = head_len - part.prepend_len - IpUdpLen(line);
    if (!chain) {
      uint8_t* at = rte_pktmbuf_mtod_offset(head, uint8_t*, head_len);
      for (uint16_t s = 0; s < request->nb_segments; s++) {
        rte_memcpy(at, request->segments[s].data, request->segments[s].len);
        at += request->segments[s].len;
      }
      if (part.append_len > 0) {
        rte_memcpy(at, request->private_bytes + part.offset + part.prepend_len, part.append_len);
      }
      SetLength(head, static_cast<uint16_t>(ethernet_len + ip_len));
      copied++;
    } else if (part.append_len > 0) {
      if (unlikely(!Append(*request, part, form.pieces, head))) {
        if (first_len > kHeadRoom) rte_mbuf_raw_free(head);
        break;
      }
      appended++;
    } else {
      head->next = request->view;
      head->nb_segs = static_cast<uint16_t>(1 + form.pieces);
      head->pkt_len += request->payload_len;
      references++;
    }
    if (first_len <= kHeadRoom) used_heads++;
    packets[built++] = {head, request, i, ip_len + ethernet_len + vlan_len};
  }
  request->assembled = i;
  if (used_heads < n) {
    rte_mempool_put_bulk(pools_.heads, reinterpret_cast<void**>(heads + used_heads),
                         n - used_heads);
  }
  if (references > 0) {
    // Once per burst, before any of its packets can be freed.
    SharedPayload::Refer(request->view, references);
  }
  if (request->assembled == request->nb_recipients) {
    SharedPayload::Release(request->view);  // ours; the packets hold theirs
    request->view = nullptr;
  }
  if (i < end) counters_->Add(Counter::kNoMbuf);
  if (built > copied) counters_->Add(Counter::kChained, built - copied);
  if (copied > 0) counters_->Add(Counter::kCopied, copied);
  if (appended > 0) counters_->Add(Counter::kAppended, appended);
  return built;
}

}  // namespace groupcast
