// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/holds.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace groupcast {
namespace {

TEST(Holds, AreHeldUntilAllAreGivenBackWhereverThatIs) {
  const Holds holds;
  const HoldPlaces places(holds);
  EXPECT_FALSE(holds.Any());
  for (const unsigned lcore : {0u, kOwnPlaces - 1, kOwnPlaces, kNoLcore}) {
    places.taken->fetch_add(2);
    EXPECT_TRUE(holds.Any());
    GiveBack(places.given, places.has_places, lcore);
    EXPECT_TRUE(holds.Any()) << lcore;
    GiveBack(places.given, places.has_places, lcore);
    EXPECT_FALSE(holds.Any()) << lcore;
  }
}

TEST(Holds, OfOneNumberHaveNoPlaces) {
  std::atomic<uint32_t> both{0};
  const HoldPlaces places(&both);
  places.taken->fetch_add(1);
  GiveBack(places.given, places.has_places, 0);
  EXPECT_EQ(both.load(), 0u);
}

// What nobody holds is written to; ThreadSanitizer looks whether anyone still read it.
TEST(Holds, AreGivenBackByManyAtATime) {
  constexpr int kRounds = 3000;
  const Holds holds;
  const HoldPlaces places(holds);
  int thing = 0;
  std::atomic<int> round{0}, read{0};
  std::vector<std::thread> readers;
  for (const unsigned lcore : {0u, 1u, kOwnPlaces, kNoLcore}) {
    readers.emplace_back([&, lcore] {
      for (int r = 1; r <= kRounds; r++) {
        while (round.load(std::memory_order_acquire) < r) std::this_thread::yield();
        EXPECT_EQ(thing, r);
        read.fetch_add(1, std::memory_order_relaxed);
        GiveBack(places.given, places.has_places, lcore);
      }
    });
  }
  const auto all = static_cast<uint32_t>(readers.size());
  for (int r = 1; r <= kRounds; r++) {
    thing = r;
    places.taken->fetch_add(all, std::memory_order_relaxed);
    round.store(r, std::memory_order_release);
    while (holds.Any()) std::this_thread::yield();
    EXPECT_EQ(read.load(std::memory_order_relaxed), r * static_cast<int>(all));
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(holds.Any());
}

}  // namespace
}  // namespace groupcast
