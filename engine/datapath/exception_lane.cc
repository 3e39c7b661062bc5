// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/exception_lane.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "engine/datapath/hand_over.h"

namespace groupcast {
namespace {

unsigned Take(rte_ring* ring, rte_mbuf** mbufs, unsigned most) {
  return rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(mbufs), most, nullptr);
}

}  // namespace

void ExceptionLane::ToKernel(rte_mbuf* frame) {
  if (rte_ring_sp_enqueue(options_.rings.to_kernel, frame) == 0) {
    options_.counters->Add(Counter::kExceptionReceived);
    return;
  }
  options_.counters->Add(Counter::kExceptionDropped);
  rte_pktmbuf_free(frame);
}

bool ExceptionLane::Serve() {
  bool moved = FreeWritten();
  Refill();
  moved |= Send();
  return moved;
}

bool ExceptionLane::FreeWritten() {
  rte_mbuf* mbufs[4 * kBurst];
  const unsigned n = Take(options_.rings.written, mbufs, 4 * kBurst);
  if (n > 0) rte_pktmbuf_free_bulk(mbufs, n);
  return n > 0;
}

void ExceptionLane::Refill() {
  if (likely(for_kernel_ + kBurst > ExceptionRings::kForKernel)) return;
  rte_mbuf* mbufs[kBurst];
  if (rte_pktmbuf_alloc_bulk(options_.pool, mbufs, kBurst) != 0) return;
  TakeOver(options_.pool);
  rte_ring_sp_enqueue_bulk(options_.rings.empty, reinterpret_cast<void**>(mbufs), kBurst, nullptr);
  for_kernel_ += kBurst;
}

bool ExceptionLane::Send() {
  if (first_ == count_) {
    first_ = 0;
    count_ = static_cast<uint16_t>(Take(options_.rings.to_wire, frames_.data(), kBurst));
    if (count_ == 0) return false;
    for_kernel_ -= count_;
  }
  // As from a kernel's driver without a link: its peers have their own time-outs.
  if (!options_.state->link_up.load(std::memory_order_relaxed)) {
    options_.counters->Add(Counter::kExceptionDropped, count_ - first_);
    rte_pktmbuf_free_bulk(frames_.data() + first_, count_ - first_);
    first_ = count_;
    return true;
  }
  for (uint16_t i = first_; i < count_; i++) HandOver(frames_[i]);
  const uint16_t sent = rte_eth_tx_burst(options_.port_id, options_.queue, frames_.data() + first_,
                                         static_cast<uint16_t>(count_ - first_));
  first_ = static_cast<uint16_t>(first_ + sent);
  options_.counters->Add(Counter::kExceptionSent, sent);
  return sent > 0;
}

void ExceptionLane::Discard() {
  rte_pktmbuf_free_bulk(frames_.data() + first_, count_ - first_);
  first_ = count_ = 0;
  const ExceptionRings& rings = options_.rings;
  for (rte_ring* ring : {rings.to_kernel, rings.written, rings.empty, rings.to_wire}) {
    rte_mbuf* mbufs[kBurst];
    while (const unsigned n = Take(ring, mbufs, kBurst)) rte_pktmbuf_free_bulk(mbufs, n);
  }
}

}  // namespace groupcast
