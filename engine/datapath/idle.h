// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <semaphore.h>

#include <atomic>
#include <cstdint>

namespace groupcast {

// Lets an lcore without work sleep until a caller posts, or for a bounded time.
//
// The lcore: PrepareSleep(), one more look at all its channels, then Sleep() or CancelSleep(). A
// caller: Ring() after its post. Either the lcore's look sees the post or Ring() sees the flag.
class Doorbell {
 public:
  Doorbell() { sem_init(&semaphore_, 0, 0); }
  ~Doorbell() { sem_destroy(&semaphore_); }
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Callers' threads, after posting. A system call only if the lcore sleeps.
  void Ring() {
    // Orders the post before the look at the flag (the lcore does the opposite).
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_relaxed) &&
        sleeping_.exchange(false, std::memory_order_relaxed)) {
      sem_post(&semaphore_);
    }
  }

  // The lcore.
  void PrepareSleep() {
    sleeping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void CancelSleep() { sleeping_.store(false, std::memory_order_relaxed); }
  void Sleep(int64_t most_ns);

 private:
  std::atomic<bool> sleeping_{false};
  sem_t semaphore_;
};

}  // namespace groupcast
