// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/asymmetric_fence.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

namespace groupcast {
namespace {

// Each side writes its word and looks at the other's, round after round: one at least sees it.
uint64_t RoundsThatBothMissed(uint64_t rounds) {
  alignas(64) std::atomic<uint64_t> often{0};
  alignas(64) std::atomic<uint64_t> rarely{0};
  alignas(64) std::atomic<uint64_t> begun{0};
  alignas(64) std::atomic<uint64_t> missed{0};  // the last round that the frequent side missed
  alignas(64) std::atomic<uint64_t> ended{0};
  std::thread frequent([&] {
    for (uint64_t round = 1; round <= rounds; round++) {
      while (begun.load(std::memory_order_acquire) < round) std::this_thread::yield();
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
    begun.store(round, std::memory_order_release);
    rarely.store(round, std::memory_order_relaxed);
    HeavyFence();
    const bool saw = often.load(std::memory_order_relaxed) == round;
    while (ended.load(std::memory_order_acquire) < round) std::this_thread::yield();
    both += !saw && missed.load(std::memory_order_relaxed) == round;
  }
  frequent.join();
  return both;
}

TEST(AsymmetricFence, OneSideSeesTheOther) {
  EXPECT_EQ(RoundsThatBothMissed(300), 0U) << "with full fences";
  AsymmetricFence::Start();
  EXPECT_EQ(RoundsThatBothMissed(3000), 0U)
      << (AsymmetricFence::by_kernel() ? "with membarrier(2)" : "with full fences");
}

}  // namespace
}  // namespace groupcast
