// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/path_mtu_watch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>

#include <cstring>
#include <vector>

namespace groupcast {
namespace {

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
  EXPECT_EQ(QuotedDestination(packet), IpAddress::FromIpv4(inet_addr("192.0.2.9")));
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

TEST(PathMtuWatch, QuotedIpv6Destination) {
  constexpr in6_addr kQuoted = {{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}}};
  icmp6_hdr icmp{};
  icmp.icmp6_type = ICMP6_PACKET_TOO_BIG;
  icmp.icmp6_mtu = htonl(1400);
  ip6_hdr quoted{};
  quoted.ip6_vfc = 0x60;
  quoted.ip6_dst = kQuoted;
  std::vector<uint8_t> message(sizeof(icmp) + sizeof(quoted));
  std::memcpy(message.data(), &icmp, sizeof(icmp));
  std::memcpy(message.data() + sizeof(icmp), &quoted, sizeof(quoted));
  EXPECT_EQ(QuotedDestination6(message), IpAddress::FromIpv6(kQuoted));
  for (size_t length = 0; length < message.size(); length++) {
    EXPECT_FALSE(QuotedDestination6({message.data(), length})) << length;
  }
  message[0] = ICMP6_DST_UNREACH;
  EXPECT_FALSE(QuotedDestination6(message));
  message[0] = ICMP6_PACKET_TOO_BIG;
  message[sizeof(icmp)] = 0x45;
  EXPECT_FALSE(QuotedDestination6(message));
}

}  // namespace
}  // namespace groupcast
