// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/request_ring.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "engine/datapath/request.h"

namespace groupcast {
namespace {

class RequestRingTest : public testing::Test {
 protected:
  std::vector<RequestRing::Place> places_ = std::vector<RequestRing::Place>(8);
  RequestRing ring_{places_};
  std::vector<Request> requests_ = std::vector<Request>(16);
  Request* taken_[16];
};

TEST_F(RequestRingTest, TakesInTheOrderOfPuttingAndRefusesWhatHasNoPlace) {
  EXPECT_FALSE(ring_.Pending());
  EXPECT_EQ(ring_.Take(taken_, 16), 0U);
  for (size_t i = 0; i < 8; i++) ASSERT_TRUE(ring_.Put(&requests_[i]));
  EXPECT_FALSE(ring_.Put(&requests_[8]));
  EXPECT_TRUE(ring_.Pending());
  ASSERT_EQ(ring_.Take(taken_, 3), 3U);
  for (size_t i = 0; i < 3; i++) EXPECT_EQ(taken_[i], &requests_[i]);
  for (size_t i = 8; i < 11; i++) ASSERT_TRUE(ring_.Put(&requests_[i]));
  EXPECT_FALSE(ring_.Put(&requests_[11]));
  ASSERT_EQ(ring_.Take(taken_, 16), 8U);
  for (size_t i = 0; i < 8; i++) EXPECT_EQ(taken_[i], &requests_[i + 3]);
  EXPECT_FALSE(ring_.Pending());
}

TEST_F(RequestRingTest, OneThreadPutsWhileAnotherTakes) {
  constexpr uint64_t kRequests = 200'000;
  std::thread lcore([this] {
    uint64_t next = 0;
    while (next < kRequests) {
      const uint32_t n = ring_.Take(taken_, 16);
      for (uint32_t i = 0; i < n; i++) {
        EXPECT_EQ(taken_[i]->call, next);
        next++;
        taken_[i]->nobody_waits.store(true, std::memory_order_release);
      }
      if (n == 0) std::this_thread::yield();
    }
  });
  for (Request& request : requests_) request.nobody_waits.store(true);
  for (uint64_t call = 0; call < kRequests; call++) {
    Request& request = requests_[call % requests_.size()];
    while (!request.nobody_waits.load(std::memory_order_acquire)) std::this_thread::yield();
    request.nobody_waits.store(false, std::memory_order_relaxed);
    request.call = call;
    while (!ring_.Put(&request)) std::this_thread::yield();
  }
  lcore.join();
  EXPECT_FALSE(ring_.Pending());
}

}  // namespace
}  // namespace groupcast
