// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/assembler.h"

#include <rte_memcpy.h>

#include <algorithm>
#include <cerrno>

#include "engine/datapath/hand_over.h"

namespace groupcast {
namespace {

constexpr uint16_t kHeaders = kEthernetHeader + kIpv4Headers;

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

void ViewReleased(void*, void* request) { ReleaseRequest(static_cast<Request*>(request)); }

}  // namespace

bool Assembler::MakeView(Request* request) {
  if (request->view != nullptr) return true;
  rte_mbuf* view = TakeOne(pools_.views);
  if (view == nullptr) return false;
  request->shared_info.free_cb = ViewReleased;
  request->shared_info.fcb_opaque = request;
  rte_mbuf_ext_refcnt_set(&request->shared_info, 1);
  Reset(view, 0);
  rte_pktmbuf_attach_extbuf(view, request->payload, request->payload_iova,
                            static_cast<uint16_t>(request->payload_len), &request->shared_info);
  SetLength(view, static_cast<uint16_t>(request->payload_len));
  request->holds.fetch_add(1, std::memory_order_relaxed);
  request->view = view;
  return true;
}

// Puts head -> indirect mbuf on the payload -> append: with something behind it the payload's own
// mbuf, whose `next` all recipients share, cannot be used.
bool Assembler::Append(const Request& request, const HeaderLine& line, rte_mbuf* head) {
  rte_mbuf* indirect = TakeOne(pools_.views);
  if (indirect == nullptr) return false;
  rte_mbuf* tail = TakeOne(line.append_len <= kHeadRoom ? pools_.heads : pools_.large);
  if (tail == nullptr) {
    rte_mbuf_raw_free(indirect);
    return false;
  }
  Reset(indirect, 0);
  rte_pktmbuf_attach(indirect, request.view);
  Reset(tail, 0);
  SetLength(tail, line.append_len);
  rte_memcpy(rte_pktmbuf_mtod(tail, void*),
             request.private_bytes + line.private_offset + line.prepend_len, line.append_len);
  indirect->next = tail;
  head->next = indirect;
  head->nb_segs = 3;
  head->pkt_len += request.payload_len + line.append_len;
  return true;
}

void Assembler::WriteHead(const Request& request, const HeaderLine& line, const TxPlan& plan,
                          uint64_t destination_and_tag, const NextHop& hop, rte_mbuf* head) {
  Reset(head, RTE_PKTMBUF_HEADROOM);
  SetLength(head, static_cast<uint16_t>(kHeaders + line.prepend_len));
  auto* frame = rte_pktmbuf_mtod(head, uint8_t*);
  WriteEthernet(destination_and_tag, hop, frame);
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(frame + kEthernetHeader);
  std::memcpy(ip, line.headers, kIpv4Headers);
  const auto udp_payload_len =
      static_cast<uint16_t>(line.prepend_len + request.payload_len + line.append_len);
  const uint16_t ip_id = DontFragment(ip) ? 0 : ip_id_++;
  FinishIpv4(line, udp_payload_len, SumAt(request.payload_sum, line.prepend_len), ip_id, ip);
  if (plan.offloads != 0) {
    head->ol_flags = plan.offloads | RTE_MBUF_F_TX_IPV4;
    head->l2_len = kEthernetHeader;
    head->l3_len = sizeof(rte_ipv4_hdr);
    if ((plan.offloads & RTE_MBUF_F_TX_IP_CKSUM) != 0) ip->hdr_checksum = 0;
    if ((plan.offloads & RTE_MBUF_F_TX_UDP_CKSUM) != 0) {
      auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
      udp->dgram_cksum = rte_ipv4_phdr_cksum(ip, head->ol_flags);
    }
  }
  if (line.prepend_len > 0) {
    rte_memcpy(frame + kHeaders, request.private_bytes + line.private_offset, line.prepend_len);
  }
}

uint16_t Assembler::Fill(Request* request, const TxPlan& plan, uint32_t mtu, uint16_t room,
                         Packet* packets) {
  // One decision for the whole request.
  const bool chain = plan.chains && request->payload_len > plan.copybreak;
  auto n =
      static_cast<uint16_t>(std::min<uint32_t>(room, request->nb_recipients - request->assembled));
  if (chain && !MakeView(request)) n = 0;
  if (chain && n > 0 && rte_mbuf_refcnt_read(request->view) + n > kMaxReferences) n = 0;
  rte_mbuf* heads[kMaxRecipients];
  while (n > 0 && rte_mempool_get_bulk(pools_.heads, reinterpret_cast<void**>(heads), n) != 0) {
    n /= 2;
  }
  if (n == 0) {
    counters_->Add(Counter::kNoMbuf);
    return 0;
  }

  TakeOver(pools_.heads);
  uint16_t built = 0, used_heads = 0, references = 0, appended = 0;
  uint32_t hop_index = UINT32_MAX;
  uint64_t destination_and_tag = 0;
  const uint16_t end = request->assembled + n;
  uint16_t i = request->assembled;
  for (; i < end; i++) {
    const HeaderLine& line = request->lines[i];
    rte_prefetch0(&line + 2);
    if (line.next_hop != hop_index) {
      hop_index = line.next_hop;
      destination_and_tag =
          next_hops_[hop_index].destination_and_tag.load(std::memory_order_acquire);
    }
    const uint32_t ip_len =
        kIpv4Headers + line.prepend_len + request->payload_len + line.append_len;
    if (unlikely(destination_and_tag >> 48 != line.next_hop_tag || ip_len > mtu)) {
      const bool oversize = ip_len > mtu;
      FailRecipient(request, i, oversize ? EMSGSIZE : EHOSTUNREACH);
      counters_->Add(oversize ? Counter::kOversize : Counter::kNextHopGone);
      request->finished++;
      continue;
    }
    const uint32_t first_len = kHeaders + line.prepend_len +
                               (chain ? 0 : request->payload_len + uint32_t{line.append_len});
    rte_mbuf* head = likely(first_len <= kHeadRoom) ? heads[used_heads] : TakeOne(pools_.large);
    if (unlikely(head == nullptr)) break;
    WriteHead(*request, line, plan, destination_and_tag, next_hops_[hop_index], head);
    if (!chain) {
      uint8_t* at = rte_pktmbuf_mtod_offset(head, uint8_t*, kHeaders + line.prepend_len);
      if (request->payload_len > 0) rte_memcpy(at, request->payload, request->payload_len);
      if (line.append_len > 0) {
        rte_memcpy(at + request->payload_len,
                   request->private_bytes + line.private_offset + line.prepend_len,
                   line.append_len);
      }
      SetLength(head, static_cast<uint16_t>(first_len));
    } else if (line.append_len > 0) {
      if (unlikely(!Append(*request, line, head))) {
        if (first_len > kHeadRoom) rte_mbuf_raw_free(head);
        break;
      }
      appended++;
    } else {
      head->next = request->view;
      head->nb_segs = 2;
      head->pkt_len += request->payload_len;
      references++;
    }
    if (first_len <= kHeadRoom) used_heads++;
    packets[built++] = {head, request, i, ip_len + kEthernetHeader};
  }
  request->assembled = i;
  if (used_heads < n) {
    rte_mempool_put_bulk(pools_.heads, reinterpret_cast<void**>(heads + used_heads),
                         n - used_heads);
  }
  if (references > 0) {
    // Once per burst, before any of its packets can be freed.
    rte_mbuf_refcnt_update(request->view, static_cast<int16_t>(references));
  }
  if (request->assembled == request->nb_recipients && request->view != nullptr) {
    rte_pktmbuf_free_seg(request->view);  // ours; the packets hold theirs
    request->view = nullptr;
  }
  if (i < end) counters_->Add(Counter::kNoMbuf);
  counters_->Add(chain ? Counter::kChained : Counter::kCopied, built);
  if (appended > 0) counters_->Add(Counter::kAppended, appended);
  return built;
}

}  // namespace groupcast
