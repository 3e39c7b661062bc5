// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/asymmetric_fence.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

namespace groupcast {
namespace {

void Await(const std::atomic<uint64_t>& word, uint64_t least) {
  // Both are to go on at the same moment, but one of them may need the other's CPU.
  for (uint32_t looks = 1; word.load(std::memory_order_acquire) < least; looks++) {
    if (looks % 10'000 == 0) std::this_thread::yield();
  }
}

void Idle(uint64_t steps) {
  volatile uint64_t done = 0;
  while (done < steps) done = done + 1;
}

// Each side writes its word and looks at the other's, round after round: one at least sees it. What
// each writes is on a line that the other one had last, so that it is slow to be seen, and what it
// looks at is in its cache.
uint64_t RoundsThatBothMissed(uint64_t rounds) {
  alignas(64) std::atomic<uint64_t> often{0};
  alignas(64) std::atomic<uint64_t> rarely{0};
  alignas(64) std::atomic<uint64_t> begun{0};
  alignas(64) std::atomic<uint64_t> missed{0};  // the last round that the frequent side missed
  alignas(64) std::atomic<uint64_t> ended{0};
  alignas(64) std::atomic<uint64_t> ready{0};
  std::thread frequent([&] {
    for (uint64_t round = 1; round <= rounds; round++) {
      static_cast<void>(rarely.load(std::memory_order_relaxed));
      ready.store(round, std::memory_order_release);
      Await(begun, round);
      Idle(round % 31);
      often.store(round, std::memory_order_relaxed);
      LightFence();
      if (rarely.load(std::memory_order_relaxed) != round) {
        missed.store(round, std::memory_order_relaxed);
      }
      ended.store(round, std::memory_order_release);
    }
  });
  uint64_t both = 0;
  for (uint64_t round = 1; round <= rounds; round++) {
    static_cast<void>(often.load(std::memory_order_relaxed));
    Await(ready, round);
    begun.store(round, std::memory_order_release);
    Idle(round % 151);
    rarely.store(round, std::memory_order_relaxed);
    HeavyFence();
    const bool saw = often.load(std::memory_order_relaxed) == round;
    Await(ended, round);
    both += !saw && missed.load(std::memory_order_relaxed) == round;
  }
  frequent.join();
  return both;
}

TEST(AsymmetricFence, OneSideSeesTheOther) {
  EXPECT_EQ(RoundsThatBothMissed(20'000), 0U) << "with full fences";
  AsymmetricFence::Start();
  EXPECT_EQ(RoundsThatBothMissed(20'000), 0U)
      << (AsymmetricFence::by_kernel() ? "with membarrier(2)" : "with full fences");
}

}  // namespace
}  // namespace groupcast
