// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/driver_profile.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

namespace groupcast {
namespace {

class DriverProfileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(setenv("GROUPCAST_DRIVERS", TEST_DRIVERS_CONFIG, 1), 0); }
  void TearDown() override { unsetenv("GROUPCAST_DRIVERS"); }
};

TEST_F(DriverProfileTest, AfPacket) {
  const auto profile = LoadDriverProfile("net_af_packet");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->driver, "net_af_packet");
  EXPECT_TRUE(profile->chains);
  EXPECT_EQ(profile->completion, Completion::kEager);
  EXPECT_EQ(profile->interface_argument, "iface");
  EXPECT_TRUE(profile->tx_offloads.empty());
  const auto has = [&](const std::string& argument) {
    return std::count(profile->arguments.begin(), profile->arguments.end(), argument) == 1;
  };
  EXPECT_TRUE(has("framesz=${framesz}"));
  EXPECT_TRUE(has("blocksz=${blocksz}"));
  EXPECT_TRUE(has("framecnt=${descriptors}"));
}

// Chains overrun its frames, and without receive queues it has no sockets.
TEST_F(DriverProfileTest, AfXdp) {
  const auto profile = LoadDriverProfile("net_af_xdp");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->driver, "net_af_xdp");
  EXPECT_FALSE(profile->chains || profile->chains_if_advertised);
  EXPECT_TRUE(profile->rx_queues);
  EXPECT_EQ(profile->completion, Completion::kEager);
  EXPECT_EQ(profile->interface_argument, "iface");
  EXPECT_TRUE(profile->tx_offloads.empty());
}

TEST_F(DriverProfileTest, SoftwareDriversTakeChains) {
  for (const char* driver : {"net_null", "net_ring", "net_pcap"}) {
    const auto profile = LoadDriverProfile(driver);
    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_EQ(profile->driver, driver);
    EXPECT_TRUE(profile->chains) << driver;
    EXPECT_GE(profile->max_segments, 3) << driver;
    EXPECT_EQ(profile->completion,
              std::string(driver) == "net_ring" ? Completion::kConsumer : Completion::kEager);
  }
}

TEST_F(DriverProfileTest, BothSidesOfVhostUser) {
  const auto virtio = LoadDriverProfile("net_virtio_user");
  const auto vhost = LoadDriverProfile("net_vhost");
  ASSERT_TRUE(virtio.ok()) << virtio.status();
  ASSERT_TRUE(vhost.ok()) << vhost.status();
  EXPECT_TRUE(virtio->chains && vhost->chains);
  EXPECT_EQ(virtio->completion, Completion::kSilent);
  EXPECT_EQ(vhost->completion, Completion::kEager);
  EXPECT_EQ(vhost->memory, PayloadMemory::kAny);
  EXPECT_EQ(virtio->memory, PayloadMemory::kDpdk);
  EXPECT_EQ(virtio->tx_offloads_unusable, std::vector<std::string>{"vlan_insert"});
  const auto card = LoadDriverProfile("net_virtio");
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_EQ(card->tx_offloads_unusable, virtio->tx_offloads_unusable);
  EXPECT_EQ(card->completion, virtio->completion);
  EXPECT_EQ(card->memory, PayloadMemory::kDpdk);
  EXPECT_TRUE(virtio->rx_queues);
  EXPECT_TRUE(vhost->rx_queues);
  // "iface" is a socket to the one and a tap device to the other.
  EXPECT_EQ(virtio->interface_argument, "");
  EXPECT_EQ(vhost->interface_argument, "");
  EXPECT_EQ(LoadDeviceProfile("net_virtio_user0")->driver, "net_virtio_user");
  EXPECT_EQ(LoadDeviceProfile("net_vhost1")->driver, "net_vhost");
}

TEST_F(DriverProfileTest, OthersGetTheGenericOne) {
  for (const char* driver : {"net_bnxt", "net_tun", "", "../../etc/passwd", "net_null0"}) {
    const auto profile = LoadDriverProfile(driver);
    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_EQ(profile->driver, "generic") << driver;
    EXPECT_FALSE(profile->chains);
    EXPECT_TRUE(profile->chains_if_advertised);
    EXPECT_EQ(profile->completion, Completion::kConsumer);
  }
}

TEST_F(DriverProfileTest, DeviceNamesBeginWithTheirDriver) {
  const auto driver_of = [](const char* device) { return LoadDeviceProfile(device)->driver; };
  EXPECT_EQ(driver_of("net_af_packet0"), "net_af_packet");
  EXPECT_EQ(driver_of("net_af_packet"), "net_af_packet");
  EXPECT_EQ(driver_of("net_af_xdp0"), "net_af_xdp");
  EXPECT_EQ(driver_of("net_ring_left"), "net_ring");
  EXPECT_EQ(driver_of("net_tun0"), "generic");
  EXPECT_EQ(driver_of("generic"), "generic");
  EXPECT_EQ(driver_of("0000:03:00.0"), "generic");
}

TEST_F(DriverProfileTest, OwnFolderComesFirstAndItsErrorsAreTold) {
  std::string folder = testing::TempDir() + "/groupcast-drivers-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  ASSERT_EQ(setenv("GROUPCAST_DRIVERS", folder.c_str(), 1), 0);
  const std::string path = folder + "/net_null.yaml";
  std::ofstream(path) << "driver: net_null\ncopybreak: 99\n";
  auto profile = LoadDriverProfile("net_null");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->copybreak, 99);
  EXPECT_FALSE(profile->chains);

  std::ofstream(path) << "driver: net_ring\nchain: always\nmax_segments: 0\n";
  profile = LoadDriverProfile("net_null");
  EXPECT_EQ(profile.status().message(),
            path +
                ":1:9: driver: 'net_ring' is not the driver that the file is named after, "
                "'net_null'\n" +
                path + ":2:1: chain: no such key here; did you mean 'chains'?\n" + path +
                ":3:15: max_segments: '0' is not an integer from 1 to 65535");
  unlink(path.c_str());
  rmdir(folder.c_str());
}

}  // namespace
}  // namespace groupcast
