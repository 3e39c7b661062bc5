// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/ingress_lane.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace groupcast {
namespace {

class IngressLaneTest : public testing::Test {
 protected:
  IngressLaneTest() { lane_->SetDoorbell(&doorbell_); }

  Doorbell doorbell_;
  std::unique_ptr<IngressLane> lane_ = std::make_unique<IngressLane>();
  std::vector<rte_mbuf> mbufs_ = std::vector<rte_mbuf>(IngressLane::kPlaces + 1);
  rte_mbuf* taken_[IngressLane::kPlaces];
  HandedFrame frames_[IngressLane::kPlaces];
};

TEST_F(IngressLaneTest, AllInOrderAndNoneBeyondItsRoom) {
  EXPECT_TRUE(lane_->Taken());
  EXPECT_FALSE(lane_->Pending());
  // Three times round.
  for (uint64_t round = 0; round < 3; round++) {
    for (uint64_t i = 0; i < IngressLane::kPlaces; i++) {
      const auto sum = static_cast<uint16_t>(7 * i);
      ASSERT_TRUE(lane_->Put(&mbufs_[i], {nullptr, i + round, sum, 64, i % 2 == 0, 3}));
    }
    EXPECT_FALSE(lane_->Put(&mbufs_[IngressLane::kPlaces], {}));
    EXPECT_FALSE(lane_->Taken());
    EXPECT_TRUE(lane_->Pending());
    ASSERT_EQ(lane_->Take(taken_, frames_, IngressLane::kPlaces - 1), IngressLane::kPlaces - 1);
    EXPECT_FALSE(lane_->Taken()) << "the last one is not";
    const uint32_t last = IngressLane::kPlaces - 1;
    ASSERT_EQ(lane_->Take(&taken_[last], &frames_[last], 10), 1U);
    EXPECT_TRUE(lane_->Taken());
    for (uint64_t i = 0; i < IngressLane::kPlaces; i++) {
      EXPECT_EQ(taken_[i], &mbufs_[i]);
      EXPECT_EQ(frames_[i].came_tsc, i + round);
      EXPECT_EQ(frames_[i].payload_sum, static_cast<uint16_t>(7 * i));
      EXPECT_EQ(frames_[i].hop_limit, 64);
      EXPECT_EQ(frames_[i].scarce, i % 2 == 0);
      EXPECT_EQ(frames_[i].exception, 3);
    }
  }
}

// It may not be freed, whatever its owner has seen of it.
TEST(IngressFlowTest, InUseWhileItsDatagramsAreOnTheWay) {
  IngressFlow flow({}, 1, 1'000'000'000);
  EXPECT_FALSE(flow.in_use());
  flow.AddHanded();
  flow.AddHanded();
  flow.EndHanded();
  EXPECT_TRUE(flow.in_use());
  flow.EndHanded();
  EXPECT_FALSE(flow.in_use());
}

// Whoever sleeps is woken by each burst.
TEST_F(IngressLaneTest, OneThreadPutsWhileAnotherTakesAndSleeps) {
  constexpr uint64_t kFrames = 100'000;
  constexpr int64_t kMostNs = 10'000'000'000;
  std::thread owner([this] {
    uint64_t next = 0;
    while (next < kFrames) {
      const uint32_t n = lane_->Take(taken_, frames_, 32);
      for (uint32_t i = 0; i < n; i++) {
        EXPECT_EQ(frames_[i].came_tsc, next);
        EXPECT_EQ(taken_[i], &mbufs_[next % mbufs_.size()]);
        next++;
      }
      if (n > 0) continue;
      doorbell_.PrepareSleep(false, kMostNs);
      if (lane_->Pending()) {
        doorbell_.CancelSleep();
      } else {
        doorbell_.Sleep(kMostNs);
      }
    }
  });
  for (uint64_t i = 0; i < kFrames; i++) {
    while (!lane_->Put(&mbufs_[i % mbufs_.size()], {nullptr, i, 0, 0, false, 0})) lane_->Ring();
    if (i % 16 == 15) lane_->Ring();
  }
  lane_->Ring();
  owner.join();
  EXPECT_TRUE(lane_->Taken());
}

}  // namespace
}  // namespace groupcast
