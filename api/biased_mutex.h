// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "api/seat.h"
#include "engine/datapath/asymmetric_fence.h"

namespace groupcast {

// A mutex without a locked operation for as long as one thread alone uses it: the first that has a
// seat. The first other one ends that, and from then on it is as any other.
class BiasedMutex {
 public:
  class Guard {
   public:
    explicit Guard(BiasedMutex* mutex) : mutex_(*mutex), owner_(mutex->LockAsOwner()) {
      if (!owner_) mutex_.LockShared();
    }
    ~Guard() {
      if (owner_) {
        mutex_.inside_.store(false, std::memory_order_release);
      } else {
        mutex_.mutex_.unlock();
      }
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    BiasedMutex& mutex_;
    const bool owner_;
  };

 private:
  static constexpr uint32_t kNobody = kNoSeat;  // no thread's yet
  static constexpr uint32_t kEverybody = kNoSeat - 1;

  bool LockAsOwner() {
    const uint32_t seat = SeatHere();
    if (seat == kNoSeat || owner_.load(std::memory_order_relaxed) != seat) return false;
    inside_.store(true, std::memory_order_relaxed);
    // With LockShared(), which takes it away and then looks whether the owner is inside.
    LightFence();
    if (owner_.load(std::memory_order_acquire) == seat) return true;
    inside_.store(false, std::memory_order_release);
    return false;
  }
  void LockShared();

  std::mutex mutex_;                      // of all but the owner
  std::atomic<uint32_t> owner_{kNobody};  // a seat's number; under mutex_: w
  std::atomic<bool> inside_{false};       // the owner is
};

}  // namespace groupcast
