// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/datapath/prefetch.h"

namespace groupcast {

class CompletedSends;

// What an asynchronous send leaves for whoever asks how far it is.
struct alignas(64) SendProgress {
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
  explicit CompletedSends(size_t most)
      : places_(std::bit_ceil(most)), mask_(static_cast<uint32_t>(places_.size()) - 1) {}

  // Any thread. Publishes all that was done for the send.
  void Push(SendProgress* send) {
    // Whoever gets a place one round later sees, through those before it, that it was taken from.
    const uint32_t place = pushed_.fetch_add(1, std::memory_order_acq_rel);
    places_[place & mask_].store(send, std::memory_order_release);
  }
  // One thread at a time. The next one, or null.
  SendProgress* Take() {
    std::atomic<SendProgress*>& place = places_[taken_ & mask_];
    SendProgress* send = place.load(std::memory_order_acquire);
    if (send == nullptr) return nullptr;
    place.store(nullptr, std::memory_order_relaxed);
    taken_++;
    // Lcores had them last.
    const SendProgress* later = places_[(taken_ + kAhead) & mask_].load(std::memory_order_relaxed);
    if (later != nullptr) PrefetchToWrite(later);
    return send;
  }

 private:
  static constexpr uint32_t kAhead = 4;
  std::vector<std::atomic<SendProgress*>> places_;  // null: none yet
  const uint32_t mask_;
  alignas(64) std::atomic<uint32_t> pushed_{0};
  alignas(64) uint32_t taken_ = 0;
};

// So much less is left. The send may be gone afterwards.
inline void Advance(SendProgress* send, uint32_t n = 1) {
  CompletedSends* completed = send->completed;
  // Acquire: whoever pushes it publishes what the others did.
  if (completed == nullptr) {
    send->left.fetch_sub(n, std::memory_order_acq_rel);
    return;
  }
  // Of one that ends, whoever has all that is left changes it alone, and nobody looks at it again.
  if (send->left.load(std::memory_order_acquire) == n ||
      send->left.fetch_sub(n, std::memory_order_acq_rel) == n) {
    completed->Push(send);
  }
}

}  // namespace groupcast
