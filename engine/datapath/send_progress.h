// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/datapath/holds.h"
#include "engine/datapath/prefetch.h"

namespace groupcast {

class CompletedSends;

// What an asynchronous send leaves for whoever asks how far it is.
struct alignas(64) SendProgress {
  // Of its queue's, the older ones first. who begins it: w; who collects it: r
  uint64_t number = 0;
  // Its requests that are not yet accepted or failed; where it waits for that, those whose payload
  // may still be read, too.
  std::atomic<uint32_t> left{0};
  std::atomic<uint64_t> failed{0};      // recipients
  CompletedSends* completed = nullptr;  // where it goes when nothing is left; null: nowhere
};

// Sends that are complete, for whoever collects them, who then need not look at those that are not.
class CompletedSends {
 public:
  // So many at a time, at most, are pushed and not taken.
  explicit CompletedSends(size_t most) : mask_(static_cast<uint32_t>(std::bit_ceil(most)) - 1) {
    for (Queue& queue : queues_) queue.places = std::vector<Place>(size_t{mask_} + 1);
  }

  // Any thread; `lcore`: its index (Holds). Publishes all that was done for the send.
  void Push(SendProgress* send, unsigned lcore) {
    Queue& queue = queues_[lcore < kOwnPlaces ? 1 + lcore : 0];
    uint32_t place;
    if (lcore < kOwnPlaces) {
      place = queue.pushed.load(std::memory_order_relaxed);
      queue.pushed.store(place + 1, std::memory_order_relaxed);
    } else {
      // Whoever gets a place one round later sees, through those before it, that it was taken from.
      place = queue.pushed.fetch_add(1, std::memory_order_acq_rel);
    }
    queue.places[place & mask_].store(send, std::memory_order_release);
  }
  // One thread at a time. The next one, or null: the oldest of those that completed first in their
  // queues, so that whoever puts them in order has little to do.
  SendProgress* Take() {
    Queue* from = nullptr;
    SendProgress* send = nullptr;
    for (Queue& queue : queues_) {
      SendProgress* first = queue.places[queue.taken & mask_].load(std::memory_order_acquire);
      if (first == nullptr || (send != nullptr && send->number < first->number)) continue;
      from = &queue;
      send = first;
    }
    if (send == nullptr) return nullptr;
    from->places[from->taken & mask_].store(nullptr, std::memory_order_relaxed);
    from->taken++;
    // Lcores had them last.
    const Place& later_place = from->places[(from->taken + kAhead) & mask_];
    const SendProgress* later = later_place.load(std::memory_order_relaxed);
    if (later != nullptr) PrefetchToWrite(later);
    return send;
  }

 private:
  static constexpr uint32_t kAhead = 4;
  using Place = std::atomic<SendProgress*>;  // null: none yet
  struct alignas(64) Queue {
    std::vector<Place> places;                    // who pushes, who takes: rw
    alignas(64) std::atomic<uint32_t> pushed{0};  // who pushes: rw
    alignas(64) uint32_t taken = 0;               // who takes: rw
  };
  const uint32_t mask_;
  // The first: of all that share one.
  std::array<Queue, 1 + kOwnPlaces> queues_;
};

// So much less is left. The send may be gone afterwards.
inline void Advance(SendProgress* send, uint32_t n = 1, unsigned lcore = kNoLcore) {
  CompletedSends* completed = send->completed;
  // Acquire: whoever pushes it publishes what the others did.
  if (completed == nullptr) {
    send->left.fetch_sub(n, std::memory_order_acq_rel);
    return;
  }
  // Of one that ends, whoever has all that is left changes it alone, and nobody looks at it again.
  if (send->left.load(std::memory_order_acquire) == n ||
      send->left.fetch_sub(n, std::memory_order_acq_rel) == n) {
    completed->Push(send, lcore);
  }
}

}  // namespace groupcast
