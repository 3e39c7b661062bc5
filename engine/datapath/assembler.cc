// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/assembler.h"

#include <rte_memcpy.h>

#include <algorithm>
#include <cerrno>

#include "engine/datapath/alike_heads.h"
#include "engine/datapath/copybreak.h"
#include "engine/datapath/hand_over.h"
#include "engine/datapath/request_uses.h"
#include "engine/datapath/take_mbufs.h"

namespace groupcast {
namespace {

// References on the view, or on what it and its like are attached to.
inline uint32_t InFlight(const Request& request) {
  const uint32_t references = rte_mbuf_refcnt_read(request.view);
  if (request.adopted) return references;
  return std::max<uint32_t>(references, rte_mbuf_ext_refcnt_read(&request.shared_info));
}

inline HeadForm HeadFormOf(const Request& request, const EthernetForm& ethernet,
                           const HeaderLine& line, const PrivatePart& part) {
  return {ethernet,         line,
          part.prepend_len, request.payload_len,
          part.append_len,  request.payload_sum,
          request.hop_limit};
}

// Of a packet with so much in its first mbuf, and more behind that in so many others.
inline MbufForm MbufFormOf(uint16_t data_len, uint32_t behind, uint32_t pieces,
                           const TxPlan& plan) {
  return {RTE_PKTMBUF_HEADROOM,
          static_cast<uint16_t>(1 + pieces),
          data_len,
          data_len + behind,
          plan.vlan,
          plan.vlan != 0 ? RTE_MBUF_F_TX_VLAN : uint64_t{0}};
}

inline void AddRun(const PacketRun& run, PacketSpace* space) {
  if (run.packets > 0) space->runs[space->nb_runs++] = run;
}

rte_mbuf* TakeOne(rte_mempool* pool) {
  rte_mbuf* mbuf = rte_mbuf_raw_alloc(pool);
  TakeOver(pool);  // from whoever freed it
  return mbuf;
}

// By whichever thread frees the last mbuf on the payload.
void ViewReleased(void*, void* opaque) {
  auto* request = static_cast<Request*>(opaque);
  const unsigned here = rte_lcore_id();
  if (likely(here == request->lcore && here != LCORE_ID_ANY && !request->complete)) {
    request->viewed = false;  // its end gives back this share, too
    return;
  }
  EndUses(request, 1, request->read ? 0 : 1, 0);
}

}  // namespace

Assembler::Form Assembler::FormOf(const Request& request, const TxPlan& plan) const {
  if (!plan.chains || request.payload_len == 0 || request.sharing == Sharing::kCopy) return {};
  if (request.sharing == Sharing::kAuto && CheaperCopied(request, plan)) return {};
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
  request->viewed = true;
  request->lcore = rte_lcore_id();
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
  SetMbuf({RTE_PKTMBUF_HEADROOM, 1, part.append_len, part.append_len, 0, 0}, tail);
  rte_memcpy(rte_pktmbuf_mtod(tail, void*), request.private_bytes + part.offset + part.prepend_len,
             part.append_len);
  last->next = tail;
  head->next = indirect;
  head->nb_segs = static_cast<uint16_t>(2 + pieces);
  head->pkt_len += part.append_len;
  return true;
}

// A packet with an append segment, or one that is too long for a head. Takes another mbuf instead
// of the one at `place` where that is too small. False: mbufs ran out.
bool Assembler::BuildOther(const Request& request, const TxPlan& plan, const Form& form,
                           const EthernetForm& ethernet, uint16_t recipient, rte_mbuf** place,
                           Built* built) {
  const HeaderLine& line = request.lines[recipient];
  const PrivatePart part = PartOf(request, recipient);
  // With an append segment the chain may be one mbuf too long for the driver.
  const bool chain = form.chain && (part.append_len == 0 || form.pieces + 2 <= plan.max_segments);
  const HeadForm head_form = HeadFormOf(request, ethernet, line, part);
  const uint32_t copied_len = chain ? 0 : request.payload_len + part.append_len;
  rte_mbuf* head = *place;
  if (head_form.len + copied_len > kHeadRoom) {
    head = TakeOne(pools_.large);
    if (head == nullptr) return false;
  }
  uint8_t* frame = FrameOf(head);
  WritePacketHead(head_form, line, {request.private_bytes + part.offset, part.sum}, &ip_id_, frame);
  SetMbuf(MbufFormOf(static_cast<uint16_t>(head_form.len + copied_len),
                     chain ? request.payload_len : 0, chain ? form.pieces : 0, plan),
          head);
  if (!chain) {
    uint8_t* at = frame + head_form.len;
    for (uint16_t s = 0; s < request.nb_segments; s++) {
      rte_memcpy(at, request.segments[s].data, request.segments[s].len);
      at += request.segments[s].len;
    }
    if (part.append_len > 0) {
      rte_memcpy(at, request.private_bytes + part.offset + part.prepend_len, part.append_len);
    }
    built->copied++;
  } else if (part.append_len > 0) {
    if (unlikely(!Append(request, part, form.pieces, head))) {
      // Back as it was taken.
      head->nb_segs = 1;
      if (head != *place) rte_mbuf_raw_free(head);
      return false;
    }
    built->appended++;
  } else {
    head->next = request.view;
    built->references++;
  }
  if (plan.offloads != 0) OffloadChecksums(plan.offloads, head_form.ipv6, ethernet.len, head);
  if (head != *place) rte_mbuf_raw_free(*place);
  *place = head;
  return true;
}

// The packets of recipients that leave alike, from `first` on. False: mbufs for what is appended
// ran out, and nothing is built.
bool Assembler::BuildAlike(const Request& request, const TxPlan& plan, const Form& form,
                           const EthernetForm& ethernet, uint16_t first, uint16_t n,
                           rte_mbuf** mbufs, Built* built) {
  const HeadForm head_form =
      HeadFormOf(request, ethernet, request.lines[first], PartOf(request, first));
  const bool ipv6 = head_form.ipv6;
  const uint32_t payload_len = request.payload_len;
  const uint16_t append_len = request.append_len;
  if (form.chain && append_len > 0 && !AppendAlike(request, first, n, mbufs)) return false;
  const uint32_t behind = payload_len + append_len;
  const MbufForm mbuf_form =
      form.chain ? MbufFormOf(head_form.len, behind, append_len > 0 ? 2 : form.pieces, plan)
                 : MbufFormOf(static_cast<uint16_t>(head_form.len + behind), 0, 0, plan);
  MakeAlikeHeads(request, head_form, mbuf_form, form.chain, first, n, &ip_id_, mbufs);
  if (unlikely(plan.offloads != 0)) {
    for (uint16_t i = 0; i < n; i++) OffloadChecksums(plan.offloads, ipv6, ethernet.len, mbufs[i]);
  }
  (!form.chain ? built->copied : append_len > 0 ? built->appended : built->references) += n;
  return true;
}

// Puts an mbuf on the payload and one with the appended bytes behind each head. With something
// behind it the view itself, whose `next` all share, can't be used.
bool Assembler::AppendAlike(const Request& request, uint16_t first, uint16_t n, rte_mbuf** heads) {
  rte_mbuf* indirect[kMaxBurst];
  rte_mbuf* tails[kMaxBurst];
  if (!TakeMbufs(pools_.views, n, indirect)) return false;
  if (!TakeMbufs(pools_.heads, n, tails)) {
    rte_mempool_put_bulk(pools_.views, reinterpret_cast<void**>(indirect), n);
    return false;
  }
  const rte_mbuf& view = *request.view;
  void* const payload = view.buf_addr;
  const rte_iova_t iova = view.buf_iova;
  const uint16_t buf_len = view.buf_len;
  rte_mbuf_ext_shared_info* const shared_info = view.shinfo;
  const auto payload_len = static_cast<uint16_t>(request.payload_len);
  const uint16_t append_len = request.append_len;
  const MbufWords payload_words({0, 1, payload_len, payload_len, 0, RTE_MBUF_F_EXTERNAL});
  const MbufWords tail_words({RTE_PKTMBUF_HEADROOM, 1, append_len, append_len, 0, 0});
  const xmm_t place = WordPair(reinterpret_cast<uint64_t>(payload), iova);
  const size_t private_len = size_t{request.prepend_len} + append_len;
  const uint8_t* appended = request.private_bytes + first * private_len + request.prepend_len;
  for (uint16_t i = 0; i < n; i++) {
    rte_mbuf* middle = indirect[i];
    static_assert(offsetof(rte_mbuf, buf_addr) == 0 && offsetof(rte_mbuf, buf_iova) == 8);
    packet_head::Store(middle, place);
    middle->buf_len = buf_len;
    middle->shinfo = shared_info;
    payload_words.Set(middle);
    rte_mbuf* tail = tails[i];
    CopyPrivate(FrameOf(tail), appended, append_len);
    appended += private_len;
    tail_words.Set(tail);
    middle->next = tail;
    heads[i]->next = middle;
  }
  // Before any of them can be freed.
  rte_mbuf_ext_refcnt_update(shared_info, static_cast<int16_t>(n));
  return true;
}

void Assembler::Refuse(Request* request, uint16_t first, uint16_t n, int error) {
  for (uint16_t i = 0; i < n; i++) FailRecipient(request, static_cast<uint16_t>(first + i), error);
  counters_->Add(error == EMSGSIZE ? Counter::kOversize : Counter::kNextHopGone, n);
  request->finished = static_cast<uint16_t>(request->finished + n);
}

// Whether BuildAlike() can make its packets.
bool Assembler::IsPlain(const Request& request, const TxPlan& plan, const Form& form) const {
  const uint32_t private_len = uint32_t{request.prepend_len} + request.append_len;
  if (request.privates != nullptr) return false;
  if (!form.chain) {
    return request.nb_segments <= 1 &&
           private_len + request.payload_len + kPrivateSlack <= kMostPrivate;
  }
  if (private_len + kPrivateSlack > kMostPrivate) return false;
  return request.append_len == 0 ||
         (form.pieces == 1 && plan.max_segments >= 3 && !request.adopted);
}

Assembler::Built Assembler::Build(Request* request, const TxPlan& plan, uint32_t mtu,
                                  const Form& form, uint16_t n, PacketSpace* space) {
  const HeaderLine* lines = request->lines;
  bool plain = IsPlain(*request, plan, form);
  const uint16_t vlan_len = plan.vlan != 0 ? kVlanTag : 0;
  const auto end = static_cast<uint16_t>(request->assembled + n);
  Built built;
  EthernetForm ethernet;
  uint32_t hop_index = UINT32_MAX;
  PacketRun run{request, request->assembled, 0, 0};
  for (uint16_t i = request->assembled; i < end; request->assembled = i) {
    const HeaderLine& line = lines[i];
    if (line.next_hop != hop_index) {
      hop_index = line.next_hop;
      ethernet = EthernetForm::Of(next_hops_[hop_index]);
    }
    auto next = static_cast<uint16_t>(i + 1);
    if (plain && request->alike) next = end;
    while (plain && next < end && LeaveAlike(line, lines[next])) next++;
    const auto alike = static_cast<uint16_t>(next - i);
    const PrivatePart part = PartOf(*request, i);
    const uint32_t ip_len =
        IpUdpLen(line) + part.prepend_len + request->payload_len + part.append_len;
    if (unlikely(ethernet.Tag() != line.next_hop_tag || ip_len > mtu)) {
      Refuse(request, i, alike, ip_len > mtu ? EMSGSIZE : EHOSTUNREACH);
      AddRun(run, space);
      run = {request, next, 0, 0};
      i = next;
      continue;
    }
    rte_mbuf** place = space->mbufs + space->nb_mbufs;
    if (likely(plain)) {
      if (!BuildAlike(*request, plan, form, ethernet, i, alike, place, &built)) {
        plain = false;  // as many as there are mbufs for
        continue;
      }
    } else if (!BuildOther(*request, plan, form, ethernet, i, place, &built)) {
      break;
    }
    space->nb_mbufs = static_cast<uint16_t>(space->nb_mbufs + alike);
    run.packets = static_cast<uint16_t>(run.packets + alike);
    run.bytes += alike * (ethernet.len + ip_len + vlan_len);
    i = next;
  }
  AddRun(run, space);
  return built;
}

void Assembler::Fill(Request* request, const TxPlan& plan, uint32_t mtu, uint16_t room,
                     PacketSpace* space) {
  // One decision for the whole request.
  const Form form = FormOf(*request, plan);
  auto n =
      static_cast<uint16_t>(std::min<uint32_t>(room, request->nb_recipients - request->assembled));
  if (form.chain && !MakeView(request, plan, form.pieces)) n = 0;
  if (form.chain && n > 0 && InFlight(*request) + n > kMaxReferences) n = 0;
  rte_mbuf** heads = space->mbufs + space->nb_mbufs;
  while (n > 0 && !TakeMbufs(pools_.heads, n, heads)) n /= 2;
  if (n == 0) {
    counters_->Add(Counter::kNoMbuf);
    return;
  }
  const uint16_t end = request->assembled + n;
  const Built built = Build(request, plan, mtu, form, n, space);
  rte_mbuf** unused = space->mbufs + space->nb_mbufs;
  if (unused < heads + n) {
    rte_mempool_put_bulk(pools_.heads, reinterpret_cast<void**>(unused),
                         static_cast<unsigned>(heads + n - unused));
  }
  if (request->assembled == request->nb_recipients && built.references > 0) {
    // The last packet gets ours.
    if (built.references > 1) SharedPayload::Refer(request->view, built.references - 1);
    request->view = nullptr;
  } else if (built.references > 0) {
    // Once per burst, before any of its packets can be freed.
    SharedPayload::Refer(request->view, built.references);
  } else if (request->assembled == request->nb_recipients) {
    SharedPayload::Release(request->view);  // ours; the packets hold theirs
    request->view = nullptr;
  }
  if (request->assembled < end) counters_->Add(Counter::kNoMbuf);
  const auto chained = static_cast<uint16_t>(built.references + built.appended);
  if (chained > 0) counters_->Add(Counter::kChained, chained);
  if (built.copied > 0) counters_->Add(Counter::kCopied, built.copied);
  if (built.appended > 0) counters_->Add(Counter::kAppended, built.appended);
}

}  // namespace groupcast
