// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/neighbours.h"

#include <gtest/gtest.h>
#include <linux/neighbour.h>

#include <vector>

namespace groupcast {
namespace {

constexpr rte_ether_addr kOurs = {{2, 0, 0, 0, 0, 1}};
constexpr rte_ether_addr kTheirs = {{2, 0, 0, 0, 0, 2}};
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr uint32_t kLater = 1000;  // seconds, after all uses

IpAddress At(uint8_t last) { return IpAddress::FromIpv4(RTE_BE32(0x0a000000u | last)); }

class NeighboursTest : public testing::Test {
 protected:
  void SetUp() override { neighbours_.SetPort(0, /*exists=*/true, kOurs, /*no_arp=*/false); }
  NextHop& Hop(uint32_t index) { return neighbours_.table()[index]; }

  Neighbours neighbours_{2, 1};
};

TEST_F(NeighboursTest, AReferencedNextHopIsKeptAndAFreedOneGetsAnotherTag) {
  const uint32_t index = *neighbours_.Acquire(0, At(7));
  EXPECT_EQ(neighbours_.Acquire(0, At(7)), index);
  const uint16_t tag = Hop(index).Tag();
  EXPECT_NE(tag, 0);
  neighbours_.Release(index);
  EXPECT_EQ(neighbours_.Expire(kLater), 0u) << "one reference is left";
  neighbours_.Release(index);
  Hop(index).used_s = 50;
  EXPECT_EQ(neighbours_.Expire(50), 0u) << "somebody still sends to it";
  neighbours_.Update(0, At(7), NUD_REACHABLE, kTheirs);
  EXPECT_TRUE(Hop(index).usable);
  Hop(index).unresolved_since_ns = 9;
  EXPECT_EQ(neighbours_.Expire(51), 1u);
  EXPECT_FALSE(Hop(index).usable);
  EXPECT_NE(Hop(index).Tag(), tag);
  EXPECT_FALSE(neighbours_.Resolve(index, tag, 1)) << "a stranger's";
  EXPECT_EQ(neighbours_.Acquire(0, At(8)), index);
  EXPECT_EQ(Hop(index).unresolved_since_ns, 0);
}

TEST_F(NeighboursTest, EtherTypeByFamilyAndNoFamilyForAnother) {
  const IpAddress ipv6 = IpAddress::FromIpv6(IN6ADDR_LOOPBACK_INIT);
  const uint32_t four = *neighbours_.Acquire(0, At(1)), six = *neighbours_.Acquire(0, ipv6);
  EXPECT_NE(four, six);
  neighbours_.Update(0, At(1), NUD_REACHABLE, kTheirs);
  EXPECT_FALSE(Hop(six).usable);
  neighbours_.Update(0, ipv6, NUD_REACHABLE, kTheirs);
  EXPECT_TRUE(Hop(six).usable);
  EXPECT_EQ(Hop(four).source_and_type >> 48, RTE_BE16(0x0800));
  EXPECT_EQ(Hop(six).source_and_type >> 48, RTE_BE16(0x86dd));
  const StaticNextHop all6 = {.prefix = {}, .prefix_length = 0, .mac = kTheirs};
  neighbours_.Release(six);
  neighbours_.Expire(kLater);
  const uint32_t fixed = *neighbours_.AcquireStatic(0, all6);
  EXPECT_EQ(Hop(fixed).source_and_type >> 48, RTE_BE16(0x86dd));
}

TEST_F(NeighboursTest, UsableChangesAreCountedAndNothingElse) {
  const uint32_t index = *neighbours_.Acquire(0, At(7));
  EXPECT_EQ(neighbours_.usable_changes(), 0u);
  neighbours_.Update(0, At(7), NUD_REACHABLE, kTheirs);
  EXPECT_EQ(neighbours_.usable_changes(), 1u);
  neighbours_.Update(0, At(7), NUD_STALE, kTheirs);
  neighbours_.Update(0, At(7), NUD_REACHABLE, kOurs);
  EXPECT_EQ(neighbours_.usable_changes(), 1u) << "another MAC is as usable";
  neighbours_.Update(0, At(7), NUD_FAILED, {});
  EXPECT_EQ(neighbours_.usable_changes(), 2u);
  neighbours_.Update(0, At(7), NUD_REACHABLE, kTheirs);
  neighbours_.Release(index);
  EXPECT_EQ(neighbours_.usable_changes(), 3u);
  neighbours_.Expire(kLater);
  EXPECT_EQ(neighbours_.usable_changes(), 4u);
}

TEST_F(NeighboursTest, AFullTableSaysSo) {
  EXPECT_TRUE(neighbours_.Acquire(0, At(7)));
  EXPECT_TRUE(neighbours_.Acquire(0, At(8)));
  EXPECT_FALSE(neighbours_.Acquire(0, At(9)));
  EXPECT_TRUE(neighbours_.Acquire(0, At(8)));
}

TEST_F(NeighboursTest, TagsSkipZero) {
  for (int i = 0; i < 0x10010; i++) {
    const uint32_t index = *neighbours_.Acquire(0, At(7));
    EXPECT_NE(Hop(index).Tag(), 0);
    neighbours_.Release(index);
    neighbours_.Expire(kLater);
  }
}

TEST_F(NeighboursTest, OnlyStaleOrUnresolvedOnesThatAreUsedAreDue) {
  const uint32_t index = *neighbours_.Acquire(0, At(7));
  const auto due = [this](uint32_t since_s, int64_t now_ns) {
    std::vector<Neighbours::Use> uses;
    neighbours_.FindDue(since_s, now_ns, &uses);
    return uses.size();
  };
  Hop(index).used_s = 100;
  EXPECT_EQ(due(101, 1 * kSecondNs), 0u) << "not used";
  EXPECT_EQ(due(90, 1 * kSecondNs), 1u) << "unresolved";
  EXPECT_EQ(due(90, 5 * kSecondNs), 0u) << "asked for already";
  EXPECT_EQ(due(90, 6 * kSecondNs), 1u);
  neighbours_.Update(0, At(7), NUD_REACHABLE, kTheirs);
  EXPECT_EQ(due(90, 20 * kSecondNs), 0u) << "fine";
  neighbours_.Update(0, At(7), NUD_STALE, kTheirs);
  EXPECT_TRUE(Hop(index).usable);
  EXPECT_EQ(due(90, 21 * kSecondNs), 1u) << "stale";
  EXPECT_EQ(due(90, 25 * kSecondNs), 0u);
  neighbours_.Update(0, At(7), NUD_FAILED, {});
  EXPECT_FALSE(Hop(index).usable);
  EXPECT_EQ(due(90, 25 * kSecondNs), 1u) << "another resolution";
}

TEST_F(NeighboursTest, ADumpForgetsWhatItDoesNotMention) {
  neighbours_.Update(0, At(7), NUD_REACHABLE, kTheirs);
  neighbours_.Update(0, At(8), NUD_REACHABLE, kTheirs);
  const uint32_t seven = *neighbours_.Acquire(0, At(7)), eight = *neighbours_.Acquire(0, At(8));
  neighbours_.BeginDump();
  neighbours_.Update(0, At(8), NUD_STALE, kTheirs);
  neighbours_.EndDump();
  EXPECT_FALSE(Hop(seven).usable);
  EXPECT_TRUE(Hop(eight).usable);
}

TEST_F(NeighboursTest, AnInterfaceWithoutArpUsesItsOwnMacAsTheKernelDoes) {
  neighbours_.SetPort(0, /*exists=*/true, kOurs, /*no_arp=*/true);
  const uint32_t index = *neighbours_.Acquire(0, At(7));
  EXPECT_TRUE(Hop(index).usable);
  neighbours_.SetPort(0, /*exists=*/false, kOurs, /*no_arp=*/true);
  EXPECT_FALSE(Hop(index).usable);
}

}  // namespace
}  // namespace groupcast
