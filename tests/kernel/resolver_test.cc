// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Routes: what the resolver answers, and how it follows changes of them.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "engine/control/egress_filters.h"
#include "tests/kernel/resolver_fixture.h"

namespace groupcast {
namespace {

TEST_F(ResolverTest, OnLink) {
  StartLan();
  const Route route = Ask("10.77.0.2");
  EXPECT_TRUE(IsEngine(route));
  EXPECT_EQ(route.port, 0);
  EXPECT_EQ(route.source, Address("10.77.0.1"));
  EXPECT_EQ(route.path_mtu, 1500u);
  EXPECT_EQ(route.device_mtu, 1500u);
  EXPECT_FALSE(route.mtu_locked);
  // Ask() has made the kernel resolve it.
  ASSERT_TRUE(AwaitUsable(route));
  EXPECT_EQ(DestinationMac(route), "02:00:00:00:77:02");
  EXPECT_EQ(SourceMac(route), "02:00:00:00:77:01");
  EXPECT_EQ(resolver_->next_hops()[route.next_hop].source_and_type.load() >> 48, htons(0x0800));
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), 1u);
}

TEST_F(ResolverTest, RecipientsBehindOneGatewayShareANextHop) {
  Us("ip route add 10.78.0.0/16 via 10.77.0.2 mtu 1400");
  StartLan();
  const Route first = Ask("10.78.0.1"), second = Ask("10.78.9.9"), gateway = Ask("10.77.0.2");
  EXPECT_TRUE(IsEngine(first));
  EXPECT_EQ(first.next_hop, second.next_hop);
  EXPECT_EQ(first.next_hop, gateway.next_hop);
  EXPECT_EQ(first.path_mtu, 1400u);
  EXPECT_EQ(first.device_mtu, 1500u);
  EXPECT_EQ(gateway.path_mtu, 1500u);
  EXPECT_TRUE(AwaitUsable(first));
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), 1u);
}

TEST_F(ResolverTest, ManyDestinationsAtOnce) {
  Us("ip route add 10.78.0.0/16 via 10.77.0.2");
  StartLan();
  std::vector<Destination> to(1000);
  for (size_t i = 0; i < to.size(); i++) {
    to[i] = To(("10.78." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250)).c_str());
  }
  const uint32_t profile = resolver_->Intern({});
  std::vector<const Route*> routes(to.size());
  resolver_->Online(1);
  resolver_->Lookup(profile, to, routes.data());
  for (const Route* route : routes) EXPECT_EQ(route, nullptr);
  resolver_->Offline(1);
  EXPECT_TRUE(resolver_->Ask(profile, to));
  EXPECT_EQ(resolver_->counters().Read(Counter::kRoutesAsked), to.size());
  resolver_->Online(1);
  resolver_->Lookup(profile, to, routes.data());
  for (const Route* route : routes) {
    ASSERT_NE(route, nullptr);
    EXPECT_TRUE(IsEngine(*route));
    EXPECT_EQ(route->next_hop, routes[0]->next_hop);
  }
  resolver_->Offline(1);
}

TEST_F(ResolverTest, WhatGoesByTheKernel) {
  Us("ip route add blackhole 10.80.0.0/16");
  Us("ip route add unreachable 10.81.0.0/16");
  Us("ip route add prohibit 10.82.0.0/16");
  Us("ip route add 10.83.0.0/16 via 10.77.0.2 hoplimit 9");
  Us("ip -6 addr add fd00:77::1/64 dev u0 nodad");
  Us("ip route add 10.84.0.0/16 via inet6 fd00:77::2 dev u0");
  Us("ip link add w0 type veth peer name w1 && ip addr add 10.85.0.1/24 dev w0 && "
     "ip link set w0 up && ip link set w1 up");
  StartLan();
  for (const char* address : {"10.79.0.1", "10.80.0.1", "10.81.0.1", "10.82.0.1", "10.83.0.1",
                              "10.84.0.1", "10.85.0.2"}) {
    EXPECT_TRUE(IsKernel(Ask(address), Counter::kKernelRoute)) << address;
  }
  for (const char* address : {"0.0.0.0", "127.0.0.1", "127.9.9.9", "224.0.0.1", "239.1.2.3",
                              "255.255.255.255", "10.77.0.1", "10.77.0.255"}) {
    EXPECT_TRUE(IsKernel(Ask(address), Counter::kKernelDestination)) << address;
  }
  // A source that is not ours: the kernel's own error is right.
  EXPECT_TRUE(IsKernel(Ask("10.77.0.2", {.source = Address("192.0.2.1")}), Counter::kKernelRoute));
  EXPECT_TRUE(IsEngine(Ask("10.77.0.2", {.source = Address("10.77.0.1")})));
}

TEST_F(ResolverTest, ProfilesAnswerForThemselves) {
  Us("ip addr add 10.77.0.9/24 dev u0");
  Us("ip route add 10.78.0.0/16 via 10.77.0.2 && ip route add 10.78.0.0/16 via 10.77.0.3 table 7");
  Us("ip route add blackhole 10.78.0.0/16 table 8");
  Us("ip rule add fwmark 5 table 7 && ip rule add uidrange 4000-4001 table 8");
  Us("ip rule add ipproto udp sport 6000 table 8 && ip rule add tos 0x10 table 8");
  StartLan();
  const Route plain = Ask("10.78.0.1"), marked = Ask("10.78.0.1", {.mark = 5});
  EXPECT_TRUE(IsEngine(marked));
  EXPECT_NE(plain.next_hop, marked.next_hop);
  EXPECT_EQ(marked.next_hop, Ask("10.77.0.3").next_hop);
  EXPECT_TRUE(IsKernel(Ask("10.78.0.1", {.uid = 4000}), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("10.78.0.1", {.source_port = htons(6000)}), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("10.78.0.1", {.tos = 0x10}), Counter::kKernelRoute));
  EXPECT_TRUE(IsEngine(Ask("10.78.0.1", {.source_port = htons(6001), .uid = 1000})));
  EXPECT_EQ(Ask("10.78.0.1", {.source = Address("10.77.0.9")}).source, Address("10.77.0.9"));
  EXPECT_TRUE(IsKernel(Ask("10.78.0.1", {.interface = 1}), Counter::kKernelRoute));
  EXPECT_EQ(resolver_->Intern({.mark = 5}), resolver_->Intern({.mark = 5}));
  EXPECT_NE(resolver_->Intern({.mark = 5}), resolver_->Intern({.mark = 6}));
}

TEST_F(ResolverTest, EcmpAgreesWithTheKernel) {
  Us("sysctl -qw net.ipv4.fib_multipath_hash_policy=1");
  Us("ip route add 10.78.0.0/16 nexthop via 10.77.0.2 nexthop via 10.77.0.3");
  StartLan();
  const uint32_t by_2 = Ask("10.77.0.2").next_hop, by_3 = Ask("10.77.0.3").next_hop;
  std::array<int, 2> taken{};
  for (uint16_t source_port = 7000; source_port < 7032; source_port++) {
    const Route route = Ask("10.78.0.1", {.source_port = htons(source_port)});
    ASSERT_TRUE(route.next_hop == by_2 || route.next_hop == by_3);
    taken[route.next_hop == by_2 ? 0 : 1]++;
    const std::string gateway = route.next_hop == by_2 ? "10.77.0.2" : "10.77.0.3";
    Us("ip route get 10.78.0.1 ipproto udp sport " + std::to_string(source_port) +
       " dport 5004 | grep -q 'via " + gateway + " '");
  }
  EXPECT_GT(taken[0], 0);
  EXPECT_GT(taken[1], 0);
}

TEST_F(ResolverTest, AReplacedRouteIsFollowedAndStaysInUse) {
  Us("ip route add 10.78.0.0/16 via 10.77.0.2");
  StartLan();
  const Route before = Ask("10.78.0.1");
  const uint32_t generation = resolver_->Generation();
  const uint64_t revision = resolver_->Revision();
  EXPECT_TRUE(IsKernel(Ask("10.79.0.1"), Counter::kKernelRoute));
  Us("ip route replace 10.78.0.0/16 via 10.77.0.3");
  EXPECT_TRUE(Eventually([&] {
    const std::optional<Route> route = Look("10.78.0.1");
    EXPECT_TRUE(route && IsEngine(*route)) << "an entry is in use until its successor is there";
    return route && route->next_hop != before.next_hop;
  }));
  EXPECT_NE(resolver_->Generation(), generation);
  EXPECT_GT(resolver_->Revision(), revision);
  EXPECT_EQ(Look("10.78.0.1")->next_hop, Ask("10.77.0.3").next_hop);
  // An answer that was an error is followed, too, and the other way round.
  Us("ip route add 10.79.0.0/16 via 10.77.0.2");
  EXPECT_TRUE(Eventually([&] { return IsEngine(*Look("10.79.0.1")); }));
  Us("ip route del 10.79.0.0/16");
  EXPECT_TRUE(Eventually([&] { return !IsEngine(*Look("10.79.0.1")); }));
  Us("ip rule add to 10.78.0.0/16 blackhole");
  EXPECT_TRUE(Eventually([&] { return !IsEngine(*Look("10.78.0.1")); }));
}

TEST_F(ResolverTest, NextHopObjectsAreFollowed) {
  Us("sysctl -qw net.ipv4.nexthop_compat_mode=0");
  Us("ip nexthop add id 1 via 10.77.0.2 dev u0 && ip route add 10.78.0.0/16 nhid 1");
  StartLan();
  const Route before = Ask("10.78.0.1");
  EXPECT_TRUE(IsEngine(before));
  Us("ip nexthop replace id 1 via 10.77.0.3 dev u0");
  EXPECT_TRUE(Eventually([&] { return Look("10.78.0.1")->next_hop != before.next_hop; }));
}

TEST_F(ResolverTest, LinkDownUpAndItsMtu) {
  StartLan();
  EXPECT_TRUE(Interface(0).exists && Interface(0).up);
  // The kernel tells of a carrier up to a second late.
  EXPECT_TRUE(Eventually([&] { return Interface(0).carrier; }));
  EXPECT_EQ(Interface(0).mtu, 1500u);
  ASSERT_TRUE(AwaitUsable(Ask("10.77.0.2")));
  for (int flap = 0; flap < 10; flap++) {
    Us("ip link set u0 down");
    ASSERT_TRUE(Eventually([&] { return !Interface(0).up && !IsEngine(*Look("10.77.0.2")); }));
    Us("ip link set u0 up");
    ASSERT_TRUE(Eventually([&] { return Interface(0).up && IsEngine(*Look("10.77.0.2")); }));
    ASSERT_TRUE(AwaitUsable(Ask("10.77.0.2")));
  }
  Peer("ip link set p0 down");
  EXPECT_TRUE(Eventually([&] { return !Interface(0).carrier; }));
  EXPECT_TRUE(Interface(0).up);
  Peer("ip link set p0 up");
  EXPECT_TRUE(Eventually([&] { return Interface(0).carrier; }));
  Us("ip link set u0 mtu 1300");
  EXPECT_TRUE(Eventually([&] { return Look("10.77.0.2")->path_mtu == 1300; }));
  EXPECT_EQ(Interface(0).mtu, 1300u);
}

TEST_F(ResolverTest, ADeletedInterfaceTakesItsRoutesWithIt) {
  StartLan();
  const Route before = Ask("10.77.0.2");
  ASSERT_TRUE(AwaitUsable(before));
  Us("ip link del u0");
  EXPECT_TRUE(Eventually([&] { return !Interface(0).exists; }));
  EXPECT_FALSE(Usable(before));
  EXPECT_FALSE(Look("10.77.0.2"));
  EXPECT_FALSE(IsEngine(Ask("10.77.0.2")));
  // Another interface of that name is not what the port's device is bound to.
  Us("ip link add u0 type veth peer name p1 && ip addr add 10.77.0.1/24 dev u0 && "
     "ip link set p1 up && ip link set u0 up");
  EXPECT_TRUE(IsKernel(Ask("10.77.0.2"), Counter::kKernelRoute));
  EXPECT_FALSE(Interface(0).exists);
}

TEST_F(ResolverTest, AnInterfaceThatDoesNotExistIsNamed) {
  Resolver::Options options = LanOptions();
  options.ports[0].interface = 12345;
  const auto resolver = Resolver::Start(std::move(options));
  ASSERT_FALSE(resolver.ok());
  EXPECT_EQ(resolver.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(resolver.status().message().find("lan0"), std::string::npos);
  EXPECT_NE(resolver.status().message().find("12345"), std::string::npos);
}

// "Fragmentation needed, MTU `mtu`" for a datagram of the socket bound to 10.77.0.1:7000.
void SendFragmentationNeeded(const char* quoted_destination, uint16_t mtu) {
  struct {
    icmphdr icmp;
    iphdr quoted;
    udphdr udp;
  } message{};
  message.icmp.type = ICMP_DEST_UNREACH;
  message.icmp.code = ICMP_FRAG_NEEDED;
  message.icmp.un.frag.mtu = htons(mtu);
  message.quoted.version = 4;
  message.quoted.ihl = 5;
  message.quoted.tot_len = htons(1500);
  message.quoted.frag_off = htons(IP_DF);
  message.quoted.ttl = 64;
  message.quoted.protocol = IPPROTO_UDP;
  message.quoted.saddr = inet_addr("10.77.0.1");
  message.quoted.daddr = inet_addr(quoted_destination);
  message.udp.source = htons(7000);
  message.udp.dest = htons(5004);
  message.udp.len = htons(1480);
  std::array<uint16_t, sizeof(message) / 2> words;
  std::memcpy(words.data(), &message, sizeof(message));
  uint32_t sum = std::accumulate(words.begin(), words.end(), uint32_t{0});
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  message.icmp.checksum = static_cast<uint16_t>(~sum);
  const int sd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = inet_addr("10.77.0.1");
  EXPECT_EQ(sendto(sd, &message, sizeof(message), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
            static_cast<ssize_t>(sizeof(message)));
  close(sd);
}

// Path MTUs are forgotten after two seconds, and who is told of them is there.
class ResolverPathMtuTest : public ResolverTest {
 protected:
  ~ResolverPathMtuTest() override { close(sd_); }
  void SetUp() override {
    ResolverTest::SetUp();
    Us("sysctl -qw net.ipv4.route.mtu_expires=2");
    sd_ = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = inet_addr("10.77.0.1");
    local.sin_port = htons(7000);
    ASSERT_EQ(bind(sd_, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
    Us("ip route add 10.78.0.0/16 via 10.77.0.2");
    StartLan();
  }

 private:
  int sd_ = -1;
};

TEST_F(ResolverPathMtuTest, IsNoticedAndForgotten) {
  EXPECT_EQ(Ask("10.78.0.1").path_mtu, 1500u);
  EXPECT_EQ(Ask("10.78.0.2").path_mtu, 1500u);
  OnPeer([] { SendFragmentationNeeded("10.78.0.1", 1200); });
  // Neither route nor link events: nobody else would tell.
  EXPECT_TRUE(Eventually([&] { return Look("10.78.0.1")->path_mtu == 1200; }, 500));
  EXPECT_EQ(Look("10.78.0.1")->device_mtu, 1500u);
  EXPECT_EQ(Look("10.78.0.2")->path_mtu, 1500u);
  EXPECT_TRUE(Eventually([&] { return Look("10.78.0.1")->path_mtu == 1500; }, 6000));
  // Below net.ipv4.route.min_pmtu the kernel locks the MTU and sends without DF.
  OnPeer([] { SendFragmentationNeeded("10.78.0.2", 400); });
  EXPECT_TRUE(Eventually([&] { return Look("10.78.0.2")->mtu_locked; }, 500));
  EXPECT_EQ(Look("10.78.0.2")->path_mtu, 552u);
}

// The kernel tells what is left of an exception in hundredths of a second, rounded down: nothing in
// its last one.
TEST_F(ResolverPathMtuTest, IsForgottenIfAskedForInItsLastMoment) {
  std::vector<std::string> addresses;
  for (int i = 1; i <= 200; i++) addresses.push_back("10.78.0." + std::to_string(i));
  for (const std::string& address : addresses) EXPECT_EQ(Ask(address.c_str()).path_mtu, 1500u);
  const auto start = std::chrono::steady_clock::now();
  OnPeer([&] {
    for (const std::string& address : addresses) {
      SendFragmentationNeeded(address.c_str(), 1200);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  const auto took = std::chrono::steady_clock::now() - start;
  const auto with = [&](uint32_t mtu) {
    return std::ranges::count_if(addresses, [&](const std::string& address) {
      return Look(address.c_str())->path_mtu == mtu;
    });
  };
  EXPECT_TRUE(Eventually([&] { return with(1200) > 100; }, 1000));
  // Some of them have no more than a moment left when all are asked for again.
  std::this_thread::sleep_until(start + std::chrono::seconds(2) + took / 2);
  Us("ip route add 10.79.0.0/16 via 10.77.0.2");
  EXPECT_TRUE(Eventually([&] { return with(1500) == 200; }, 6000)) << with(1200);
}

// Nobody asks for ever for the end of what has none any more.
TEST_F(ResolverPathMtuTest, HasNoEndOnceItIsTheRoutesOwn) {
  Ask("10.78.0.1");
  OnPeer([] { SendFragmentationNeeded("10.78.0.1", 1200); });
  EXPECT_TRUE(Eventually([&] { return Look("10.78.0.1")->path_mtu == 1200; }, 1000));
  EXPECT_NE(Look("10.78.0.1")->expires_ns, 0);
  Us("ip route change 10.78.0.0/16 via 10.77.0.2 mtu 1200");
  EXPECT_TRUE(Eventually([&] { return Look("10.78.0.1")->expires_ns == 0; }, 6000));
  EXPECT_EQ(Look("10.78.0.1")->path_mtu, 1200u);
}

TEST_F(ResolverTest, XfrmOutputPolicy) {
  StartLan();
  EXPECT_FALSE(resolver_->EgressPolicy());
  Us("ip xfrm policy add src 10.77.0.2/32 dst 10.77.0.1/32 dir in");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(resolver_->EgressPolicy());
  Us("ip xfrm policy add src 10.77.0.1/32 dst 10.99.0.0/16 dir out");
  EXPECT_TRUE(Eventually([&] { return resolver_->EgressPolicy(); }));
  Us("ip xfrm policy flush");
  EXPECT_TRUE(Eventually([&] { return !resolver_->EgressPolicy(); }));
  Us("ip xfrm policy add src 10.77.0.1/32 dst 10.99.0.0/16 dir out");
  StartLan();
  EXPECT_TRUE(resolver_->EgressPolicy()) << "one that was there before";
}

TEST_F(ResolverTest, EgressFilters) {
  const std::array<uint32_t, 1> interfaces = {if_nametoindex("u0")};
  EXPECT_TRUE(FindEgressFilters(interfaces).empty());
  Us("ip link add w0 type veth peer name w1");
  Us("nft add table inet filter"
     " && nft add chain inet filter output '{ type filter hook output priority 0; }'"
     " && nft add chain inet filter input '{ type filter hook input priority 0; }'"
     " && nft add chain inet filter plain");
  Us("nft add table ip nat"
     " && nft add chain ip nat post '{ type nat hook postrouting priority 100; }'");
  Us("nft add table netdev early"
     " && nft add chain netdev early ours '{ type filter hook egress device u0 priority 0; }'"
     " && nft add chain netdev early other '{ type filter hook egress device w0 priority 0; }'"
     " && nft add chain netdev early in '{ type filter hook ingress device u0 priority 0; }'");
  EXPECT_EQ(
      FindEgressFilters(interfaces),
      std::vector<std::string>({"nftables chain inet filter output", "nftables chain ip nat post",
                                "nftables chain netdev early ours"}));
  Us("nft flush ruleset && tc qdisc add dev u0 clsact && tc qdisc add dev w0 clsact");
  EXPECT_EQ(FindEgressFilters(interfaces), std::vector<std::string>({"qdisc clsact on u0"}));
}

}  // namespace
}  // namespace groupcast
