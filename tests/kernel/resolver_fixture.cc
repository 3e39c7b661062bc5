// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/resolver_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;

// EAL once per process, on a thread of its own: it pins its thread to one CPU.
class EalOnce : public testing::Environment {
 public:
  void SetUp() override {
    std::thread([] {
      std::string prefix = "--file-prefix=resolver-test-" + std::to_string(getpid());
      std::array arguments = {std::string("resolver_test"),
                              std::string("--no-huge"),
                              std::string("-m"),
                              std::string("256"),
                              std::string("--no-pci"),
                              std::string("--no-shconf"),
                              std::string("--no-telemetry"),
                              std::string("--log-level=error"),
                              prefix};
      std::array<char*, arguments.size()> argv;
      for (size_t i = 0; i < arguments.size(); i++) argv[i] = arguments[i].data();
      ASSERT_GE(rte_eal_init(static_cast<int>(argv.size()), argv.data()), 0)
          << rte_strerror(rte_errno);
    }).join();
  }
};

[[maybe_unused]] testing::Environment* const eal = testing::AddGlobalTestEnvironment(new EalOnce);

int EnterNewNamespace() {
  if (unshare(CLONE_NEWNET) != 0) return -1;
  return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

void RunCommand(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

std::string MacText(uint64_t word) {
  std::array<unsigned char, 6> bytes;
  std::memcpy(bytes.data(), &word, bytes.size());
  char text[18];
  snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
           bytes[3], bytes[4], bytes[5]);
  return text;
}

}  // namespace

void ResolverTest::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: network namespaces cannot be made";
  std::thread([this] { peer_fd_ = EnterNewNamespace(); }).join();
  ASSERT_GE(peer_fd_, 0) << std::strerror(errno);
  const int us_fd = EnterNewNamespace();
  ASSERT_GE(us_fd, 0) << std::strerror(errno);
  close(us_fd);
  Us("ip link set lo up");
  Us("ip link add u0 address 02:00:00:00:77:01 type veth peer name p0 address 02:00:00:00:77:02");
  Us("ip link set p0 netns /proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(peer_fd_));
  Peer("ip link set lo up && ip link set p0 up && ip addr add 10.77.0.2/24 dev p0");
  Us("ip addr add 10.77.0.1/24 dev u0 && ip link set u0 up");
}

ResolverTest::~ResolverTest() {
  resolver_.reset();
  if (peer_fd_ >= 0) close(peer_fd_);
}

void ResolverTest::Us(const std::string& command) { RunCommand(command); }

void ResolverTest::Peer(const std::string& command) {
  OnPeer([&command] { RunCommand(command); });
}

void ResolverTest::OnPeer(const std::function<void()>& work) {
  std::thread([&] {
    ASSERT_EQ(setns(peer_fd_, CLONE_NEWNET), 0) << std::strerror(errno);
    work();
  }).join();
}

Resolver::Options ResolverTest::LanOptions() {
  Resolver::Options options;
  options.routes = 1024;
  options.next_hops = 256;
  options.ports = {{.name = "lan0", .interface = if_nametoindex("u0"), .fixed = {}}};
  options.on_interface = [this](uint16_t port, const InterfaceState& state) {
    std::lock_guard lock(mutex_);
    interfaces_[port] = state;
  };
  return options;
}

void ResolverTest::Start(Resolver::Options options) {
  auto resolver = Resolver::Start(std::move(options));
  ASSERT_TRUE(resolver.ok()) << resolver.status();
  resolver_ = *std::move(resolver);
}

Route ResolverTest::Ask(const char* address, const RouteProfile& profile) {
  const Destination to = To(address);
  resolver_->Ask(resolver_->Intern(profile), {&to, 1});
  const std::optional<Route> route = Look(address, profile);
  EXPECT_TRUE(route) << address << " is unknown after Ask()";
  return route.value_or(Route{});
}

std::optional<Route> ResolverTest::Look(const char* address, const RouteProfile& profile) {
  const Destination to = To(address);
  const uint32_t id = resolver_->Intern(profile);
  const Route* found = nullptr;
  std::optional<Route> route;
  resolver_->Online(0);
  resolver_->Lookup(id, {&to, 1}, &found);
  if (found != nullptr) route = *found;
  resolver_->Offline(0);
  return route;
}

bool ResolverTest::Usable(const Route& route) {
  const NextHop& hop = resolver_->next_hops()[route.next_hop];
  return IsEngine(route) && hop.Tag() == route.next_hop_tag && hop.usable.load();
}

std::string ResolverTest::DestinationMac(const Route& route) {
  return MacText(resolver_->next_hops()[route.next_hop].destination_and_tag.load());
}

std::string ResolverTest::SourceMac(const Route& route) {
  return MacText(resolver_->next_hops()[route.next_hop].source_and_type.load());
}

bool ResolverTest::AwaitUsable(const Route& route, int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    const uint64_t seen = resolver_->Changes();
    if (Usable(route)) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    resolver_->AwaitChange(seen, std::chrono::nanoseconds(deadline.time_since_epoch()).count());
  }
}

bool ResolverTest::Eventually(const std::function<bool()>& condition, int timeout_ms) {
  for (int waited_ms = 0; waited_ms < timeout_ms; waited_ms += 5) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

InterfaceState ResolverTest::Interface(uint16_t port) {
  std::lock_guard lock(mutex_);
  EXPECT_TRUE(interfaces_.contains(port));
  return interfaces_[port];
}

Destination To(const char* text) {
  Destination to{.udp_port = htons(kUdpPort)};
  std::string address = text;
  if (const size_t percent = address.find('%'); percent != std::string::npos) {
    to.scope = if_nametoindex(address.c_str() + percent + 1);
    address.resize(percent);
  }
  in6_addr ipv6;
  if (inet_pton(AF_INET6, address.c_str(), &ipv6) == 1) {
    to.address = IpAddress::FromIpv6(ipv6);
  } else {
    to.address = IpAddress::FromIpv4(inet_addr(address.c_str()));
  }
  return to;
}

IpAddress Address(const char* text) { return To(text).address; }

bool IsEngine(const Route& route) { return route.path == Route::Path::kEngine; }

bool IsKernel(const Route& route, Counter reason) {
  return route.path == Route::Path::kKernel && route.kernel_reason == reason;
}

}  // namespace groupcast
