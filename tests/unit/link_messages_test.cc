// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "engine/control/kernel_vlan.h"
#include "engine/control/netlink.h"
#include "engine/control/route_messages.h"

namespace groupcast {
namespace {

using Room = NetlinkRoom<1024>;

// RTM_NEWLINK as the kernel writes it for `ip link add link eth0 name eth0.100 type vlan id 100`.
nlmsghdr* PutVlanLink(Room* room, rte_be16_t protocol) {
  ifinfomsg* body;
  nlmsghdr* message = PutNetlinkMessage(room->bytes.data(), RTM_NEWLINK, 0, &body);
  body->ifi_index = 7;
  mnl_attr_put_strz(message, IFLA_IFNAME, "eth0.100");
  mnl_attr_put_u32(message, IFLA_MTU, 1500);
  mnl_attr_put_u32(message, IFLA_LINK, 3);
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "vlan");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  mnl_attr_put_u16(message, IFLA_VLAN_PROTOCOL, protocol);
  mnl_attr_put_u16(message, IFLA_VLAN_ID, 100);
  const ifla_vlan_flags flags{.flags = VLAN_FLAG_REORDER_HDR, .mask = ~0u};
  mnl_attr_put(message, IFLA_VLAN_FLAGS, sizeof(flags), &flags);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  return message;
}

TEST(LinkMessages, AVlanInterface) {
  Room room;
  nlmsghdr* message = PutVlanLink(&room, RTE_BE16(0x8100));
  std::optional<LinkMessage> link = ParseLink(message);
  ASSERT_TRUE(link && link->vlan);
  EXPECT_EQ(link->vlan->id, 100);
  EXPECT_EQ(link->vlan->protocol, RTE_BE16(0x8100));
  EXPECT_EQ(link->lower, 3u);
  EXPECT_EQ(link->mtu6, 0u) << "no IPv6 on it";
  // One moved to another namespace: the number is of the other one.
  mnl_attr_put_u32(message, IFLA_LINK_NETNSID, 0);
  EXPECT_EQ(ParseLink(message)->lower, 0u);
}

TEST(LinkMessages, OtherKindsOfLinksAreNoVlans) {
  Room room;
  ifinfomsg* body;
  nlmsghdr* message = PutNetlinkMessage(room.bytes.data(), RTM_NEWLINK, 0, &body);
  mnl_attr_put_u32(message, IFLA_MTU, 1500);
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "macvlan");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  mnl_attr_put_u32(message, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  ASSERT_TRUE(ParseLink(message));
  EXPECT_FALSE(ParseLink(message)->vlan);
}

TEST(LinkMessages, WhatIpv6MakesOfALink) {
  Room room;
  ifinfomsg* body;
  nlmsghdr* message = PutNetlinkMessage(room.bytes.data(), RTM_NEWLINK, 0, &body);
  mnl_attr_put_u32(message, IFLA_MTU, 9000);
  nlattr* families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
  nlattr* ipv6 = mnl_attr_nest_start(message, AF_INET6);
  std::array<int32_t, DEVCONF_MTU6 + 1> settings{};
  settings[DEVCONF_MTU6] = 1480;
  settings[DEVCONF_HOPLIMIT] = 99;
  mnl_attr_put(message, IFLA_INET6_CONF, sizeof(settings), settings.data());
  mnl_attr_nest_end(message, ipv6);
  mnl_attr_nest_end(message, families);
  EXPECT_EQ(ParseLink(message)->mtu, 9000u);
  EXPECT_EQ(ParseLink(message)->mtu6, 1480u);
  EXPECT_EQ(ParseLink(message)->hop_limit6, 99);
}

PortConfig VlanPort(const char* interface, const char* kernel_interface) {
  PortConfig config;
  config.name = "lan0";
  config.interface = interface;
  config.kernel_interface = kernel_interface;
  return config;
}

TEST(KernelVlan, WhatThePortTags) {
  Room room;
  const LinkMessage vlan = *ParseLink(PutVlanLink(&room, RTE_BE16(0x8100)));
  LinkMessage plain = vlan;
  plain.vlan.reset();
  constexpr bool kByDevice = true;
  EXPECT_EQ(*VlanOf(VlanPort("eth0", "eth0.100"), vlan, 3, kByDevice), 100);
  EXPECT_EQ(*VlanOf(VlanPort("eth0", "eth0"), plain, 3, kByDevice), 0);
  // The device sends by the VLAN interface, which tags itself; or it does not, and then we do.
  EXPECT_EQ(*VlanOf(VlanPort("eth0.100", "eth0.100"), vlan, 7, kByDevice), 0);
  EXPECT_EQ(*VlanOf(VlanPort("tap0.100", "tap0.100"), vlan, 7, !kByDevice), 100);
  const auto error = [](const absl::StatusOr<uint16_t>& vlan_id) {
    EXPECT_EQ(vlan_id.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(vlan_id.status().message());
  };
  EXPECT_NE(
      error(VlanOf(VlanPort("eth1", "eth0.100"), vlan, 4, kByDevice))
          .find("'eth0.100' is a VLAN on another interface than the device's, which is 'eth1'"),
      std::string::npos);
  EXPECT_NE(error(VlanOf(VlanPort("eth0", "br0"), plain, 3, kByDevice)).find("nor a VLAN on it"),
            std::string::npos);
  const LinkMessage provider = *ParseLink(PutVlanLink(&room, RTE_BE16(0x88a8)));
  EXPECT_NE(error(VlanOf(VlanPort("eth0", "eth0.100"), provider, 3, kByDevice))
                .find("another protocol than 802.1Q"),
            std::string::npos);
}

// wext-core.c announces scans and associations so.
TEST(LinkMessages, AWirelessEventIsNoNewsOfTheLink) {
  NetlinkRoom<256> room;
  ifinfomsg* body;
  nlmsghdr* message = PutNetlinkMessage(room.bytes.data(), RTM_NEWLINK, 0, &body);
  body->ifi_index = 7;
  mnl_attr_put_strz(message, IFLA_IFNAME, "wlan0");
  mnl_attr_put(message, IFLA_WIRELESS, 4, "scan");
  EXPECT_FALSE(ParseLink(message));
  mnl_attr_put_u32(message, IFLA_MTU, 1500);
  ASSERT_TRUE(ParseLink(message));
  EXPECT_EQ(ParseLink(message)->interface, 7u);
}

}  // namespace
}  // namespace groupcast
