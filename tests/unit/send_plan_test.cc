// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/send_plan.h"

#include <gtest/gtest.h>

namespace groupcast {
namespace {

struct Row {
  bool chains;
  uint16_t copybreak;
  uint64_t offloads;
  Completion completion;
  PayloadMemory memory;
  const char* text;
  uint16_t vlan = 0;
};

TEST(SendPlanTest, SaysWhatBecomesOfAPayload) {
  constexpr uint64_t kIp = RTE_MBUF_F_TX_IP_CKSUM, kUdp = RTE_MBUF_F_TX_UDP_CKSUM;
  const Row rows[] = {
      {true, 256, 0, Completion::kEager, PayloadMemory::kAny,
       "payloads above 256 bytes are chained, smaller ones copied; checksums in software; "
       "application memory: handed back when the driver has taken the packets"},
      {true, 0, kIp | kUdp, Completion::kEager, PayloadMemory::kAny,
       "payloads are chained; checksums by the device; "
       "application memory: handed back when the driver has taken the packets"},
      {true, 100, kIp, Completion::kConsumer, PayloadMemory::kAny,
       "payloads above 100 bytes are chained, smaller ones copied; IPv4 checksums by the device, "
       "UDP checksums in software; "
       "application memory: handed back when the last packet's consumer frees it"},
      {true, 100, kUdp, Completion::kSilent, PayloadMemory::kAny,
       "payloads above 100 bytes are chained, smaller ones copied; UDP checksums by the device, "
       "IPv4 checksums in software; "
       "application memory: copied: the driver does not tell when it was read"},
      {true, 0, 0, Completion::kDescriptors, PayloadMemory::kMapped,
       "payloads are chained; checksums in software; "
       "application memory: handed back when the device has read it"},
      {true, 256, 0, Completion::kSilent, PayloadMemory::kDpdk,
       "payloads above 256 bytes are chained, smaller ones copied; checksums in software; "
       "application memory: copied: the device reads DPDK's memory only"},
      {true, 0, 0, Completion::kEager, PayloadMemory::kDpdk,
       "payloads are chained; checksums in software; "
       "application memory: copied: the device reads DPDK's memory only"},
      {true, 0, 0, Completion::kEager, PayloadMemory::kAny,
       "payloads are chained; checksums in software; VLAN tags by the device; "
       "application memory: handed back when the driver has taken the packets",
       100},
      {false, 256, 0, Completion::kEager, PayloadMemory::kAny,
       "payloads are copied to each packet: the driver takes no chains; checksums in software; "
       "application memory: copied, too"},
  };
  for (const Row& row : rows) {
    TxPlan plan;
    plan.vlan = row.vlan;
    plan.chains = row.chains;
    plan.copybreak = row.copybreak;
    plan.offloads = row.offloads;
    DriverProfile profile;
    profile.completion = row.completion;
    profile.memory = row.memory;
    EXPECT_EQ(DescribeSendPlan(plan, profile), row.text);
  }
}

}  // namespace
}  // namespace groupcast
