// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "bench/peers/strategies/lazy_copy.h"

#include <rte_memcpy.h>

#include <algorithm>

#include "bench/peers/strategies/peer_fill.h"
#include "engine/control/mempools.h"

namespace groupcast {
namespace {

void Add(std::atomic<uint64_t>* counter, uint64_t more) {
  counter->store(counter->load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

// The payload that an mbuf's buffer holds. "User defined tags" of an mbuf (rte_mbuf_core.h) are
// left alone by who sends and frees it, and lie in the cache line that a new head is written to
// anyway; a private area would be one more.
inline uint32_t* GenerationOf(rte_mbuf* mbuf) { return &mbuf->hash.usr; }

// Returns how many payloads had to be copied.
template <bool kIpv6>
uint16_t MakePackets(const Request& request, const HeadForm& head_form, uint16_t first, uint16_t n,
                     uint32_t generation, uint16_t* next_ip_id, rte_mbuf** mbufs) {
  HeadForm form = head_form;
  form.ipv6 = kIpv6;
  const uint32_t payload_len = request.payload_len;
  const uint8_t* const payload = payload_len > 0 ? request.segments->data : nullptr;
  const uint32_t len = form.len + payload_len;
  const MbufForm mbuf_form = {RTE_PKTMBUF_HEADROOM, 1, static_cast<uint16_t>(len), len, 0, 0};
  // What CopyPrivate() overwrites behind a short prepend.
  const size_t overwritten = form.prepend_len > 0 && form.prepend_len < kPrivateSlack
                                 ? std::min<size_t>(payload_len, kPrivateSlack - form.prepend_len)
                                 : 0;
  const HeaderLine* line = request.lines + first;
  uint16_t ip_id = *next_ip_id;
  uint16_t copied = 0;
  for (uint16_t i = 0; i < n; i++, line++) {
    rte_prefetch0(line + 2);
    rte_mbuf* mbuf = mbufs[i];
    uint8_t* frame = PeerFrameOf(mbuf);
    WritePacketHead(form, *line, PrivateBytesAt(request, static_cast<uint16_t>(first + i)), &ip_id,
                    frame);
    SetMbuf(mbuf_form, mbuf);
    if (payload_len == 0) continue;
    if (*GenerationOf(mbuf) != generation) {
      rte_memcpy(frame + form.len, payload, payload_len);
      *GenerationOf(mbuf) = generation;
      copied++;
    } else if (overwritten > 0 && likely(payload_len >= kPrivateSlack)) {
      rte_mov16(frame + form.len, payload);
    } else {
      rte_memcpy(frame + form.len, payload, overwritten);
    }
  }
  *next_ip_id = ip_id;
  return copied;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LazyCopyAssembler>> LazyCopyAssembler::Create(
    const std::string& name, uint32_t packets, uint32_t largest_frame,
    const NextHopTable& next_hops, Counters* counters, uint16_t first_ip_id) {
  const auto pool = CreatePool(name, packets, RTE_PKTMBUF_HEADROOM + largest_frame + kPrivateSlack);
  if (!pool.ok()) return pool.status();
  return std::unique_ptr<LazyCopyAssembler>(
      new LazyCopyAssembler(*pool, next_hops, counters, first_ip_id));
}

LazyCopyAssembler::~LazyCopyAssembler() { FreePool(pool_); }

uint16_t LazyCopyAssembler::Make(const Request& request, const HeadForm& form, uint16_t first,
                                 uint16_t n, rte_mbuf** mbufs) {
  const uint16_t made = TakeUpTo(pool_, n, mbufs);
  if (form.len != payload_at_) {
    payload_at_ = form.len;
    generation_++;
  }
  const auto make_packets = form.ipv6 ? MakePackets<true> : MakePackets<false>;
  const uint16_t copied = make_packets(request, form, first, made, generation_, &ip_id_, mbufs);
  Add(&copied_, copied);
  Add(&rewritten_, static_cast<uint64_t>(made - copied));
  counters_->Add(Counter::kCopied, copied);
  return made;
}

void LazyCopyAssembler::Fill(Request* request, const TxPlan&, uint32_t, uint16_t room,
                             PacketSpace* space) {
  FillAlike(
      next_hops_, room, counters_,
      [&](const HeadForm& form, uint16_t first, uint16_t n, rte_mbuf** mbufs) {
        return Make(*request, form, first, n, mbufs);
      },
      request, space);
}

}  // namespace groupcast
