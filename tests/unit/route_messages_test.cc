// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/route_messages.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#include <cstring>
#include <random>
#include <vector>

#include "engine/control/netlink.h"
#include "engine/control/path_mtu_watch.h"

namespace groupcast {
namespace {

using Room = NetlinkRoom<1024>;

nlmsghdr* PutRoute(Room* room, rtmsg** body) {
  nlmsghdr* message = PutNetlinkMessage(room->bytes.data(), RTM_NEWROUTE, 0, body);
  (*body)->rtm_family = AF_INET;
  (*body)->rtm_type = RTN_UNICAST;
  return message;
}

TEST(RouteMessages, TheLongestQuestionFits) {
  Room room;
  const RouteProfile profile = {
      .source = 1, .source_port = 2, .tos = 0xff, .interface = 4, .mark = 5, .uid = 6};
  const nlmsghdr* message =
      PutRouteQuestion(room.bytes.data(), 9, profile, {.address = 7, .udp_port = 8});
  EXPECT_LE(message->nlmsg_len, kRouteMessageBytes);
  EXPECT_EQ(message->nlmsg_seq, 9u);
  const auto* body = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  EXPECT_EQ(body->rtm_tos, 0xfc) << "ECN is no part of the question";
  const NetlinkAttributes attributes(message, sizeof(rtmsg));
  EXPECT_EQ(attributes.U32(RTA_SRC), 1u);
  EXPECT_EQ(attributes.U32(RTA_OIF), 4u);
  EXPECT_EQ(attributes.U32(RTA_MARK), 5u);
  EXPECT_EQ(attributes.U32(RTA_UID), 6u);
  EXPECT_EQ(attributes.U32(RTA_DST), 7u);
  EXPECT_EQ(mnl_attr_get_u16(attributes.Get(RTA_SPORT)), 2);
  EXPECT_EQ(mnl_attr_get_u16(attributes.Get(RTA_DPORT)), 8);
}

TEST(RouteMessages, AnswerWithEverything) {
  Room room;
  rtmsg* body;
  nlmsghdr* message = PutRoute(&room, &body);
  mnl_attr_put_u32(message, RTA_OIF, 3);
  mnl_attr_put_u32(message, RTA_GATEWAY, 4);
  mnl_attr_put_u32(message, RTA_PREFSRC, 5);
  nlattr* metrics = mnl_attr_nest_start(message, RTA_METRICS);
  mnl_attr_put_u32(message, RTAX_MTU, 1300);
  mnl_attr_put_u32(message, RTAX_LOCK, 1u << RTAX_MTU);
  mnl_attr_put_u32(message, RTAX_HOPLIMIT, 9);
  mnl_attr_nest_end(message, metrics);
  rta_cacheinfo cache{};
  cache.rta_expires = 250;
  mnl_attr_put(message, RTA_CACHEINFO, sizeof(cache), &cache);
  const RouteAnswer answer = ParseRouteAnswer(message);
  EXPECT_TRUE(answer.answered);
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.type, RTN_UNICAST);
  EXPECT_EQ(answer.interface, 3u);
  EXPECT_EQ(answer.gateway, 4u);
  EXPECT_EQ(answer.source, 5u);
  EXPECT_EQ(answer.mtu, 1300u);
  EXPECT_TRUE(answer.mtu_locked);
  EXPECT_TRUE(answer.hop_limit);
  EXPECT_EQ(answer.expires_ms, 2500u);
  EXPECT_FALSE(answer.encapsulated);
  EXPECT_FALSE(answer.foreign_next_hop);
}

TEST(RouteMessages, EncapsulationAndForeignNextHop) {
  Room room;
  rtmsg* body;
  nlmsghdr* message = PutRoute(&room, &body);
  mnl_attr_put_u32(message, RTA_ENCAP, 0);
  mnl_attr_put_u32(message, RTA_VIA, 0);
  const RouteAnswer answer = ParseRouteAnswer(message);
  EXPECT_TRUE(answer.encapsulated);
  EXPECT_TRUE(answer.foreign_next_hop);
}

TEST(RouteMessages, Errors) {
  Room room;
  nlmsgerr* body;
  nlmsghdr* message = PutNetlinkMessage(room.bytes.data(), NLMSG_ERROR, 0, &body);
  body->error = -ENETUNREACH;
  EXPECT_EQ(ParseRouteAnswer(message).error, ENETUNREACH);
  message->nlmsg_len = NLMSG_HDRLEN;
  EXPECT_EQ(ParseRouteAnswer(message).error, EBADMSG);
}

TEST(RouteMessages, OtherFamiliesAreNotOurs) {
  Room room;
  ifinfomsg* link;
  nlmsghdr* message = PutNetlinkMessage(room.bytes.data(), RTM_NEWLINK, 0, &link);
  mnl_attr_put_u32(message, IFLA_MTU, 1500);
  EXPECT_TRUE(ParseLink(message));
  EXPECT_FALSE(ParseNeighbour(message));
  link->ifi_family = AF_BRIDGE;
  EXPECT_FALSE(ParseLink(message));
  ndmsg* neighbour;
  message = PutNetlinkMessage(room.bytes.data(), RTM_NEWNEIGH, 0, &neighbour);
  neighbour->ndm_family = AF_INET6;
  mnl_attr_put_u32(message, NDA_DST, 1);
  EXPECT_FALSE(ParseNeighbour(message));
  neighbour->ndm_family = AF_INET;
  EXPECT_TRUE(ParseNeighbour(message));
  neighbour->ndm_flags = NTF_PROXY;
  EXPECT_FALSE(ParseNeighbour(message));
}

// Whatever the bytes are, nothing beyond them is read (the sanitizer would tell).
TEST(RouteMessages, RandomMessages) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; round++) {
    std::vector<char> bytes(NLMSG_HDRLEN + random() % 200);
    for (char& byte : bytes) byte = static_cast<char>(random() % 8 == 0 ? random() : random() % 12);
    nlmsghdr header{};
    header.nlmsg_len = static_cast<uint32_t>(bytes.size());
    constexpr uint16_t kTypes[] = {RTM_NEWROUTE, RTM_NEWLINK, RTM_NEWNEIGH, NLMSG_ERROR};
    header.nlmsg_type = kTypes[random() % std::size(kTypes)];
    std::memcpy(bytes.data(), &header, sizeof(header));
    ForEachNetlinkMessage(bytes, [](const nlmsghdr* message) {
      ParseRouteAnswer(message);
      ParseLink(message);
      ParseNeighbour(message);
    });
  }
}

// wext-core.c announces scans and associations so.
TEST(RouteMessages, AWirelessEventIsNoNewsOfTheLink) {
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

std::vector<uint8_t> FragmentationNeeded() {
  std::vector<uint8_t> packet(sizeof(iphdr) + sizeof(icmphdr) + sizeof(iphdr));
  iphdr outer{}, quoted{};
  outer.version = quoted.version = 4;
  outer.ihl = quoted.ihl = 5;
  outer.protocol = IPPROTO_ICMP;
  quoted.daddr = inet_addr("192.0.2.9");
  icmphdr icmp{};
  icmp.type = ICMP_DEST_UNREACH;
  icmp.code = ICMP_FRAG_NEEDED;
  std::memcpy(packet.data(), &outer, sizeof(outer));
  std::memcpy(packet.data() + sizeof(outer), &icmp, sizeof(icmp));
  std::memcpy(packet.data() + sizeof(outer) + sizeof(icmp), &quoted, sizeof(quoted));
  return packet;
}

TEST(PathMtuWatch, QuotedDestination) {
  const std::vector<uint8_t> packet = FragmentationNeeded();
  EXPECT_EQ(QuotedDestination(packet), inet_addr("192.0.2.9"));
  for (size_t length = 0; length < packet.size(); length++) {
    EXPECT_FALSE(QuotedDestination({packet.data(), length})) << length;
  }
  std::vector<uint8_t> other = packet;
  other[sizeof(iphdr) + 1] = ICMP_PORT_UNREACH;
  EXPECT_FALSE(QuotedDestination(other));
  other = packet;
  other[0] = 0x4f;  // 60 bytes of header, of which only 20 are there
  EXPECT_FALSE(QuotedDestination(other));
  other = packet;
  other[0] = 0x41;
  EXPECT_FALSE(QuotedDestination(other));
}

}  // namespace
}  // namespace groupcast
