// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/pacer.h"

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "engine/control/eal.h"

namespace groupcast {
namespace {

class PacerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    EngineConfig config;  // the meter asks EAL for the TSC's rate
    config.hugepages = Hugepages::kOff;
    ASSERT_TRUE(StartEal(config).ok());
  }
  // The time after so many bytes at 100 MB/s, from a little after the meter was made.
  uint64_t After(double bytes) const {
    return start_ + static_cast<uint64_t>(bytes * static_cast<double>(rte_get_tsc_hz()) / 100e6);
  }
  const uint64_t start_ = rte_get_tsc_cycles() + rte_get_tsc_hz() / 1000;
};

TEST_F(PacerTest, WithoutRateAllPass) {
  Pacer pacer({});
  EXPECT_EQ(pacer.Allows(start_, 1500, 512), 512);
  pacer.Used(512);
  EXPECT_EQ(pacer.Allows(start_, 1500, 512), 512);
}

TEST_F(PacerTest, ABurstThenTheRateByTheHalfBurst) {
  Pacer pacer({.bytes_per_s = 100'000'000, .burst_bytes = 100'000});
  for (int half = 0; half < 2; half++) {
    EXPECT_EQ(pacer.Allows(start_, 1000, 512), 50);
    pacer.Used(50);
  }
  EXPECT_EQ(pacer.Allows(start_, 1000, 512), 0);
  EXPECT_EQ(pacer.Allows(After(45'000), 1000, 512), 0);
  EXPECT_EQ(pacer.Allows(After(51'000), 1000, 512), 50);
  // What was allowed stays so until it is used, and no more is meanwhile.
  EXPECT_EQ(pacer.Allows(After(51'000), 1000, 20), 20);
  pacer.Used(20);
  EXPECT_EQ(pacer.Allows(After(90'000), 1000, 512), 30);
  pacer.Used(30);
  // The last ones of a group, before half a burst may leave.
  EXPECT_EQ(pacer.Allows(After(56'000), 1000, 3), 3);
  pacer.Used(3);
  // No more than a burst is saved up.
  for (int half = 0; half < 2; half++) {
    EXPECT_EQ(pacer.Allows(After(100e6), 1000, 512), 50);
    pacer.Used(50);
  }
  EXPECT_EQ(pacer.Allows(After(100e6), 1000, 512), 0);
}

TEST_F(PacerTest, TheRateHoldsOverTime) {
  Pacer pacer({.bytes_per_s = 100'000'000, .burst_bytes = 65'536});
  double bytes = 0;
  for (double at = 0; at < 100e6; at += 3700) {
    const uint16_t n = pacer.Allows(After(at), 1042, 512);
    pacer.Used(n);
    bytes += n * 1042;
  }
  // The meter counts whole ticks for whole bytes.
  EXPECT_NEAR(bytes, 100e6 + 65'536, 1.5e6);
}

TEST_F(PacerTest, FramesLargerThanHalfABurstPassOneByOne) {
  Pacer pacer({.bytes_per_s = 100'000'000, .burst_bytes = 2000});
  EXPECT_EQ(pacer.Allows(start_, 1500, 512), 1);
  pacer.Used(1);
  EXPECT_EQ(pacer.Allows(start_, 1500, 512), 0);
  EXPECT_EQ(pacer.Allows(After(1100), 1500, 512), 1);
}

}  // namespace
}  // namespace groupcast
