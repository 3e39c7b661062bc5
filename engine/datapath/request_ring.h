// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/datapath/prefetch.h"

namespace groupcast {

struct Request;

// From one thread to one lcore. A place says itself whether it is taken, so that the two share
// nothing else: rte_ring also passes both its ends from core to core, each way of which whoever
// waits for one packet waits for, too. (As FastForward: Giacomoni, Moseley, Vachharajani, PPoPP
// 2008.)
class RequestRing {
 public:
  using Place = std::atomic<Request*>;  // null: free

  // `places`: empty, a power of two of them; not owned.
  explicit RequestRing(std::span<Place> places)
      : places_(places.data()), mask_(static_cast<uint32_t>(places.size()) - 1) {}

  // The thread. The place of the next one, which the lcore had last.
  void PrefetchToPut() const { PrefetchToWrite(&places_[put_ & mask_]); }
  bool HasRoom() const { return places_[put_ & mask_].load(std::memory_order_acquire) == nullptr; }
  // False: full.
  bool Put(Request* request) {
    Place& place = places_[put_ & mask_];
    // Acquire: the lcore is done with the place.
    if (place.load(std::memory_order_acquire) != nullptr) return false;
    place.store(request, std::memory_order_release);
    put_++;
    return true;
  }

  // The lcore. Up to `most`, oldest first.
  uint32_t Take(Request** requests, uint32_t most) {
    uint32_t n = 0;
    while (n < most) {
      Place& place = places_[take_ & mask_];
      Request* request = place.load(std::memory_order_acquire);
      if (request == nullptr) break;
      place.store(nullptr, std::memory_order_release);
      requests[n++] = request;
      take_++;
    }
    return n;
  }
  bool Pending() const { return places_[take_ & mask_].load(std::memory_order_acquire) != nullptr; }

 private:
  Place* places_;
  uint32_t mask_;
  alignas(64) uint32_t put_ = 0;
  alignas(64) uint32_t take_ = 0;
};

}  // namespace groupcast
