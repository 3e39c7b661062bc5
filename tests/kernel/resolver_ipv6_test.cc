// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// IPv6 routes: what the resolver answers, and how it follows changes of them.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "engine/control/egress_filters.h"
#include "engine/control/kernel_vlan.h"
#include "tests/kernel/resolver_ipv6_fixture.h"

namespace groupcast {
namespace {

TEST_F(ResolverIpv6Test, OnLink) {
  StartLan();
  const Route route = Ask("fd77::2");
  EXPECT_TRUE(IsEngine(route));
  EXPECT_EQ(route.port, 0);
  EXPECT_EQ(route.source, Address("fd77::1"));
  EXPECT_EQ(route.path_mtu, 1500u);
  EXPECT_EQ(route.device_mtu, 1500u);
  EXPECT_EQ(route.hop_limit, 64);
  EXPECT_EQ(route.expires_ns, 0);
  ASSERT_TRUE(AwaitUsable(route));
  EXPECT_EQ(DestinationMac(route), "02:00:00:00:77:02");
  EXPECT_EQ(SourceMac(route), "02:00:00:00:77:01");
  EXPECT_EQ(resolver_->next_hops()[route.next_hop].source_and_type.load() >> 48, htons(0x86dd));
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), 1u);
  // The other family has next hops of its own, also on the same station.
  const Route ipv4 = Ask("10.77.0.2");
  ASSERT_TRUE(AwaitUsable(ipv4));
  EXPECT_NE(ipv4.next_hop, route.next_hop);
  EXPECT_EQ(Ask("::ffff:10.77.0.2").next_hop, ipv4.next_hop);
}

TEST_F(ResolverIpv6Test, Gateways) {
  Us("ip route add fd78::/32 via fd77::2 mtu 1400 && ip route add fd79::/32 via fe80::2 dev u0");
  StartLan();
  const Route global = Ask("fd78::1"), local = Ask("fd79::1");
  ASSERT_TRUE(IsEngine(global) && IsEngine(local));
  EXPECT_EQ(global.next_hop, Ask("fd78:0:9::9").next_hop);
  EXPECT_EQ(global.next_hop, Ask("fd77::2").next_hop);
  EXPECT_EQ(global.path_mtu, 1400u);
  EXPECT_EQ(global.device_mtu, 1500u);
  EXPECT_NE(global.next_hop, local.next_hop);
  EXPECT_EQ(local.next_hop, Ask("fe80::2%u0").next_hop);
  EXPECT_EQ(local.source, Address("fd77::1"));
  EXPECT_TRUE(AwaitUsable(global));
  EXPECT_TRUE(AwaitUsable(local));
  EXPECT_EQ(DestinationMac(local), "02:00:00:00:77:02");
}

TEST_F(ResolverIpv6Test, LinkLocalDestinationsNeedTheirLink) {
  Us("ip link add w0 type veth peer name w1 && ip link set w1 up && ip link set w0 up && "
     "ip -6 addr flush dev w0 && ip addr add fe80::77/64 dev w0 nodad");
  StartLan();
  const Route route = Ask("fe80::2%u0");
  EXPECT_TRUE(IsEngine(route));
  EXPECT_EQ(route.source, Address("fe80::1"));
  EXPECT_TRUE(AwaitUsable(route));
  const uint32_t u0 = if_nametoindex("u0"), w0 = if_nametoindex("w0");
  EXPECT_TRUE(IsKernel(Ask("fe80::2"), Counter::kKernelDestination));
  EXPECT_EQ(Ask("fe80::2", {.interface = u0}).next_hop, route.next_hop);
  EXPECT_EQ(Ask("fe80::2%u0", {.interface = u0}).next_hop, route.next_hop);
  EXPECT_TRUE(IsKernel(Ask("fe80::2%u0", {.interface = w0}), Counter::kKernelDestination));
  // The same address on a link that no port stands for.
  EXPECT_TRUE(IsKernel(Ask("fe80::2%w0"), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("fe80::1%u0"), Counter::kKernelDestination)) << "our own";
}

TEST_F(ResolverIpv6Test, WhatGoesByTheKernel) {
  Us("ip route add blackhole fd80::/32 && ip route add unreachable fd81::/32 && "
     "ip route add prohibit fd82::/32 && ip route add throw fd83::/32");
  Us("ip link add w0 type veth peer name w1 && ip link set w1 up && ip link set w0 up && "
     "ip addr add fd85::1/64 dev w0 nodad");
  StartLan();
  for (const char* address : {"fd79::1", "fd80::1", "fd81::1", "fd82::1", "fd83::1", "fd85::2"}) {
    EXPECT_TRUE(IsKernel(Ask(address), Counter::kKernelRoute)) << address;
  }
  for (const char* address : {"::", "::1", "ff02::1%u0", "ff0e::1", "fd77::1", "::ffff:127.0.0.1",
                              "::ffff:10.77.0.1", "::ffff:224.0.0.1"}) {
    EXPECT_TRUE(IsKernel(Ask(address), Counter::kKernelDestination)) << address;
  }
  // A source of the other family: whether it is an error is for the kernel to say.
  EXPECT_TRUE(
      IsKernel(Ask("fd77::2", {.source = Address("10.77.0.1")}), Counter::kKernelDestination));
  EXPECT_TRUE(
      IsKernel(Ask("10.77.0.2", {.source = Address("fd77::1")}), Counter::kKernelDestination));
  EXPECT_TRUE(IsEngine(Ask("fd77::2", {.source = Address("0.0.0.0")})));
  EXPECT_TRUE(IsEngine(Ask("10.77.0.2", {.source = Address("::")})));
}

TEST_F(ResolverIpv6Test, ProfilesAnswerForThemselves) {
  Us("ip addr add fd77::9/64 dev u0 nodad && ip addr add fd77::a/64 dev u0 nodad");
  Us("ip route add fd78::/32 via fd77::2 && ip route add fd78::/32 via fd77::3 table 7");
  Us("ip route add blackhole fd78::/32 table 8");
  Us("ip -6 rule add fwmark 5 table 7 && ip -6 rule add uidrange 4000-4001 table 8");
  Us("ip -6 rule add from fd77::a table 7");
  Us("ip -6 rule add ipproto udp sport 6000 table 8 && ip -6 rule add tos 0x10 table 8");
  StartLan();
  const uint32_t plain = Ask("fd77::2").next_hop, other = Ask("fd77::3").next_hop;
  EXPECT_EQ(Ask("fd78::1").next_hop, plain);
  EXPECT_EQ(Ask("fd78::1", {.mark = 5}).next_hop, other);
  EXPECT_TRUE(IsKernel(Ask("fd78::1", {.uid = 4000}), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("fd78::1", {.source_port = htons(6000)}), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("fd78::1", {.traffic_class = 0x10}), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("fd78::1", {.traffic_class = 0x13}), Counter::kKernelRoute)) << "ECN";
  EXPECT_EQ(Ask("fd78::1", {.tos = 0x10}).next_hop, plain) << "that is IPv4's";
  EXPECT_TRUE(IsEngine(Ask("fd78::1", {.source_port = htons(6001), .uid = 1000})));
  // The source that the socket has, not the one that the kernel would have chosen.
  for (const char* source : {"fd77::1", "fd77::9", "fd77::a"}) {
    EXPECT_EQ(Ask("fd77::2", {.source = Address(source)}).source, Address(source));
  }
  EXPECT_EQ(Ask("fd78::1", {.source = Address("fd77::9")}).next_hop, plain);
  EXPECT_EQ(Ask("fd78::1", {.source = Address("fd77::a")}).next_hop, other);
  EXPECT_TRUE(IsKernel(Ask("fd78::1", {.interface = 1}), Counter::kKernelRoute));
}

// With a source, IPv6 takes RTA_OIF for a wish; for a socket bound to the interface it is none.
TEST_F(ResolverIpv6Test, NoRouteByAnotherInterfaceThanTheSockets) {
  Us("ip link add w0 type veth peer name w1 && ip link set w1 up && ip link set w0 up && "
     "ip addr add fd85::1/64 dev w0 nodad && ip route add fd78::/32 via fd77::2");
  StartLan();
  const uint32_t u0 = if_nametoindex("u0"), w0 = if_nametoindex("w0");
  const IpAddress source = Address("fd77::1");
  EXPECT_TRUE(IsEngine(Ask("fd78::1", {.source = source, .interface = u0})));
  EXPECT_TRUE(IsKernel(Ask("fd78::1", {.source = source, .interface = w0}), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("fd78::1", {.interface = w0}), Counter::kKernelRoute));
}

// The destination MAC of the frame that brings a datagram from source port `source_port`.
std::string MacOnTheWire(int capture, uint16_t source_port) {
  for (int i = 0; i < 1000; i++) {
    std::array<uint8_t, 128> frame;
    const ssize_t length = recv(capture, frame.data(), frame.size(), MSG_DONTWAIT);
    if (length < 0) usleep(1000);
    // Ethernet, IPv6 without extension headers, UDP.
    if (length < 62 || frame[20] != IPPROTO_UDP) continue;
    if ((frame[54] << 8 | frame[55]) != source_port) continue;
    char mac[18];
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", frame[0], frame[1], frame[2],
             frame[3], frame[4], frame[5]);
    return mac;
  }
  return "nothing came";
}

TEST_F(ResolverIpv6Test, EcmpAgreesWithTheKernel) {
  Us("sysctl -qw net.ipv6.fib_multipath_hash_policy=1");
  Us("ip -6 route add fd78::/32 nexthop via fd77::2 nexthop via fd77::3");
  Us("ip neigh replace fd77::2 lladdr 02:00:00:00:77:02 dev u0 nud permanent && "
     "ip neigh replace fd77::3 lladdr 02:00:00:00:77:03 dev u0 nud permanent");
  int capture = -1;
  OnPeer([&capture] {
    capture = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x86dd));
    sockaddr_ll any{};
    any.sll_family = AF_PACKET;
    any.sll_protocol = htons(0x86dd);
    any.sll_ifindex = static_cast<int>(if_nametoindex("p0"));
    ASSERT_EQ(bind(capture, reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
  });
  StartLan();
  std::array<int, 2> taken{};
  for (uint16_t source_port = 7000; source_port < 7032; source_port++) {
    const Route route = Ask("fd78::1", {.source_port = htons(source_port)});
    ASSERT_TRUE(AwaitUsable(route));
    const int sd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 local{}, to{};
    local.sin6_family = to.sin6_family = AF_INET6;
    local.sin6_port = htons(source_port);
    ASSERT_EQ(bind(sd, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
    to.sin6_addr = Address("fd78::1").Ipv6();
    to.sin6_port = To("fd78::1").udp_port;
    ASSERT_EQ(sendto(sd, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 1);
    close(sd);
    const std::string mac = MacOnTheWire(capture, source_port);
    EXPECT_EQ(DestinationMac(route), mac) << source_port;
    taken[mac == "02:00:00:00:77:02" ? 0 : 1]++;
  }
  close(capture);
  EXPECT_GT(taken[0], 0);
  EXPECT_GT(taken[1], 0);
}

TEST_F(ResolverIpv6Test, ChangesAreFollowed) {
  Us("ip route add fd78::/32 via fd77::2");
  StartLan();
  const Route before = Ask("fd78::1");
  EXPECT_TRUE(IsKernel(Ask("fd79::1"), Counter::kKernelRoute));
  uint32_t generation = resolver_->Generation();
  Us("ip route replace fd78::/32 via fd77::3");
  EXPECT_TRUE(Eventually([&] {
    const std::optional<Route> route = Look("fd78::1");
    EXPECT_TRUE(route && IsEngine(*route)) << "an entry is in use until its successor is there";
    return route && route->next_hop != before.next_hop;
  }));
  EXPECT_NE(resolver_->Generation(), generation);
  Us("ip route add fd79::/32 via fd77::2");
  EXPECT_TRUE(Eventually([&] { return IsEngine(*Look("fd79::1")); }));
  Us("ip route del fd79::/32");
  EXPECT_TRUE(Eventually([&] { return !IsEngine(*Look("fd79::1")); }));
  Us("ip addr add fd78::9/128 dev u0 nodad preferred_lft 0 && ip addr add fd77::8/64 dev u0 nodad");
  Us("ip addr del fd77::1/64 dev u0");
  EXPECT_TRUE(Eventually([&] { return Look("fd78::1")->source == Address("fd77::8"); }));
  // Without any address of that link the routes over it go, too.
  Us("ip -6 rule add to fd78::/32 blackhole");
  EXPECT_TRUE(Eventually([&] { return !IsEngine(*Look("fd78::1")); }));
  Us("ip -6 rule del to fd78::/32 blackhole");
  EXPECT_TRUE(Eventually([&] { return IsEngine(*Look("fd78::1")); }));
  Us("ip link set u0 down");
  EXPECT_TRUE(Eventually([&] { return !IsEngine(*Look("fd78::1")); }));
}

TEST_F(ResolverIpv6Test, NextHopObjectsAreFollowed) {
  Us("ip nexthop add id 1 via fd77::2 dev u0 && ip route add fd78::/32 nhid 1");
  StartLan();
  const Route before = Ask("fd78::1");
  EXPECT_TRUE(IsEngine(before));
  Us("ip nexthop replace id 1 via fd77::3 dev u0");
  EXPECT_TRUE(Eventually([&] { return Look("fd78::1")->next_hop != before.next_hop; }));
}

TEST_F(ResolverIpv6Test, WhatNetlinkSaysOfAnInterface) {
  Us("ip link add m0 link u0 type macvlan && ip link set m0 mtu 1400");
  const uint32_t u0 = if_nametoindex("u0"), m0 = if_nametoindex("m0");
  const auto upper = AskLink(m0);
  ASSERT_TRUE(upper.ok()) << upper.status();
  EXPECT_EQ(upper->interface, m0);
  EXPECT_EQ(upper->lower, u0);
  EXPECT_EQ(upper->mtu, 1400u);
  EXPECT_EQ(upper->mtu6, 1400u);
  EXPECT_FALSE(upper->vlan);
  const auto lower = AskLink(u0);
  ASSERT_TRUE(lower.ok()) << lower.status();
  EXPECT_EQ(lower->lower, 0u) << "the other end of the veth is in another namespace";
  EXPECT_EQ(AskLink(12345).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ResolverIpv6Test, EgressFiltersOfIpv6) {
  Us("nft add table ip6 filter"
     " && nft add chain ip6 filter output '{ type filter hook output priority 0; }'"
     " && nft add chain ip6 filter input '{ type filter hook input priority 0; }'");
  const std::array<uint32_t, 1> interfaces = {if_nametoindex("u0")};
  EXPECT_EQ(FindEgressFilters(interfaces),
            std::vector<std::string>({"nftables chain ip6 filter output"}));
}

}  // namespace
}  // namespace groupcast
