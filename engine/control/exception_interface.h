// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "engine/datapath/counters.h"
#include "engine/datapath/exception_lane.h"
#include "engine/datapath/idle.h"

namespace groupcast {

// The kernel's interface of a port that the kernel has no driver for: a TAP, whose frames go out by
// the port, and which gets what the port receives and nobody else wants. With its own thread, since
// net_tap makes its system calls on an lcore. The kernel's frames wake it; for the lcore's it looks
// 2,000 times a second when there have been none for a while.
class ExceptionInterface {
 public:
  // Makes the interface, or takes a TAP of that name that nobody uses: a persistent one keeps its
  // addresses and routes while no engine runs. `port`: for messages.
  static absl::StatusOr<std::unique_ptr<ExceptionInterface>> Open(const std::string& port,
                                                                  const std::string& interface);
  // One that was made, and is not persistent, is gone then. The lcore still has Discard() to do.
  ~ExceptionInterface();
  ExceptionInterface(const ExceptionInterface&) = delete;
  ExceptionInterface& operator=(const ExceptionInterface&) = delete;

  // The interface's name, which the host may have changed; empty: it is gone.
  std::string Name() const;
  // What the port is: its MAC, and the longest packet that it takes. An interface that was made is
  // up then. Of a card in another's place: a MAC that the host has set meanwhile stays.
  absl::Status Adopt(const rte_ether_addr& mac, uint32_t most_mtu);
  // What the port's link is.
  void SetCarrier(bool up);

  // The ways of frames between here and an lcore. `name`: unique in the process.
  absl::Status MakeRings(const std::string& name);
  const ExceptionRings& rings() const { return rings_; }
  // Moves frames from now on. `doorbell`: of the lcore that has the other end of the rings.
  // `attend`: called every 100 ms, on the thread that does; null: nothing is.
  absl::Status Start(Doorbell* doorbell, std::function<void()> attend);
  // No more; what it still had is in the rings.
  void Stop();
  const Counters& counters() const { return counters_; }

 private:
  static constexpr unsigned kBurst = 32;

  ExceptionInterface(std::string port, std::string interface, int tap, bool made);
  absl::Status Failed(int error, const std::string& what) const;
  void Run();
  bool ReadFrames();
  bool WriteFrames();
  bool GiveBack(std::array<rte_mbuf*, kBurst>* mbufs, unsigned* nb);
  void Write(const rte_mbuf* frame);

  const std::string port_;
  const std::string interface_;
  const int tap_;
  const bool made_;
  int wake_ = -1;
  std::atomic<bool> end_{false};
  rte_ether_addr given_mac_{};  // by Adopt(); none: it was not called yet
  ExceptionRings rings_;
  Doorbell* doorbell_ = nullptr;
  std::function<void()> attend_;
  Counters counters_;
  std::array<rte_mbuf*, kBurst> empty_;  // the first `nb_empty_`
  unsigned nb_empty_ = 0;
  std::array<rte_mbuf*, kBurst> written_;  // the first `nb_written_` go back
  unsigned nb_written_ = 0;
  std::thread thread_;
};

}  // namespace groupcast
