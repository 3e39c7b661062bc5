// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/biased_mutex.h"

#include <chrono>
#include <thread>

namespace groupcast {

void BiasedMutex::LockShared() {
  mutex_.lock();
  const uint32_t owner = owner_.load(std::memory_order_relaxed);
  if (owner == kEverybody) return;
  const uint32_t seat = SeatHere();
  if (owner == kNobody) {
    owner_.store(seat, std::memory_order_release);
    return;
  }
  owner_.store(kEverybody, std::memory_order_relaxed);
  HeavyFence();
  // It may have lost its CPU in there.
  while (inside_.load(std::memory_order_acquire)) {
    std::this_thread::sleep_for(std::chrono::microseconds(10));
  }
}

}  // namespace groupcast
