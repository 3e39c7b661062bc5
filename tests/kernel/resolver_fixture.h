// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/control/resolver.h"

namespace groupcast {

// Two hosts on a wire, each a network namespace without a name, which is gone with the test: "us"
// (u0, 10.77.0.1/24, 02:00:00:00:77:01), where the test runs, and the peer (p0, 10.77.0.2/24).
class ResolverTest : public testing::Test {
 protected:
  ~ResolverTest() override;
  void SetUp() override;

  // Runs a command here, or on the peer; the test fails if the command does.
  void Us(const std::string& command);
  void Peer(const std::string& command);
  // Runs `work` on a thread of its own in the peer's namespace.
  void OnPeer(const std::function<void()>& work);

  // One port, lan0, on u0.
  Resolver::Options LanOptions();
  void Start(Resolver::Options options);
  void StartLan() { Start(LanOptions()); }

  // Asks, and looks up what was published.
  Route Ask(const char* address, const RouteProfile& profile = {});
  // Looks up only; empty if unknown.
  std::optional<Route> Look(const char* address, const RouteProfile& profile = {});
  bool Usable(const Route& route);
  std::string DestinationMac(const Route& route);
  std::string SourceMac(const Route& route);
  // Waits with AwaitChange() until the next hop is usable.
  bool AwaitUsable(const Route& route, int timeout_ms = 3000);
  // Whether `condition` comes true in time.
  static bool Eventually(const std::function<bool()>& condition, int timeout_ms = 3000);
  InterfaceState Interface(uint16_t port);

  std::unique_ptr<Resolver> resolver_;

 private:
  std::mutex mutex_;
  std::map<uint16_t, InterfaceState> interfaces_;
  int peer_fd_ = -1;
};

// Of either family; "fe80::1%u0" has a scope.
IpAddress Address(const char* text);
Destination To(const char* text);
bool IsEngine(const Route& route);
bool IsKernel(const Route& route, Counter reason);

}  // namespace groupcast
