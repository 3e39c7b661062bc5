// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Next hops: neighbours that come, age, move and go; and the limits of the tables.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/kernel/resolver_fixture.h"

namespace groupcast {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int64_t NowNs() { return std::chrono::nanoseconds(steady_clock::now().time_since_epoch()).count(); }

void ShortenNeighbourTimers(const std::string& device) {
  const auto set = [&device](const char* name, const char* value) {
    std::ofstream("/proc/sys/net/ipv4/neigh/" + device + "/" + name) << value;
  };
  set("base_reachable_time_ms", "500");
  set("delay_first_probe_time", "1");
  set("retrans_time_ms", "100");
  set("gc_stale_time", "60");
}

TEST_F(ResolverTest, StatesOfANeighbour) {
  StartLan();
  const Route route = Ask("10.77.0.7");
  EXPECT_FALSE(Usable(route));
  NextHop& hop = resolver_->next_hops()[route.next_hop];
  for (const char* state : {"permanent", "noarp", "reachable", "stale", "delay", "probe"}) {
    int64_t unset = 0;
    hop.unresolved_since_ns.compare_exchange_strong(unset, 77);
    const uint64_t seen = resolver_->Changes();
    Us(std::string("ip neigh replace 10.77.0.7 dev u0 lladdr 02:00:00:00:00:07 nud ") + state);
    EXPECT_TRUE(AwaitUsable(route)) << state;
    EXPECT_TRUE(Eventually([&] { return resolver_->Changes() > seen; })) << state;
    EXPECT_EQ(hop.unresolved_since_ns.load(), 0) << state;
    Us("ip neigh del 10.77.0.7 dev u0");
    EXPECT_TRUE(Eventually([&] { return !Usable(route); })) << state;
  }
  Us("ip neigh replace 10.77.0.7 dev u0 lladdr 02:00:00:00:00:07 nud permanent");
  ASSERT_TRUE(AwaitUsable(route));
  Us("ip neigh replace 10.77.0.7 dev u0 nud failed");
  EXPECT_TRUE(Eventually([&] { return !Usable(route); }));
}

TEST_F(ResolverTest, NeighboursThatWereThereBefore) {
  Us("ip neigh add 10.77.0.7 dev u0 lladdr 02:00:00:00:00:07");
  StartLan();
  const Route route = Ask("10.77.0.7");
  EXPECT_TRUE(Usable(route));
  EXPECT_EQ(DestinationMac(route), "02:00:00:00:00:07");
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), 0u);
  Us("ip neigh replace 10.77.0.7 dev u0 lladdr 02:00:00:00:00:08");
  EXPECT_TRUE(Eventually([&] { return DestinationMac(route) == "02:00:00:00:00:08"; }));
  Us("ip link set u0 address 02:00:00:00:77:99");
  EXPECT_TRUE(Eventually([&] { return SourceMac(route) == "02:00:00:00:77:99"; }));
}

TEST_F(ResolverTest, ADeadRecipientIsAskedForOnce) {
  StartLan();
  const Route route = Ask("10.77.0.50");
  for (int i = 0; i < 100; i++) resolver_->StartResolution(route.next_hop, route.next_hop_tag);
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), 1u);
  const int64_t start_ns = NowNs();
  const uint64_t seen = resolver_->Changes();
  EXPECT_EQ(resolver_->AwaitChange(seen, start_ns + 100'000'000), seen);
  EXPECT_GE(NowNs() - start_ns, 100'000'000);
  EXPECT_FALSE(Usable(route));
  // Another slot's line, or none at all.
  resolver_->StartResolution(route.next_hop, static_cast<uint16_t>(route.next_hop_tag + 1));
  resolver_->StartResolution(1'000'000, 1);
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), 1u);
}

TEST_F(ResolverTest, ALateAnswerWakesTheWaiter) {
  Peer("ip link set p0 arp off");
  StartLan();
  const Route route = Ask("10.77.0.2");
  std::thread late([this] {
    std::this_thread::sleep_for(milliseconds(100));
    Us("ip neigh replace 10.77.0.2 dev u0 lladdr 02:00:00:00:77:02 nud reachable");
  });
  const int64_t start_ns = NowNs();
  EXPECT_TRUE(AwaitUsable(route));
  EXPECT_LT(NowNs() - start_ns, 1'000'000'000);
  late.join();
}

TEST_F(ResolverTest, WithoutPrivilegesTheKernelPathResolves) {
  std::thread([this] {
    // This thread only: the system call itself, not the C library's for all threads.
    ASSERT_EQ(syscall(SYS_setresuid, 65534, 65534, 65534), 0);
    StartLan();
    const Route route = Ask("10.77.0.2");
    EXPECT_TRUE(IsEngine(route));
    EXPECT_FALSE(resolver_->EgressPolicy());
    EXPECT_FALSE(AwaitUsable(route, 200)) << "nobody may ask the kernel to resolve";
    const int sd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = inet_addr("10.77.0.2");
    to.sin_port = htons(9);
    EXPECT_EQ(sendto(sd, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 1);
    close(sd);
    EXPECT_TRUE(AwaitUsable(route));
  }).join();
}

TEST_F(ResolverTest, AMacThatChangesSilentlyIsNoticed) {
  ShortenNeighbourTimers("u0");
  Peer("echo 0 > /proc/sys/net/ipv4/conf/p0/arp_notify");
  StartLan();
  const Route route = Ask("10.77.0.2");
  ASSERT_TRUE(AwaitUsable(route));
  // Permanent on the peer's side, so that its own ARP requests give nothing away.
  Peer("ip neigh replace 10.77.0.1 dev p0 lladdr 02:00:00:00:77:01 nud permanent");
  Peer("ip link set p0 address 02:00:00:00:77:22");
  EXPECT_EQ(DestinationMac(route), "02:00:00:00:77:02");
  // Only look-ups use the neighbour: no datagram of the kernel's does.
  const bool followed = Eventually(
      [&] { return Look("10.77.0.2") && DestinationMac(route) == "02:00:00:00:77:22"; }, 12000);
  EXPECT_TRUE(followed);
  EXPECT_TRUE(AwaitUsable(route));
  EXPECT_GE(resolver_->counters().Read(Counter::kNeighbourProbes), 2u);
}

TEST_F(ResolverTest, AnUnusedNeighbourIsLeftAlone) {
  ShortenNeighbourTimers("u0");
  StartLan();
  ASSERT_TRUE(AwaitUsable(Ask("10.77.0.2")));
  // Older than what counts as used; the neighbour has become stale long before.
  std::this_thread::sleep_for(milliseconds(11500));
  const uint64_t probes = resolver_->counters().Read(Counter::kNeighbourProbes);
  std::this_thread::sleep_for(milliseconds(6500));
  EXPECT_EQ(resolver_->counters().Read(Counter::kNeighbourProbes), probes);
}

TEST_F(ResolverTest, LostNotificationsAreMadeUpFor) {
  std::atomic<bool> busy{false}, held{false};
  Resolver::Options options = LanOptions();
  options.event_buffer_bytes = 2048;
  options.on_interface = [&](uint16_t, const InterfaceState& state) {
    // Keeps the control thread from reading what follows.
    if (state.mtu == 1400) held = true;
    while (state.mtu == 1400 && busy) std::this_thread::sleep_for(milliseconds(1));
  };
  Start(std::move(options));
  const Route first = Ask("10.77.0.100"), last = Ask("10.77.0.199");
  EXPECT_TRUE(IsKernel(Ask("10.78.0.1"), Counter::kKernelRoute));
  const auto lose_events_of = [&](const std::string& commands) {
    const uint64_t resyncs = resolver_->counters().Read(Counter::kResyncs);
    Us("ip link set u0 mtu 1300");
    ASSERT_TRUE(Eventually([&] { return Look("10.77.0.100")->device_mtu == 1300; }));
    busy = true;
    held = false;
    Us("ip link set u0 mtu 1400");
    ASSERT_TRUE(Eventually([&] { return held.load(); }));
    Us(commands);
    busy = false;
    EXPECT_TRUE(
        Eventually([&] { return resolver_->counters().Read(Counter::kResyncs) == resyncs + 1; }));
  };
  lose_events_of(
      "for i in $(seq 100 199); do"
      " echo neigh replace 10.77.0.$i lladdr 02:00:00:00:01:aa dev u0;"
      " echo route replace 10.78.$i.0/24 via 10.77.0.2; done | ip -batch -;"
      " ip route replace 10.78.0.0/24 via 10.77.0.2");
  EXPECT_TRUE(AwaitUsable(first));
  EXPECT_TRUE(AwaitUsable(last));
  EXPECT_TRUE(Eventually([&] { return IsEngine(*Look("10.78.0.1")); }));
  // What went during the loss is gone.
  lose_events_of(
      "for i in $(seq 100 199); do"
      " echo neigh del 10.77.0.$i dev u0; echo route del 10.78.$i.0/24; done | ip -batch -");
  EXPECT_TRUE(Eventually([&] { return !Usable(first) && !Usable(last); }));
}

ResolverPort StaticPort() {
  StaticInterface fixed;
  fixed.mac = {{2, 0, 0, 0, 0, 0x51}};
  fixed.mtu = 1400;
  fixed.address = Address("10.90.0.1");
  fixed.next_hops = {{Address("10.90.1.1"), 32, {{2, 0, 0, 0, 0, 0x32}}},
                     {Address("10.90.0.0"), 16, {{2, 0, 0, 0, 0, 0x16}}},
                     {Address("10.90.1.0"), 24, {{2, 0, 0, 0, 0, 0x24}}},
                     {Address("10.77.0.64"), 26, {{2, 0, 0, 0, 0, 0x26}}}};
  return {.name = "ring0", .interface = 0, .fixed = fixed};
}

TEST_F(ResolverTest, StaticPrefixes) {
  Resolver::Options options = LanOptions();
  options.ports.push_back(StaticPort());
  Start(std::move(options));
  const auto expect = [this](const char* address, const std::string& mac) {
    const Route route = Ask(address);
    EXPECT_TRUE(IsEngine(route)) << address;
    EXPECT_EQ(route.port, 1) << address;
    EXPECT_TRUE(Usable(route)) << address;
    EXPECT_EQ(DestinationMac(route), mac) << address;
    EXPECT_EQ(SourceMac(route), "02:00:00:00:00:51");
    EXPECT_EQ(route.source, Address("10.90.0.1"));
    EXPECT_EQ(route.path_mtu, 1400u);
    EXPECT_EQ(route.device_mtu, 1400u);
  };
  expect("10.90.7.7", "02:00:00:00:00:16");
  expect("10.90.1.2", "02:00:00:00:00:24");
  expect("10.90.1.1", "02:00:00:00:00:32");
  // Before the kernel is asked, which has a connected route.
  expect("10.77.0.65", "02:00:00:00:00:26");
  EXPECT_EQ(Ask("10.77.0.2").port, 0);
  EXPECT_TRUE(IsEngine(Ask("10.77.0.2")));
  // Not for a socket that is bound to an interface.
  EXPECT_EQ(Ask("10.77.0.65", {.interface = if_nametoindex("u0")}).port, 0);
  EXPECT_EQ(Interface(1).mtu, 1400u);
}

TEST_F(ResolverTest, StaticPortsAloneNeedNoKernel) {
  Resolver::Options options = LanOptions();
  options.ports = {StaticPort()};
  Start(std::move(options));
  EXPECT_TRUE(IsEngine(Ask("10.90.7.7")));
  EXPECT_TRUE(IsKernel(Ask("10.77.0.2"), Counter::kKernelRoute));
  EXPECT_TRUE(IsKernel(Ask("224.0.0.1"), Counter::kKernelDestination));
  EXPECT_EQ(resolver_->counters().Read(Counter::kRoutesAsked), 0u);
}

std::vector<Destination> Addresses(const char* first, size_t count) {
  std::vector<Destination> to(count);
  for (size_t i = 0; i < count; i++) {
    to[i] = {
        .address = IpAddress::FromIpv4(htonl(ntohl(inet_addr(first)) + static_cast<uint32_t>(i))),
        .udp_port = htons(5004)};
  }
  return to;
}

TEST_F(ResolverTest, FullTables) {
  Us("ip route add 10.78.0.0/16 via 10.77.0.2");
  Resolver::Options options = LanOptions();
  options.routes = 100;
  options.next_hops = 4;
  options.idle_s = 1;
  Start(std::move(options));
  const uint32_t profile = resolver_->Intern({});
  // Four next hops, and six recipients that find none.
  EXPECT_FALSE(resolver_->Ask(profile, Addresses("10.77.0.2", 10)));
  EXPECT_TRUE(IsEngine(*Look("10.77.0.5")));
  EXPECT_TRUE(IsKernel(*Look("10.77.0.6"), Counter::kKernelRoutesFull));
  // 90 routes more are taken, 30 are not.
  EXPECT_FALSE(resolver_->Ask(profile, Addresses("10.78.0.1", 120)));
  EXPECT_TRUE(IsEngine(*Look("10.78.0.90")));
  EXPECT_FALSE(Look("10.78.0.91"));
  // When the others are idle, there is room: for routes, and for the next hop that found none.
  EXPECT_TRUE(Eventually([&] { return IsEngine(*Look("10.77.0.6")); }, 6000));
  EXPECT_TRUE(resolver_->Ask(profile, Addresses("10.78.0.91", 30)));
  EXPECT_TRUE(IsEngine(*Look("10.78.0.91")));
}

TEST_F(ResolverTest, WhatIsUsedStaysAndWhatIsIdleGoes) {
  Us("ip route add 10.78.0.0/16 via 10.77.0.2");
  Resolver::Options options = LanOptions();
  options.idle_s = 1;
  Start(std::move(options));
  const Route used = Ask("10.78.0.1");
  const Route idle = Ask("10.77.0.3", {.source_port = htons(9)});
  const uint32_t idle_profile = resolver_->Intern({.source_port = htons(9)});
  const auto end = steady_clock::now() + milliseconds(4500);
  while (steady_clock::now() < end) {
    ASSERT_TRUE(Look("10.78.0.1")) << "it is in use";
    std::this_thread::sleep_for(milliseconds(20));
  }
  // The line of somebody who still holds the idle one names it no more.
  EXPECT_NE(resolver_->next_hops()[idle.next_hop].Tag(), idle.next_hop_tag);
  EXPECT_EQ(resolver_->next_hops()[used.next_hop].Tag(), used.next_hop_tag);
  // A forgotten profile is not mistaken for another one, and says so.
  const Destination to = To("10.77.0.3");
  EXPECT_TRUE(resolver_->Ask(idle_profile, {&to, 1}));
  const Route* route = nullptr;
  resolver_->Online(0);
  resolver_->Lookup(idle_profile, {&to, 1}, &route);
  ASSERT_NE(route, nullptr);
  EXPECT_TRUE(IsKernel(*route, Counter::kKernelRoute));
  resolver_->Offline(0);
  EXPECT_NE(resolver_->Intern({.source_port = htons(9)}), idle_profile);
  EXPECT_TRUE(IsEngine(Ask("10.77.0.3", {.source_port = htons(9)})));
}

TEST_F(ResolverTest, ReadersWhileEverythingChanges) {
  Us("ip route add 10.78.0.0/16 via 10.77.0.2");
  Resolver::Options options = LanOptions();
  options.idle_s = 1;
  options.routes = 32768;
  Start(std::move(options));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> found{0}, wrong{0};
  std::vector<std::thread> readers;
  for (uint32_t reader = 0; reader < 6; reader++) {
    readers.emplace_back([&, reader] {
      const std::vector<Destination> to = Addresses("10.78.0.1", 300);
      std::vector<const Route*> routes(to.size());
      while (!stop) {
        // Each reader has profiles of its own now and then, so that entries come and go.
        const uint32_t profile =
            resolver_->Intern({.mark = reader % 3 == 0 ? static_cast<uint32_t>(found % 50) : 0});
        resolver_->Online(reader);
        resolver_->Lookup(profile, to, routes.data());
        bool missing = false;
        for (const Route* route : routes) {
          missing |= route == nullptr;
          if (route == nullptr) continue;
          found++;
          const bool sane =
              route->path == Route::Path::kKernel ||
              (route->port == 0 && route->next_hop < 256 && route->device_mtu == 1500);
          if (!sane) wrong++;
        }
        resolver_->Offline(reader);
        if (missing) resolver_->Ask(profile, to);
      }
    });
  }
  const auto end = steady_clock::now() + std::chrono::seconds(4);
  for (int i = 0; steady_clock::now() < end; i++) {
    Us("ip route replace 10.78.0.0/16 via 10.77.0." + std::to_string(2 + i % 3));
    Us("ip neigh replace 10.77.0.3 dev u0 lladdr 02:00:00:00:00:0" + std::to_string(i % 10));
    if (i % 20 == 0) Us("ip link set u0 down && ip link set u0 up");
    if (i % 20 == 0) Us("ip route replace 10.78.0.0/16 via 10.77.0.2");
  }
  Us("ip route replace 10.78.0.0/16 via 10.77.0.2");
  const Route last = Ask("10.77.0.2");
  EXPECT_TRUE(Eventually([&] {
    const std::optional<Route> route = Look("10.78.0.1");
    return route && route->next_hop == last.next_hop;
  }));
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(found.load(), 10000u);
  EXPECT_EQ(wrong.load(), 0u);
}

}  // namespace
}  // namespace groupcast
