// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// IPv6: sizes, hop limits, sources and neighbours, compared with the kernel's own.
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/kernel/resolver_ipv6_fixture.h"

namespace groupcast {
namespace {

// "Packet too big, MTU `mtu`" for a datagram of the socket bound to [fd77::1]:7000.
void SendPacketTooBig(const char* quoted_destination, uint32_t mtu) {
  struct {
    icmp6_hdr icmp;
    ip6_hdr quoted;
    udphdr udp;
  } message{};
  message.icmp.icmp6_type = ICMP6_PACKET_TOO_BIG;
  message.icmp.icmp6_mtu = htonl(mtu);
  message.quoted.ip6_flow = htonl(6u << 28);
  message.quoted.ip6_plen = htons(1460);
  message.quoted.ip6_nxt = IPPROTO_UDP;
  message.quoted.ip6_hlim = 64;
  message.quoted.ip6_src = Address("fd77::1").Ipv6();
  message.quoted.ip6_dst = Address(quoted_destination).Ipv6();
  message.udp.source = htons(7000);
  message.udp.dest = htons(5004);
  message.udp.len = htons(1460);
  const int sd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_addr = Address("fd77::1").Ipv6();
  EXPECT_EQ(sendto(sd, &message, sizeof(message), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
            static_cast<ssize_t>(sizeof(message)));
  close(sd);
}

int SocketBoundTo(const char* address, uint16_t port) {
  const int sd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 local{};
  local.sin6_family = AF_INET6;
  local.sin6_addr = Address(address).Ipv6();
  local.sin6_port = htons(port);
  EXPECT_EQ(bind(sd, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
  return sd;
}

TEST_F(ResolverIpv6Test, ASmallerPathMtuIsNoticedAndForgotten) {
  Us("ip route add fd78::/32 via fd77::2 && sysctl -qw net.ipv6.route.mtu_expires=2");
  StartLan();
  const int sd = SocketBoundTo("fd77::1", 7000);
  const uint32_t profile = resolver_->Intern({});
  EXPECT_EQ(Ask("fd78::1").path_mtu, 1500u);
  EXPECT_EQ(Ask("fd78::2").path_mtu, 1500u);
  EXPECT_EQ(resolver_->MtuChanges(), 0u);
  OnPeer([] { SendPacketTooBig("fd78::1", 1400); });
  // Neither route nor link events: nobody else would tell.
  EXPECT_TRUE(Eventually([&] { return Look("fd78::1")->path_mtu == 1400; }, 500));
  EXPECT_EQ(ConnectedSocket("fd78::1").PathMtu(), 1400u);
  EXPECT_EQ(Look("fd78::1")->device_mtu, 1500u);
  EXPECT_EQ(Look("fd78::2")->path_mtu, 1500u);
  // Those who keep answers themselves are told, and when it is over.
  std::vector<IpAddress> addresses;
  bool all = true;
  EXPECT_EQ(resolver_->TakeMtuChanges(0, &addresses, &all), resolver_->MtuChanges());
  EXPECT_FALSE(all);
  ASSERT_FALSE(addresses.empty());
  for (const IpAddress& address : addresses) EXPECT_EQ(address, Address("fd78::1"));
  const Destination to = To("fd78::1");
  Route kept;
  resolver_->Resolve(profile, {&to, 1}, &kept);
  EXPECT_EQ(kept.path_mtu, 1400u);
  EXPECT_GT(kept.expires_ns, 0);
  resolver_->ReleaseNextHops({&kept.next_hop, 1});
  EXPECT_TRUE(Eventually([&] { return Look("fd78::1")->path_mtu == 1500; }, 6000));
  EXPECT_EQ(ConnectedSocket("fd78::1").PathMtu(), 1500u);
  // Whatever the kernel makes of one below IPv6's least.
  const uint64_t told = resolver_->MtuChanges();
  OnPeer([] { SendPacketTooBig("fd78::2", 600); });
  EXPECT_TRUE(Eventually([&] { return resolver_->MtuChanges() >= told + 2; }));
  EXPECT_EQ(Look("fd78::2")->path_mtu, ConnectedSocket("fd78::2").PathMtu());
  close(sd);
}

TEST_F(ResolverIpv6Test, TheLogOfPathMtusSaysWhatIsMissing) {
  StartLan();
  const int sd = SocketBoundTo("fd77::1", 7000);
  OnPeer([] {
    for (uint32_t i = 0; i < Resolver::kMtuChanges; i++) {
      SendPacketTooBig(("fd78::1:" + std::to_string(i % 1000)).c_str(), 1300);
      if (i % 100 == 99) usleep(15000);
    }
  });
  EXPECT_TRUE(Eventually([&] { return resolver_->MtuChanges() > Resolver::kMtuChanges; }));
  std::vector<IpAddress> addresses;
  bool all = false;
  const uint64_t now = resolver_->TakeMtuChanges(0, &addresses, &all);
  EXPECT_TRUE(all);
  EXPECT_TRUE(addresses.empty());
  resolver_->TakeMtuChanges(now - 10, &addresses, &all);
  EXPECT_FALSE(all);
  EXPECT_GE(addresses.size(), 10u);
  close(sd);
}

TEST_F(ResolverIpv6Test, TheInterfacesIpv6MtuAndHopLimit) {
  Us("ip route add fd78::/32 via fd77::2 && ip route add fd79::/32 via fd77::2 mtu 1450 hoplimit "
     "33");
  Us("sysctl -qw net.ipv6.conf.u0.mtu=1400 net.ipv6.conf.u0.hop_limit=99");
  StartLan();
  const auto as_the_kernel = [this](const char* address) {
    const ConnectedSocket socket(address);
    const std::optional<Route> route = Look(address);
    return route && IsEngine(*route) && route->path_mtu == socket.PathMtu() &&
           route->hop_limit == socket.HopLimit();
  };
  const auto follows = [&] {
    return Eventually([&] {
      return as_the_kernel("fd77::2") && as_the_kernel("fd78::1") && as_the_kernel("fd79::1");
    });
  };
  EXPECT_EQ(Ask("fd77::2").path_mtu, 1400u);
  EXPECT_EQ(Ask("fd78::1").hop_limit, 99);
  EXPECT_EQ(Ask("fd79::1").path_mtu, 1450u);
  EXPECT_EQ(Ask("fd79::1").hop_limit, 33);
  EXPECT_EQ(Look("fd78::1")->device_mtu, 1500u);
  EXPECT_TRUE(follows());
  // Nothing announces these.
  Us("sysctl -qw net.ipv6.conf.u0.mtu=1300 net.ipv6.conf.u0.hop_limit=77");
  EXPECT_TRUE(Eventually([&] { return Look("fd78::1")->path_mtu == 1300; }));
  EXPECT_EQ(Look("fd78::1")->hop_limit, 77);
  EXPECT_TRUE(follows());
  Us("ip link set u0 mtu 1290");
  EXPECT_TRUE(Eventually([&] { return Look("fd78::1")->device_mtu == 1290; }));
  EXPECT_TRUE(Eventually([&] { return Look("fd79::1")->path_mtu == 1290; }))
      << "the engine sends no frame that the interface does not take";
  // Below IPv6's least there is no IPv6.
  Us("ip link set u0 mtu 1279");
  EXPECT_TRUE(
      Eventually([&] { return !IsEngine(*Look("fd78::1")) && !IsEngine(*Look("fd77::2")); }));
  EXPECT_FALSE(IsEngine(Ask("fe80::2%u0")));
  EXPECT_TRUE(IsEngine(Ask("10.77.0.2")));
}

TEST_F(ResolverIpv6Test, SourcesAreTheKernels) {
  Us("ip addr add 2001:db8:77::1/64 dev u0 nodad && ip addr add 2001:db8:77::2/64 dev u0 nodad "
     "preferred_lft 0 && ip addr add 2002:a00::1/64 dev u0 nodad && "
     "ip addr add fd77:0:0:0:1::1/128 dev u0 nodad && ip addr add fec0::1/64 dev u0 nodad && "
     "ip addr add fd00:1::1/128 dev lo");
  Us("ip route add fd78::/32 via fd77::2 && ip route add 2001:db8::/32 via fd77::2 && "
     "ip route add fd79::/32 via fd77::2 src fd00:1::1 && ip route add default via fe80::2 dev u0");
  StartLan();
  std::vector<IpAddress> distinct;
  const auto compare = [&] {
    for (const char* to : {"fd77::2", "fd78::1", "2001:db8:77::99", "2001:db8:99::1", "fd79::1",
                           "fe80::2%u0", "2002:a01::1", "fec0::7", "2a00::1", "fd77::1:0:0:9"}) {
      const IpAddress ours = Ask(to).source, kernels = ConnectedSocket(to).Source();
      EXPECT_EQ(ours, kernels) << to << ": " << Text(ours) << ", the kernel: " << Text(kernels);
      if (std::find(distinct.begin(), distinct.end(), kernels) == distinct.end()) {
        distinct.push_back(kernels);
      }
    }
  };
  compare();
  EXPECT_GE(distinct.size(), 5u) << "too easy";
  Us("ip addr del 2001:db8:77::1/64 dev u0");
  EXPECT_TRUE(Eventually([&] {
    return Look("2001:db8:99::1")->source == ConnectedSocket("2001:db8:99::1").Source();
  }));
  compare();
}

TEST_F(ResolverIpv6Test, StatesOfANeighbour) {
  StartLan();
  const Route route = Ask("fd77::7");
  EXPECT_FALSE(Usable(route));
  uint64_t usable_changes = resolver_->UsableChanges();
  for (const char* state : {"permanent", "noarp", "reachable", "stale", "delay", "probe"}) {
    Us(std::string("ip neigh replace fd77::7 dev u0 lladdr 02:00:00:00:00:07 nud ") + state);
    EXPECT_TRUE(AwaitUsable(route)) << state;
    EXPECT_TRUE(Eventually([&] { return resolver_->UsableChanges() == usable_changes + 1; }));
    Us("ip neigh del fd77::7 dev u0");
    EXPECT_TRUE(Eventually([&] { return !Usable(route); })) << state;
    EXPECT_TRUE(Eventually([&] { return resolver_->UsableChanges() == usable_changes + 2; }));
    usable_changes += 2;
  }
}

TEST_F(ResolverIpv6Test, NeighboursThatWereThereBefore) {
  Us("ip neigh add fd77::7 dev u0 lladdr 02:00:00:00:00:07 nud permanent");
  StartLan();
  const Route route = Ask("fd77::7");
  EXPECT_TRUE(Usable(route));
  EXPECT_EQ(DestinationMac(route), "02:00:00:00:00:07");
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), 0u);
}

TEST_F(ResolverIpv6Test, AMacThatChangesSilentlyIsNoticed) {
  const auto set = [](const char* name, const char* value) {
    std::ofstream("/proc/sys/net/ipv6/neigh/u0/" + std::string(name)) << value;
  };
  set("base_reachable_time_ms", "500");
  set("delay_first_probe_time", "1");
  set("retrans_time_ms", "100");
  StartLan();
  const Route route = Ask("fd77::2");
  ASSERT_TRUE(AwaitUsable(route));
  // Permanent on the peer's side, so that its own solicitations give nothing away.
  Peer(
      "ip neigh replace fd77::1 dev p0 lladdr 02:00:00:00:77:01 nud permanent && "
      "ip neigh replace fe80::1 dev p0 lladdr 02:00:00:00:77:01 nud permanent");
  Peer("ip link set p0 address 02:00:00:00:77:22");
  EXPECT_EQ(DestinationMac(route), "02:00:00:00:77:02");
  // Only look-ups use the neighbour: no datagram of the kernel's does.
  EXPECT_TRUE(Eventually(
      [&] { return Look("fd77::2") && DestinationMac(route) == "02:00:00:00:77:22"; }, 12000));
  EXPECT_TRUE(AwaitUsable(route));
  EXPECT_GE(resolver_->counters().Read(Counter::kNeighbourProbes), 2u);
}

TEST_F(ResolverIpv6Test, StaticPrefixesOfBothFamilies) {
  StaticInterface fixed;
  fixed.mac = {{2, 0, 0, 0, 0, 0x51}};
  fixed.address6 = Address("fd90::1");
  fixed.next_hops = {{Address("::"), 0, {{2, 0, 0, 0, 0, 0x01}}},
                     {Address("fd90::"), 16, {{2, 0, 0, 0, 0, 0x16}}},
                     {Address("fd90:0:0:8000::"), 49, {{2, 0, 0, 0, 0, 0x49}}},
                     {Address("fd90::9"), 128, {{2, 0, 0, 0, 0, 0x28}}},
                     {Address("10.90.0.0"), 16, {{2, 0, 0, 0, 0, 0x04}}}};
  Resolver::Options options = LanOptions();
  options.ports.push_back({.name = "ring0", .interface = 0, .fixed = fixed});
  Start(std::move(options));
  const auto expect = [this](const char* address, const std::string& mac) {
    const Route route = Ask(address);
    ASSERT_TRUE(IsEngine(route)) << address;
    EXPECT_EQ(route.port, 1) << address;
    EXPECT_EQ(DestinationMac(route), mac) << address;
    EXPECT_EQ(route.source, Address("fd90::1"));
    EXPECT_EQ(resolver_->next_hops()[route.next_hop].source_and_type.load() >> 48, htons(0x86dd));
  };
  expect("fd90::1", "02:00:00:00:00:16");
  expect("fd90:0:0:7fff::", "02:00:00:00:00:16");
  expect("fd90:0:0:8001::", "02:00:00:00:00:49");
  expect("fd90::9", "02:00:00:00:00:28");
  expect("fd91::9", "02:00:00:00:00:01");
  expect("fe80::2", "02:00:00:00:00:01");
  // A scope names a kernel interface.
  EXPECT_EQ(Ask("fe80::2%u0").port, 0);
  // Everything of one family is nothing of the other.
  EXPECT_EQ(Ask("10.77.0.2").port, 0);
  EXPECT_TRUE(IsEngine(Ask("10.77.0.2")));
  // No source for unbound sockets; a bound one has its own.
  EXPECT_TRUE(IsKernel(Ask("10.90.1.1"), Counter::kKernelRoute));
  const Route bound = Ask("10.90.1.1", {.source = Address("10.77.0.1")});
  EXPECT_EQ(bound.port, 1);
  EXPECT_EQ(DestinationMac(bound), "02:00:00:00:00:04");
  EXPECT_TRUE(
      IsKernel(Ask("fd90::9", {.source = Address("10.77.0.1")}), Counter::kKernelDestination));
}

}  // namespace
}  // namespace groupcast
