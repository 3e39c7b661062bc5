// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Both families and 802.1Q tags, written by the engine or inserted by the driver.
#include <unistd.h>

#include "tests/software_nic/vhost_pair.h"

namespace groupcast {
namespace {

constexpr uint16_t kVlan = 2748;
constexpr uint32_t kRecipients = 500;

struct Tagging {
  const char* name;
  Side side;
  uint16_t vlan;
  bool asked;     // for the offload
  bool inserted;  // by the driver
  friend void PrintTo(const Tagging& tagging, std::ostream* out) { *out << tagging.name; }
};

class VhostVlan : public VhostPair, public testing::WithParamInterface<Tagging> {
 protected:
  void SetUp() override {
    VhostPair::SetUp();
    sd6_ = BoundSocket6();
    Connect(GetParam().side, GetParam().asked ? "    tx_offloads: [vlan_insert]\n" : "",
            {.vlan = GetParam().vlan});
  }
  void TearDown() override {
    VhostPair::TearDown();
    close(sd6_);
  }

  static std::string PrependOf(uint32_t i) { return "to " + std::to_string(i) + ": "; }

  // Every other one by IPv6, every third with an append.
  static TestGroup6 MakeGroup(size_t payload, uint8_t number) {
    TestGroup6 group(kRecipients);
    group.SetPayload(Bytes(payload, number));
    for (uint32_t i = 0; i < kRecipients; i++) {
      const std::string address = i % 2 == 0 ? "::ffff:10.5.0." + std::to_string(1 + i / 2 % 250)
                                             : "fd00::5:" + std::to_string(i);
      group.at(i).giov_dest = Address6(address, static_cast<uint16_t>(3000 + i));
      group.SetPrivate(i, PrependOf(i), i % 3 == 0 ? "." : "");
    }
    return group;
  }

  int sd6_ = -1;
};

TEST_P(VhostVlan, EverythingArrivesTagged) {
  EXPECT_EQ(start_log().find("VLAN tags by the device") != std::string::npos,
            GetParam().inserted && GetParam().vlan != 0);
  uint8_t number = 0;
  uint64_t bytes = 0;
  for (const size_t payload : {0, 1, 255, 256, 257, 1000, 1400}) {
    TestGroup6 group = MakeGroup(payload, number++);
    ASSERT_EQ(Send(sd6_, &group), static_cast<int>(kRecipients));
    for (uint32_t i = 0; i < kRecipients; i++) {
      bytes += (GetParam().vlan != 0 ? 18 : 14) + (i % 2 == 0 ? 28 : 48) + group.Datagram(i).size();
    }
  }
  ExpectAllArrived();
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
  EXPECT_EQ(Counted("bytes"), bytes);
}

// The tag is no part of the IP packet.
TEST_P(VhostVlan, TheMtuIsAsWithoutIt) {
  for (const size_t over : {0, 1}) {
    TestGroup6 group(1);
    group.SetPayload(Bytes(1452 + over, 1));
    group.at(0).giov_dest = Address6("fd00::9", 9);
    if (over == 0) {
      EXPECT_EQ(Send(sd6_, &group), 1);
    } else {
      EXPECT_EQ(sendgroup6(sd6_, group.buf(), 1, 0, nullptr), 0);
    }
  }
  ExpectAllArrived();
}

// What the driver did not take is handed to it again, as it left it.
TEST_P(VhostVlan, AFullRingTagsNothingTwice) {
  consumer().Ask("pace 2000");
  for (uint8_t i = 0; i < 10; i++) {
    TestGroup6 group = MakeGroup(i % 2 == 0 ? 700 : 100, i);
    ASSERT_EQ(Send(sd6_, &group), static_cast<int>(kRecipients));
  }
  ExpectAllArrived();
  EXPECT_GT(Counted("tx_full"), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Sides, VhostVlan,
    testing::Values(
        Tagging{"VhostUntagged", {"Vhost", "net_vhost", "", true}, 0, true, true},
        Tagging{"VhostSoftware", {"Vhost", "net_vhost", "", true}, kVlan, false, false},
        Tagging{"VhostInserts", {"Vhost", "net_vhost", "", true}, kVlan, true, true},
        Tagging{"VirtioUntagged", {"Virtio", "net_virtio_user", "", false}, 0, false, false},
        Tagging{"VirtioSoftware", {"Virtio", "net_virtio_user", "", false}, kVlan, true, false}),
    [](const auto& tagging) { return tagging.param.name; });

}  // namespace
}  // namespace groupcast
