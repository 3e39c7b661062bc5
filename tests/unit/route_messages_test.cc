// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/route_messages.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "engine/control/netlink.h"

namespace groupcast {
namespace {

using Room = NetlinkRoom<1024>;

IpAddress Ipv6(const char* text) {
  in6_addr address{};
  EXPECT_EQ(inet_pton(AF_INET6, text, &address), 1);
  return IpAddress::FromIpv6(address);
}

IpAddress AddressIn(const nlattr* attribute) {
  IpAddress address;
  EXPECT_EQ(mnl_attr_get_payload_len(attribute), address.bytes.size());
  std::memcpy(address.bytes.data(), mnl_attr_get_payload(attribute), address.bytes.size());
  return address;
}

void PutIpv6(nlmsghdr* message, uint16_t type, const char* text) {
  const in6_addr address = Ipv6(text).Ipv6();
  mnl_attr_put(message, type, sizeof(address), &address);
}

nlmsghdr* PutRoute(Room* room, rtmsg** body) {
  nlmsghdr* message = PutNetlinkMessage(room->bytes.data(), RTM_NEWROUTE, 0, body);
  (*body)->rtm_family = AF_INET;
  (*body)->rtm_type = RTN_UNICAST;
  return message;
}

TEST(RouteMessages, TheLongestQuestionFits) {
  Room room;
  const RouteProfile profile = {.source = IpAddress::FromIpv4(1),
                                .source_port = 2,
                                .tos = 0xff,
                                .traffic_class = 0x57,
                                .interface = 4,
                                .mark = 5,
                                .uid = 6};
  const nlmsghdr* message = PutRouteQuestion(room.bytes.data(), 9, profile,
                                             {.address = IpAddress::FromIpv4(7), .udp_port = 8});
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
  EXPECT_EQ(body->rtm_family, AF_INET);
  EXPECT_EQ(body->rtm_dst_len, 32);
  EXPECT_EQ(body->rtm_src_len, 32);
  EXPECT_EQ(attributes.U16(RTA_SPORT), 2);
  EXPECT_EQ(attributes.U16(RTA_DPORT), 8);
}

TEST(RouteMessages, TheLongestIpv6QuestionFits) {
  Room room;
  const RouteProfile profile = {.source = Ipv6("fd00::1"),
                                .source_port = 2,
                                .tos = 0x30,
                                .traffic_class = 0x57,
                                .interface = 4,
                                .mark = 5,
                                .uid = 6};
  const Destination to = {.address = Ipv6("fd00::2"), .scope = 9, .udp_port = 8};
  const nlmsghdr* message = PutRouteQuestion(room.bytes.data(), 9, profile, to);
  EXPECT_LE(message->nlmsg_len, kRouteMessageBytes);
  const auto* body = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  EXPECT_EQ(body->rtm_family, AF_INET6);
  EXPECT_EQ(body->rtm_dst_len, 128);
  EXPECT_EQ(body->rtm_src_len, 128);
  EXPECT_EQ(body->rtm_tos, 0x54);
  const NetlinkAttributes attributes(message, sizeof(rtmsg));
  EXPECT_EQ(AddressIn(attributes.Get(RTA_SRC)), profile.source);
  EXPECT_EQ(AddressIn(attributes.Get(RTA_DST)), to.address);
  EXPECT_EQ(attributes.U32(RTA_OIF), 4u) << "a scope is for link-local addresses";
  EXPECT_EQ(attributes.U32(RTA_MARK), 5u);
  EXPECT_EQ(attributes.U32(RTA_UID), 6u);
  EXPECT_EQ(attributes.U16(RTA_SPORT), 2);
  EXPECT_EQ(attributes.U16(RTA_DPORT), 8);
}

TEST(RouteMessages, AScopeIsTheInterfaceOfALinkLocalDestination) {
  const Destination to = {.address = Ipv6("fe80::2"), .scope = 9, .udp_port = 8};
  EXPECT_EQ(AskedInterface({}, to), 9u);
  EXPECT_EQ(AskedInterface({.interface = 4}, to), 9u);
  EXPECT_EQ(AskedInterface({.interface = 4}, {.address = to.address}), 4u);
  EXPECT_EQ(AskedInterface({}, {.address = Ipv6("fec0::2"), .scope = 9}), 0u);
  Room room;
  const nlmsghdr* message = PutRouteQuestion(room.bytes.data(), 9, {}, to);
  const NetlinkAttributes attributes(message, sizeof(rtmsg));
  EXPECT_EQ(attributes.U32(RTA_OIF), 9u);
  EXPECT_EQ(attributes.Get(RTA_SRC), nullptr);
}

TEST(RouteMessages, NeighbourUse) {
  Room room;
  for (const IpAddress& address : {IpAddress::FromIpv4(7), Ipv6("fe80::2")}) {
    const nlmsghdr* message = PutNeighbourUse(room.bytes.data(), 3, address);
    const auto* body = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    EXPECT_EQ(body->ndm_ifindex, 3);
    EXPECT_EQ(body->ndm_flags, NTF_USE);
    // What it asks for is what the kernel tells.
    const std::optional<NeighbourMessage> told = ParseNeighbour(message);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->address, address);
    EXPECT_EQ(told->interface, 3u);
  }
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
  EXPECT_EQ(answer.gateway, IpAddress::FromIpv4(4));
  EXPECT_EQ(answer.source, IpAddress::FromIpv4(5));
  EXPECT_EQ(answer.mtu, 1300u);
  EXPECT_TRUE(answer.mtu_locked);
  EXPECT_EQ(answer.hop_limit, 9u);
  EXPECT_EQ(answer.expires_ms, 2500u);
  EXPECT_FALSE(answer.encapsulated);
  EXPECT_FALSE(answer.foreign_next_hop);
}

TEST(RouteMessages, AnIpv6Answer) {
  Room room;
  rtmsg* body;
  nlmsghdr* message = PutRoute(&room, &body);
  body->rtm_family = AF_INET6;
  mnl_attr_put_u32(message, RTA_OIF, 3);
  PutIpv6(message, RTA_PREFSRC, "fd00::1");
  // Of two, as the kernel writes for a route with "src", the last one counts.
  PutIpv6(message, RTA_PREFSRC, "fd00::9");
  PutIpv6(message, RTA_GATEWAY, "fe80::2");
  RouteAnswer answer = ParseRouteAnswer(message);
  EXPECT_EQ(answer.gateway, Ipv6("fe80::2"));
  EXPECT_EQ(answer.source, Ipv6("fd00::9"));
  EXPECT_EQ(answer.mtu, 0u);
  EXPECT_EQ(answer.hop_limit, 0u);
  // An address of another length than the family's is none.
  body->rtm_family = AF_INET;
  answer = ParseRouteAnswer(message);
  EXPECT_TRUE(answer.gateway.IsUnspecified());
  EXPECT_TRUE(answer.source.IsUnspecified());
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
  // Not one of the kernel's, and no int when negated.
  body->error = std::numeric_limits<int>::min();
  EXPECT_EQ(ParseRouteAnswer(message).error, EBADMSG);
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
  EXPECT_FALSE(ParseNeighbour(message)) << "too short an address";
  neighbour->ndm_family = AF_BRIDGE;
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

TEST(RouteMessages, ALengthAboveIntIsNoMessage) {
  Room room;
  ifinfomsg* body;
  nlmsghdr* message = PutNetlinkMessage(room.bytes.data(), RTM_NEWLINK, 0, &body);
  const std::span<const char> datagram(room.bytes.data(), message->nlmsg_len);
  size_t messages = 0;
  const auto count = [&messages](const nlmsghdr*) { messages++; };
  ForEachNetlinkMessage(datagram, count);
  EXPECT_EQ(messages, 1u);
  for (const uint32_t length : {0xffffffff, 0x80000000, 33u}) {
    message->nlmsg_len = length;
    ForEachNetlinkMessage(datagram, count);
    EXPECT_EQ(messages, 1u) << length;
  }
}

// Messages and nests end where they say, not where the next one would begin.
TEST(RouteMessages, AnAttributeBeyondTheEndIsNone) {
  Room room;
  rtmsg* body;
  nlmsghdr* message = PutRoute(&room, &body);
  nlattr* metrics = mnl_attr_nest_start(message, RTA_METRICS);
  mnl_attr_put_u32(message, RTAX_MTU, 1300);
  mnl_attr_nest_end(message, metrics);
  EXPECT_EQ(ParseRouteAnswer(message).mtu, 1300u);
  metrics->nla_len--;
  EXPECT_EQ(ParseRouteAnswer(message).mtu, 0u);
  mnl_attr_put_u32(message, RTA_OIF, 3);
  EXPECT_EQ(ParseRouteAnswer(message).interface, 3u);
  message->nlmsg_len--;
  EXPECT_EQ(ParseRouteAnswer(message).interface, 0u);
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

}  // namespace
}  // namespace groupcast
