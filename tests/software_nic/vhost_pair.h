// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "tests/software_nic/consumer_process.h"
#include "tests/software_nic/frame_check.h"
#include "tests/wire/wire.h"

namespace groupcast {

// The engine's driver, and how it meets its peer.
struct Side {
  const char* name;
  const char* driver;     // net_virtio_user or net_vhost
  const char* arguments;  // of it, from the first comma on
  bool engine_listens;    // else the consumer does; who connects does it again after a loss
  unsigned queues = 1;    // and lcores

  bool virtio() const { return std::string(driver) == "net_virtio_user"; }
  friend void PrintTo(const Side& side, std::ostream* out) { *out << side.name; }
};

// An engine in this process whose only port is one side of vhost-user, and a consumer in another
// process at its other side. Everything that WireTest promises holds: Detach() fails unless every
// mbuf came back, and nothing leaves by the kernel.
class VhostPair : public WireTest {
 protected:
  // Attaches, and waits until a datagram has passed. `more`, `port` as for WireTest::Attach().
  void Connect(const Side& side, const std::string& more = "", const StaticPort& port = {});
  ConsumerProcess& consumer() { return consumer_; }
  // What the engine said when it started.
  const std::string& start_log() const { return start_log_; }
  // After Kill(): another one at the same socket. Waits until a datagram has passed.
  void RestartConsumer();

  // Sends and notes what each recipient shall have received then. Returns what sendgroup() does.
  int Send(TestGroup* group, int flags = 0);
  // The same from `sd6`, to either family.
  int Send(int sd6, TestGroup6* group);
  // Notes it, for what is sent otherwise.
  void Expect(const FrameDestination& to, std::string_view datagram);
  // All that was noted has arrived as it was sent, in order and without a defect, and nothing else.
  void ExpectAllArrived(int patience_ms = 10000);
  // Forgets what was noted and received.
  void Forget();
  const Account& expected() const { return expected_; }
  static FrameDestination DestinationOf(const sockaddr_in& to);
  // Of an IPv4-mapped one as IPv4.
  static FrameDestination DestinationOf(const sockaddr_in6& to);
  // One datagram to a recipient that no test uses; what sendgroup() says of it.
  int Probe();

  void TearDown() override;

 private:
  void StartConsumer();
  void WaitForLink();

  Side side_{};
  uint16_t vlan_ = 0;
  std::string folder_, socket_path_, start_log_;
  ConsumerProcess consumer_;
  Account expected_;
};

}  // namespace groupcast
