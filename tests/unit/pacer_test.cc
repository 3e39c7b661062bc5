// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/pacer.h"

#include <gtest/gtest.h>

namespace groupcast {
namespace {

constexpr uint64_t kSecond = 1'000'000;
constexpr uint64_t kStart = 12'345'678;

TEST(Pacer, WithoutRateAllPass) {
  Pacer pacer({}, kSecond);
  EXPECT_EQ(pacer.Allows(kStart, 1500, 512), 512);
}

TEST(Pacer, ABurstThenTheRate) {
  Pacer pacer({.bytes_per_s = 1e6, .burst_bytes = 10'000}, kSecond);
  EXPECT_EQ(pacer.Allows(kStart, 1000, 512), 10);
  pacer.Used(10'000);
  EXPECT_EQ(pacer.Allows(kStart, 1000, 512), 0);
  EXPECT_EQ(pacer.Allows(kStart + 999, 1000, 1), 0);
  EXPECT_EQ(pacer.Allows(kStart + 1000, 1000, 1), 1);
  // Not one by one: half a burst at least, or all that are wanted.
  EXPECT_EQ(pacer.Allows(kStart + 4999, 1000, 512), 0);
  EXPECT_EQ(pacer.Allows(kStart + 5000, 1000, 512), 5);
  EXPECT_EQ(pacer.Allows(kStart + 5500, 1000, 3), 3);
  pacer.Used(3000);
  // No more than a burst is saved up.
  EXPECT_EQ(pacer.Allows(kStart + 100 * kSecond, 1000, 512), 10);
}

TEST(Pacer, TheRateHoldsOverTime) {
  Pacer pacer({.bytes_per_s = 125e6, .burst_bytes = 65'536}, kSecond);
  uint64_t bytes = 0;
  for (uint64_t now = kStart; now < kStart + kSecond; now += 37) {
    const uint16_t n = pacer.Allows(now, 1042, 512);
    pacer.Used(uint32_t{n} * 1042);
    bytes += uint64_t{n} * 1042;
  }
  EXPECT_NEAR(static_cast<double>(bytes), 125e6 + 65'536, 10'000);
}

TEST(Pacer, AFrameLargerThanTheBurstPassesAlone) {
  Pacer pacer({.bytes_per_s = 1e6, .burst_bytes = 64}, kSecond);
  EXPECT_EQ(pacer.Allows(kStart, 1500, 512), 1);
  pacer.Used(1500);
  EXPECT_EQ(pacer.Allows(kStart + 1499, 1500, 512), 0);
  EXPECT_EQ(pacer.Allows(kStart + 1500, 1500, 512), 1);
}

// The clocks of two cores may differ by a little.
TEST(Pacer, ATimeThatWasBefore) {
  Pacer pacer({.bytes_per_s = 1e6, .burst_bytes = 1000}, kSecond);
  EXPECT_EQ(pacer.Allows(kStart, 1000, 512), 1);
  pacer.Used(1000);
  EXPECT_EQ(pacer.Allows(kStart - 1000, 1000, 512), 0);
  EXPECT_EQ(pacer.Allows(kStart + 1000, 1000, 512), 1);
}

}  // namespace
}  // namespace groupcast
