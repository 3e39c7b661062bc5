// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "engine/datapath/cache_line.h"

namespace groupcast {
namespace {

constexpr size_t kSize = 64 * 1024;

class ArenaTest : public testing::Test {
 protected:
  std::vector<uint8_t> memory_ = std::vector<uint8_t>(kSize + 64);
  uint8_t* base_ = reinterpret_cast<uint8_t*>(
      RTE_ALIGN_CEIL(reinterpret_cast<uintptr_t>(memory_.data()), uintptr_t{64}));
  Arena arena_{base_, kSize, 0x1000};
};

TEST_F(ArenaTest, GivesTheLargestBlockWhenFreeAndThenNothing) {
  void* block = arena_.Allocate(arena_.LargestBlock());
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(arena_.Iova(block),
            0x1000 + static_cast<uint64_t>(static_cast<uint8_t*>(block) - base_));
  void* second = arena_.Allocate(arena_.LargestBlock());
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(arena_.Allocate(1), nullptr);
  Arena::Release(second);
  EXPECT_EQ(arena_.Allocate(1), nullptr) << "space comes back in the order of allocation";
  Arena::Release(block);
  EXPECT_EQ(arena_.Used(), 0U);
}

TEST_F(ArenaTest, AHeldBlockStays) {
  void* block = arena_.Allocate(100);
  Arena::Holds(block)->fetch_add(1);
  Arena::Release(block);
  EXPECT_GT(arena_.Used(), 0U);
  Arena::Release(block);
  EXPECT_EQ(arena_.Used(), 0U);
}

TEST_F(ArenaTest, StaysAtItsBeginningWhileLittleIsInUse) {
  std::deque<void*> held;
  uint8_t* furthest = base_;
  for (int round = 0; round < 10'000; round++) {
    auto* at = static_cast<uint8_t*>(arena_.Allocate(500));
    ASSERT_NE(at, nullptr);
    furthest = std::max(furthest, at);
    held.push_back(at);
    if (held.size() < 5) continue;
    Arena::Release(held.front());
    held.pop_front();
  }
  EXPECT_LT(furthest, base_ + kSize / 2);
  for (void* block : held) Arena::Release(block);
  EXPECT_EQ(arena_.Used(), 0U);
}

TEST_F(ArenaTest, TurningEarlyTakesNoRoom) {
  // Turns with one block in use, behind which is most of the arena.
  std::deque<uint8_t*> held;
  const auto allocate = [&] {
    auto* at = static_cast<uint8_t*>(arena_.Allocate(960));
    if (at != nullptr) held.push_back(at);
    return at;
  };
  do {
    ASSERT_NE(allocate(), nullptr);
    while (held.size() > 3) {
      Arena::Release(held.front());
      held.pop_front();
    }
  } while (held.back() != base_ + 64 || held.size() == 1);
  std::set<uint8_t*> places(held.begin(), held.end());
  while (uint8_t* at = allocate()) EXPECT_TRUE(places.insert(at).second);
  EXPECT_EQ(places.size(), kSize / 1024);
  for (uint8_t* block : held) Arena::Release(block);
  EXPECT_EQ(arena_.Used(), 0U);
}

TEST_F(ArenaTest, RandomBlocksNeverOverlap) {
  struct Held {
    uint8_t* at;
    size_t len;
    uint8_t fill;
  };
  std::mt19937 random(7);
  std::deque<Held> held;
  size_t refused = 0;
  for (int round = 0; round < 100'000; round++) {
    const size_t len = 1 + random() % 9000;
    auto* at = static_cast<uint8_t*>(arena_.Allocate(len));
    if (at == nullptr) refused++;
    if (at != nullptr) {
      ASSERT_EQ(reinterpret_cast<uintptr_t>(at) % 64, 0U);
      ASSERT_GE(at, base_);
      ASSERT_LE(at + len, base_ + kSize);
      const auto fill = static_cast<uint8_t>(round);
      std::memset(at, fill, len);
      held.push_back({at, len, fill});
    }
    // Released in any order.
    while (!held.empty() && (at == nullptr || random() % 2 == 0)) {
      const size_t pick = random() % held.size();
      const Held block = held[pick];
      // Each byte as the one before it.
      ASSERT_EQ(block.at[0], block.fill);
      ASSERT_EQ(std::memcmp(block.at, block.at + 1, block.len - 1), 0);
      Arena::Release(block.at);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(pick));
      if (at != nullptr) break;
    }
  }
  EXPECT_GT(refused, 0U);
  for (const Held& block : held) Arena::Release(block.at);
  EXPECT_EQ(arena_.Used(), 0U);
}

// A driver that gives back only what later traffic takes the place of: what it has may not come to
// wait for traffic that waits for room.
class ArenaOfALazyDriver : public testing::Test {
 protected:
  static constexpr size_t kBytes = 1 << 20;
  static constexpr size_t kRing = 512;  // packets
  static constexpr size_t kSmall = 960;

  bool Post(size_t len, size_t packets = 1) {
    void* at = arena_.Allocate(len);
    if (at == nullptr) return false;
    posted_.push_back({at, packets});
    packets_ += packets;
    return true;
  }
  void ReleaseAllBut(size_t packets) {
    for (; packets_ > packets; posted_.pop_front()) {
      packets_ -= posted_.front().packets;
      Arena::Release(posted_.front().at);
    }
  }
  void ExpectRoomForWhatItsRingHolds() {
    for (size_t i = 0; i < 5 * kRing; i++) {
      ReleaseAllBut(kRing);
      ASSERT_TRUE(Post(kSmall)) << i;
    }
    ReleaseAllBut(0);
    EXPECT_EQ(arena_.Used(), 0U);
  }

  const CacheLines memory_{new CacheLine[LinesFor(kBytes)]};
  Arena arena_{memory_.get(), kBytes, 0};
  struct Posted {
    void* at;
    size_t packets;
  };
  std::deque<Posted> posted_;
  size_t packets_ = 0;
};

TEST_F(ArenaOfALazyDriver, AfterAGapAtTheEnd) {
  for (int i = 0; i < 800; i++) ASSERT_TRUE(Post(kSmall));
  ReleaseAllBut(100);
  ASSERT_TRUE(Post(228288));  // 1024 bytes are left behind it
  ASSERT_TRUE(Post(1984));
  while (Post(kSmall)) {
  }
  ExpectRoomForWhatItsRingHolds();
}

TEST_F(ArenaOfALazyDriver, AfterAnEarlyTurn) {
  for (const size_t first : {20, 40, 60, 120, 500}) {
    SCOPED_TRACE(first);
    for (size_t i = 0; i < first; i++) ASSERT_TRUE(Post(kSmall));
    ReleaseAllBut(10);
    for (size_t i = 0; i < kRing; i++) ASSERT_TRUE(Post(kSmall)) << i;
    ExpectRoomForWhatItsRingHolds();
  }
}

TEST_F(ArenaOfALazyDriver, AfterRequestsOfAnyLength) {
  for (unsigned seed = 0; seed < 40; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 400; round++) {
      const bool fits =
          random() % 4 == 0 ? Post(400 + 64 * (100 + random() % 300), 64) : Post(kSmall);
      if (!fits || random() % 16 == 0) ReleaseAllBut(random() % kRing);
    }
    while (Post(kSmall)) {
    }
    ExpectRoomForWhatItsRingHolds();
  }
}

TEST_F(ArenaTest, AnotherThreadReleases) {
  constexpr int kBlocks = 20'000;
  std::vector<std::atomic<int*>> posted(kBlocks);
  std::thread other([&] {
    for (auto& slot : posted) {
      int* block;
      while ((block = slot.load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
      *block += 1;
      Arena::Release(block);
    }
  });
  for (int i = 0; i < kBlocks; i++) {
    int* block;
    while ((block = static_cast<int*>(arena_.Allocate(sizeof(int)))) == nullptr) {
      std::this_thread::yield();
    }
    *block = i;
    posted[static_cast<size_t>(i)].store(block, std::memory_order_release);
  }
  other.join();
  EXPECT_EQ(arena_.Used(), 0U);
}

}  // namespace
}  // namespace groupcast
