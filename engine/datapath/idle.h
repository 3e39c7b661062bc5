// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <semaphore.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/datapath/asymmetric_fence.h"

namespace groupcast {

// Lets an lcore without work sleep until a caller posts, a frame comes, or for a bounded time.
//
// The lcore: PrepareSleep(), one more look at all its channels, then Sleep() or CancelSleep(). A
// caller: Ring() after its post. Either the lcore's look sees the post or Ring() sees the flag
// (AsymmetricFence; only a sleep that is short anyway may miss a post). On lines of its own:
// callers look at it with each post.
class alignas(64) Doorbell {
 public:
  // Sockets that a driver receives by: they are readable while it has frames.
  struct Sockets {
    static constexpr size_t kMost = 16;
    std::array<int, kMost> descriptors{};
    size_t count = 0;
  };

  Doorbell();
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Callers' threads, after posting. A system call only if the lcore sleeps.
  void Ring() {
    // Orders the post before the look at the flag (the lcore does the opposite).
    LightFence();
    if (sleeps_.load(std::memory_order_relaxed) == Sleeps::kNot) return;
    Wake(sleeps_.exchange(Sleeps::kNot, std::memory_order_relaxed));
  }

  // The lcore. `for_frames`: also until one of the sockets has one.
  void PrepareSleep(bool for_frames, int64_t most_ns) {
    sleeps_.store(for_frames ? Sleeps::kForFrames : Sleeps::kForPosts, std::memory_order_relaxed);
    // Callers are not interrupted for each of many short sleeps.
    if (most_ns > kShortNs) {
      HeavyFence();
    } else {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
  }
  void CancelSleep() { sleeps_.store(Sleeps::kNot, std::memory_order_relaxed); }
  void Sleep(int64_t most_ns);
  void SleepForFrames(const Sockets& sockets, int64_t most_ns);

 private:
  static constexpr int64_t kShortNs = 100'000;
  enum class Sleeps : uint8_t { kNot, kForPosts, kForFrames };
  void Wake(Sleeps how);

  std::atomic<Sleeps> sleeps_{Sleeps::kNot};
  sem_t semaphore_;  // of kForPosts: cheaper than a descriptor
  int event_;        // of kForFrames
};

}  // namespace groupcast
