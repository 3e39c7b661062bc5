// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Profiles beside the limits of their drivers, and what becomes of a profile where a device has
// less: on capabilities as drivers report them, without a device.
#include "engine/control/port_plan.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace groupcast {
namespace {

using Names = std::vector<std::string>;

constexpr uint64_t kChecksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr uint64_t kAll =
    RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | kChecksums;
constexpr uint64_t kMbufChecksums = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;

// net_e1000_em inserts no VLAN tags (its profile says why).
uint64_t OffloadsOf(const std::string& driver) {
  return driver == "net_e1000_em" ? kAll & ~RTE_ETH_TX_OFFLOAD_VLAN_INSERT : kAll;
}
uint64_t MbufOffloadsOf(const std::string& driver) {
  return driver == "net_e1000_em" ? kMbufChecksums : kMbufChecksums | RTE_MBUF_F_TX_VLAN;
}

// What an Intel driver reports and checks, from its source (DPDK v22.11.11, drivers/net/).
struct Driver {
  const char* name;
  uint16_t mtu_segments;  // nb_mtu_seg_max
  uint16_t least_packet;  // bytes; below it tx_prepare or the device refuses a packet
  uint16_t ring_min, ring_max, ring_align;
  friend void PrintTo(const Driver& driver, std::ostream* os) { *os << driver.name; }
};
constexpr Driver kDrivers[] = {
    {"net_e1000_em", 255, 14, 32, 4096, 8},      // e1000/e1000_ethdev.h, 109-132
    {"net_e1000_igb", 255, 14, 32, 4096, 8},     // the same
    {"net_e1000_igb_vf", 255, 14, 32, 4096, 8},  // the same
    {"net_igc", 255, 14, 8, 32768, 8},           // igc/igc_ethdev.h, 65-66, 120-123
    {"net_ixgbe", 40, 14, 64, 4096, 8},          // ixgbe/ixgbe_rxtx.h, 27-56
    {"net_ixgbe_vf", 40, 14, 64, 4096, 8},       // the same
    {"net_i40e", 8, 17, 64, 4096, 32},           // i40e/i40e_rxtx.h, 27-39
    {"net_ice", 8, 17, 64, 4096, 32},            // ice/ice_rxtx.h, 11-59
    {"net_iavf", 8, 17, 64, 4096, 32},           // iavf/iavf_rxtx.h, 10-61
};

Driver DriverNamed(const std::string& name) {
  for (const Driver& driver : kDrivers) {
    if (driver.name == name) return driver;
  }
  ADD_FAILURE() << name;
  return kDrivers[0];
}

rte_eth_dev_info InfoOf(const Driver& driver, uint64_t offloads = kAll) {
  rte_eth_dev_info info{};
  info.driver_name = driver.name;
  info.tx_offload_capa = offloads;
  info.tx_desc_lim = {driver.ring_max, driver.ring_min, driver.ring_align, UINT16_MAX,
                      driver.mtu_segments};
  return info;
}

DriverProfile ProfileOf(const std::string& driver) {
  setenv("GROUPCAST_DRIVERS", TEST_DRIVERS_CONFIG, 1);
  auto profile = LoadDriverProfile(driver);
  EXPECT_TRUE(profile.ok()) << profile.status();
  return profile.ok() ? *std::move(profile) : DriverProfile{};
}

class IntelDriver : public testing::TestWithParam<Driver> {};

TEST_P(IntelDriver, HasAProfileThatItsLimitsAllow) {
  const Driver& driver = GetParam();
  const DriverProfile profile = ProfileOf(driver.name);
  EXPECT_EQ(profile.driver, driver.name);
  EXPECT_EQ(profile.max_segments, driver.mtu_segments);
  EXPECT_GE(profile.min_frame, driver.least_packet);
  for (const uint16_t descriptors : {profile.tx_descriptors, profile.rx_descriptors}) {
    EXPECT_GE(descriptors, driver.ring_min);
    EXPECT_LE(descriptors, driver.ring_max);
    EXPECT_EQ(descriptors % driver.ring_align, 0);
  }
  // Those that report each packet's last descriptor, and tell of each.
  const bool tells = profile.driver == "net_e1000_em" || profile.driver == "net_e1000_igb" ||
                     profile.driver == "net_e1000_igb_vf" || profile.driver == "net_igc";
  EXPECT_EQ(profile.completion, tells ? Completion::kDescriptors : Completion::kSilent);
  EXPECT_EQ(profile.memory, tells ? PayloadMemory::kMapped : PayloadMemory::kDpdk);
  EXPECT_EQ(profile.tx_rs_thresh, profile.driver == "net_e1000_em" ? 1 : 0);
}

TEST_P(IntelDriver, ChainsAndHasTheDeviceDoTheChecksums) {
  const PortPlan plan = PlanPort(ProfileOf(GetParam().name), std::nullopt, InfoOf(GetParam()));
  EXPECT_TRUE(plan.chains);
  EXPECT_EQ(plan.max_segments, GetParam().mtu_segments);
  EXPECT_EQ(plan.tx_offloads, OffloadsOf(GetParam().name));
  EXPECT_EQ(plan.mbuf_offloads, MbufOffloadsOf(GetParam().name));
  EXPECT_EQ(plan.notes, Names{});
}

// net_ice in safe mode, or a virtual function whose host allows no more.
TEST_P(IntelDriver, StartsWithoutWhatTheDeviceLacks) {
  const Driver& driver = GetParam();
  const PortPlan plan =
      PlanPort(ProfileOf(driver.name), std::nullopt, InfoOf(driver, RTE_ETH_TX_OFFLOAD_MULTI_SEGS));
  EXPECT_TRUE(plan.chains);
  EXPECT_EQ(plan.tx_offloads, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_EQ(plan.mbuf_offloads, 0U);
  const std::string does_not = std::string(driver.name) + " does not do ";
  Names notes{does_not + "ipv4_cksum; it is done in software",
              does_not + "udp_cksum; it is done in software"};
  if (OffloadsOf(driver.name) == kAll) {
    notes.push_back(does_not + "vlan_insert; it is done in software");
  }
  EXPECT_EQ(plan.notes, notes);
}

TEST_P(IntelDriver, CopiesWhereItTakesNoChains) {
  const Driver& driver = GetParam();
  const PortPlan plan = PlanPort(ProfileOf(driver.name), std::nullopt,
                                 InfoOf(driver, kAll & ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS));
  EXPECT_FALSE(plan.chains);
  EXPECT_EQ(plan.mbuf_offloads, MbufOffloadsOf(driver.name));
  EXPECT_EQ(plan.notes, Names{std::string(driver.name) +
                              " does not take chains of mbufs; payloads are copied"});
}

INSTANTIATE_TEST_SUITE_P(Profiles, IntelDriver, testing::ValuesIn(kDrivers),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(PortPlanTest, TheLowerLimitOfSegmentsHolds) {
  Driver driver = DriverNamed("net_ixgbe");
  driver.mtu_segments = 5;
  PortPlan plan = PlanPort(ProfileOf(driver.name), std::nullopt, InfoOf(driver));
  EXPECT_TRUE(plan.chains);
  EXPECT_EQ(plan.max_segments, 5);
  EXPECT_EQ(plan.notes, Names{});
  driver.mtu_segments = 2;
  plan = PlanPort(ProfileOf(driver.name), std::nullopt, InfoOf(driver));
  EXPECT_FALSE(plan.chains);
  EXPECT_EQ(plan.notes, Names{"net_ixgbe takes 2 segments a packet at most; payloads are copied"});
}

TEST(PortPlanTest, TheConfigurationsOffloadsReplaceTheProfiles) {
  const PortPlan plan =
      PlanPort(ProfileOf("net_ice"), Names{"udp_cksum"}, InfoOf(DriverNamed("net_ice")));
  EXPECT_EQ(plan.mbuf_offloads, RTE_MBUF_F_TX_UDP_CKSUM);
  EXPECT_EQ(plan.notes, Names{});
}

TEST(PortPlanTest, SoftwareDriversChainAsTheirProfilesSay) {
  const Driver null = {"net_null", UINT16_MAX, 14, 0, UINT16_MAX, 1};
  EXPECT_TRUE(PlanPort(ProfileOf("net_null"), std::nullopt, InfoOf(null, 0)).chains);
  const Driver xdp = {"net_af_xdp", UINT16_MAX, 14, 0, UINT16_MAX, 1};
  const PortPlan plan = PlanPort(ProfileOf("net_af_xdp"), std::nullopt, InfoOf(xdp, kAll));
  EXPECT_FALSE(plan.chains);
  EXPECT_EQ(plan.notes, Names{});
}

}  // namespace
}  // namespace groupcast
