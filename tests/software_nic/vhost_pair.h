// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <ostream>
#include <string>

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
  // Attaches, and waits until a datagram has passed. `more` as for WireTest::Attach().
  void Connect(const Side& side, const std::string& more = "");
  ConsumerProcess& consumer() { return consumer_; }
  // After Kill(): another one at the same socket. Waits until a datagram has passed.
  void RestartConsumer();

  // Sends and notes what each recipient shall have received then. Returns what sendgroup() does.
  int Send(TestGroup* group, int flags = 0);
  // All that was noted has arrived as it was sent, in order and without a defect, and nothing else.
  void ExpectAllArrived(int patience_ms = 10000);
  // Forgets what was noted and received.
  void Forget();
  const Account& expected() const { return expected_; }
  // One datagram to a recipient that no test uses; what sendgroup() says of it.
  int Probe();

  void TearDown() override;

 private:
  void StartConsumer();
  void WaitForLink();

  Side side_{};
  std::string folder_, socket_path_;
  ConsumerProcess consumer_;
  Account expected_;
};

}  // namespace groupcast
