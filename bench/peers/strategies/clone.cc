// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "bench/peers/strategies/clone.h"

#include <rte_memcpy.h>

#include "bench/peers/strategies/peer_fill.h"

namespace groupcast {
namespace {

template <bool kIpv6>
void MakeClones(const Request& request, const HeadForm& head_form, uint16_t first, uint16_t n,
                rte_mbuf* payload, uint16_t* next_ip_id, rte_mbuf** heads, rte_mbuf** clones) {
  HeadForm form = head_form;
  form.ipv6 = kIpv6;
  const bool has_payload = request.payload_len > 0;
  const MbufForm mbuf = {RTE_PKTMBUF_HEADROOM,
                         static_cast<uint16_t>(has_payload ? 2 : 1),
                         form.len,
                         form.len + request.payload_len,
                         0,
                         0};
  const HeaderLine* line = request.lines + first;
  uint16_t ip_id = *next_ip_id;
  for (uint16_t i = 0; i < n; i++, line++) {
    rte_prefetch0(line + 2);
    rte_mbuf* head = heads[i];
    WritePacketHead(form, *line, PrivateBytesAt(request, static_cast<uint16_t>(first + i)), &ip_id,
                    PeerFrameOf(head));
    SetMbuf(mbuf, head);
    if (!has_payload) continue;
    rte_pktmbuf_attach(clones[i], payload);
    head->next = clones[i];
  }
  *next_ip_id = ip_id;
}

}  // namespace

bool CloneAssembler::SetPayload(const uint8_t* data, uint16_t len) {
  rte_pktmbuf_free(payload_);
  payload_ = rte_pktmbuf_alloc(pools_.large);
  if (payload_ == nullptr) return false;
  rte_memcpy(rte_pktmbuf_append(payload_, len), data, len);
  return true;
}

uint16_t CloneAssembler::Make(const Request& request, const HeadForm& form, uint16_t first,
                              uint16_t n, rte_mbuf** heads) {
  rte_mbuf* clones[kMaxBurst];
  rte_mempool* const heads_pool = HeadsOf(pools_, form.len);
  const uint16_t taken = TakeUpTo(heads_pool, n, heads);
  uint16_t made = taken;
  if (request.payload_len > 0) {
    if (rte_mbuf_refcnt_read(payload_) + uint32_t{taken} > kMaxReferences) made = 0;
    made = TakeUpTo(pools_.views, made, clones);
  }
  if (made < taken) {
    rte_mempool_put_bulk(heads_pool, reinterpret_cast<void**>(heads + made),
                         static_cast<unsigned>(taken - made));
  }
  const auto make_clones = form.ipv6 ? MakeClones<true> : MakeClones<false>;
  make_clones(request, form, first, made, payload_, &ip_id_, heads, clones);
  return made;
}

void CloneAssembler::Fill(Request* request, const TxPlan&, uint32_t, uint16_t room,
                          PacketSpace* space) {
  const uint16_t before = space->nb_mbufs;
  FillAlike(
      next_hops_, room, counters_,
      [&](const HeadForm& form, uint16_t first, uint16_t n, rte_mbuf** mbufs) {
        return Make(*request, form, first, n, mbufs);
      },
      request, space);
  counters_->Add(Counter::kChained, static_cast<uint64_t>(space->nb_mbufs - before));
}

}  // namespace groupcast
