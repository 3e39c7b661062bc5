// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Answers that are kept outside of the table, as large registered groups do.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/resolver_ipv6_fixture.h"

namespace groupcast {
namespace {

using std::chrono::steady_clock;

TEST_F(ResolverIpv6Test, KeptAnswersAreAsThePublishedOnes) {
  Us("ip route add fd78::/32 via fd77::2 mtu 1400 && ip route add 10.78.0.0/16 via 10.77.0.2 && "
     "ip route add blackhole fd80::/32");
  StartLan();
  const uint32_t profile = resolver_->Intern({});
  const std::vector<const char*> texts = {"fd78::1",   "10.78.0.1",  "fd80::1", "ff0e::1",
                                          "10.77.0.2", "fe80::2%u0", "fe80::2", "10.99.0.1"};
  std::vector<Destination> to;
  for (const char* text : texts) to.push_back(To(text));
  std::vector<Route> kept(to.size());
  resolver_->Resolve(profile, to, kept.data());
  for (size_t i = 0; i < to.size(); i++) {
    EXPECT_FALSE(Look(texts[i])) << "it is not published";
    const Route published = Ask(texts[i]);
    EXPECT_EQ(kept[i].path, published.path) << texts[i];
    EXPECT_EQ(kept[i].kernel_reason, published.kernel_reason) << texts[i];
    EXPECT_EQ(kept[i].next_hop, published.next_hop) << texts[i];
    EXPECT_EQ(kept[i].next_hop_tag, published.next_hop_tag) << texts[i];
    EXPECT_EQ(kept[i].source, published.source) << texts[i];
    EXPECT_EQ(kept[i].path_mtu, published.path_mtu) << texts[i];
    EXPECT_EQ(kept[i].hop_limit, published.hop_limit) << texts[i];
    EXPECT_EQ(kept[i].generation, resolver_->Generation()) << texts[i];
  }
  EXPECT_TRUE(AwaitUsable(kept[0])) << "resolution has begun";
  EXPECT_FALSE(IsEngine(kept[2]));
}

TEST_F(ResolverIpv6Test, AKeptNextHopStaysUntilItIsGivenBack) {
  Resolver::Options options = LanOptions();
  options.idle_s = 1;
  Start(std::move(options));
  const uint32_t profile = resolver_->Intern({});
  const std::vector<Destination> to = {To("fd77::2"), To("fd77::2"), To("fd77::3")};
  std::vector<Route> kept(to.size());
  resolver_->Resolve(profile, to, kept.data());
  EXPECT_EQ(kept[0].next_hop, kept[1].next_hop);
  const auto held = [this](const Route& route) {
    return resolver_->next_hops()[route.next_hop].Tag() == route.next_hop_tag;
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  for (const Route& route : kept) EXPECT_TRUE(held(route)) << "idle, but referred to";
  resolver_->ReleaseNextHops({&kept[0].next_hop, 1});
  resolver_->ReleaseNextHops({&kept[2].next_hop, 1});
  EXPECT_TRUE(Eventually([&] { return !held(kept[2]); }, 6000));
  EXPECT_TRUE(held(kept[1])) << "one of two references is left";
  resolver_->ReleaseNextHops({&kept[1].next_hop, 1});
  EXPECT_TRUE(Eventually([&] { return !held(kept[1]); }, 6000));
  // A forgotten profile answers nothing.
  EXPECT_TRUE(Eventually(
      [&] {
        resolver_->Resolve(profile, {to.data(), 1}, kept.data());
        if (IsEngine(kept[0])) {
          resolver_->ReleaseNextHops({&kept[0].next_hop, 1});
          std::this_thread::sleep_for(std::chrono::milliseconds(2500));
        }
        return IsKernel(kept[0], Counter::kKernelRoute);
      },
      6000));
}

TEST_F(ResolverIpv6Test, NextHopsOfAGroupThatFindNoPlace) {
  Resolver::Options options = LanOptions();
  options.next_hops = 4;
  options.idle_s = 1;
  Start(std::move(options));
  std::vector<Destination> to;
  for (int i = 0; i < 6; i++) to.push_back(To(("fd77::1:" + std::to_string(i)).c_str()));
  std::vector<Route> kept(to.size());
  const uint32_t profile = resolver_->Intern({});
  resolver_->Resolve(profile, to, kept.data());
  std::vector<uint32_t> next_hops;
  for (const Route& route : kept) {
    if (IsEngine(route)) next_hops.push_back(route.next_hop);
  }
  EXPECT_EQ(next_hops.size(), 4u);
  EXPECT_TRUE(IsKernel(kept[4], Counter::kKernelRoutesFull));
  EXPECT_TRUE(IsKernel(kept[5], Counter::kKernelRoutesFull));
  resolver_->ReleaseNextHops(next_hops);
  EXPECT_TRUE(Eventually([&] { return IsEngine(Ask("fd77::1:5")); }, 6000));
}

// A group's size of addresses, in parts, while callers of Ask() go on.
TEST_F(ResolverIpv6Test, AHundredThousandOfEachFamily) {
  constexpr uint32_t kMembers = 100000;
  Us("ip route add fd78::/32 via fd77::2 && ip route add 10.128.0.0/9 via 10.77.0.2");
  StartLan();
  const uint32_t profile = resolver_->Intern({});
  for (const bool ipv4 : {true, false}) {
    std::vector<Destination> to(kMembers);
    for (uint32_t i = 0; i < kMembers; i++) {
      to[i].udp_port = htons(5004);
      to[i].address = Address("fd78::");
      const uint32_t low = htonl(i);
      std::memcpy(to[i].address.bytes.data() + 12, &low, sizeof(low));
      if (ipv4) to[i].address = IpAddress::FromIpv4(htonl(0x0a800000 + i));
    }
    std::vector<Route> kept(kMembers);
    const auto start = steady_clock::now();
    resolver_->Resolve(profile, to, kept.data());
    const std::chrono::duration<double> took = steady_clock::now() - start;
    std::vector<uint32_t> next_hops;
    for (const Route& route : kept) {
      ASSERT_TRUE(IsEngine(route));
      ASSERT_EQ(route.next_hop, kept[0].next_hop);
      next_hops.push_back(route.next_hop);
    }
    const auto release = steady_clock::now();
    resolver_->ReleaseNextHops(next_hops);
    const std::chrono::duration<double> released = steady_clock::now() - release;
    const std::string rate = std::to_string(static_cast<int>(kMembers / took.count() / 1000));
    RecordProperty(ipv4 ? "ipv4_thousands_per_s" : "ipv6_thousands_per_s", rate);
    printf("%s: %s thousand route questions a second, given back in %.1f ms\n",
           ipv4 ? "IPv4" : "IPv6", rate.c_str(), released.count() * 1e3);
  }
  EXPECT_EQ(resolver_->counters().Read(Counter::kRoutesAsked), 2 * kMembers);
}

}  // namespace
}  // namespace groupcast
