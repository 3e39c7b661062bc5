// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/datapath/idle.h"
#include "engine/datapath/ingress_flow.h"

namespace groupcast {

// What is known of an mbuf that an lcore received and another one has to go on with: a datagram of
// that one's flow, or a frame for the exception path.
struct HandedFrame {
  IngressFlow* flow;  // null: for the exception path
  uint64_t came_tsc;
  uint16_t payload_sum;
  uint8_t hop_limit;
  bool scarce;         // as IngressFlow::Add() has it
  uint16_t exception;  // which of the exception paths
};

// From one lcore to one other. As in RequestRing a place says itself whether it is taken, so that
// the two share nothing else.
class IngressLane {
 public:
  static constexpr uint32_t kPlaces = 512;

  // Before either of them begins: who wakes the second one.
  void SetDoorbell(Doorbell* doorbell) { doorbell_ = doorbell; }

  // The lcore that has received it. False: full, the mbuf is still the caller's.
  bool Put(rte_mbuf* mbuf, const HandedFrame& frame) {
    Place& place = places_[put_ % kPlaces];
    // Acquire: the other is done with the place.
    if (place.mbuf.load(std::memory_order_acquire) != nullptr) return false;
    place.frame = frame;
    place.mbuf.store(mbuf, std::memory_order_release);
    put_++;
    unrung_ = true;
    return true;
  }
  // After a burst: wakes the other one, if it sleeps and there is something new.
  void Ring() {
    if (!unrung_) return;
    unrung_ = false;
    doorbell_->Ring();
  }
  // Whether the other one has taken all. Acquire: and with that what it did before it took it.
  bool Taken() const {
    return places_[(put_ - 1) % kPlaces].mbuf.load(std::memory_order_acquire) == nullptr;
  }

  // The other lcore.
  bool Pending() const {
    return places_[take_ % kPlaces].mbuf.load(std::memory_order_acquire) != nullptr;
  }
  // Up to `most`, oldest first.
  uint32_t Take(rte_mbuf** mbufs, HandedFrame* frames, uint32_t most) {
    uint32_t n = 0;
    for (; n < most; n++, take_++) {
      Place& place = places_[take_ % kPlaces];
      rte_mbuf* mbuf = place.mbuf.load(std::memory_order_acquire);
      if (mbuf == nullptr) break;
      rte_prefetch0(mbuf);
      mbufs[n] = mbuf;
      frames[n] = place.frame;
      place.mbuf.store(nullptr, std::memory_order_release);
    }
    return n;
  }

 private:
  struct Place {
    std::atomic<rte_mbuf*> mbuf{nullptr};  // null: free
    HandedFrame frame{};
  };
  static_assert(sizeof(Place) == 32, "two to a cache line");

  Doorbell* doorbell_ = nullptr;
  alignas(64) uint32_t put_ = 0;
  bool unrung_ = false;
  alignas(64) uint32_t take_ = 0;
  alignas(64) std::array<Place, kPlaces> places_;
};

}  // namespace groupcast
