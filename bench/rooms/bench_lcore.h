// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/control/config.h"
#include "engine/control/mempools.h"
#include "engine/control/port_setup.h"
#include "engine/datapath/arena.h"
#include "engine/datapath/assembler.h"
#include "engine/datapath/cache_line.h"
#include "engine/datapath/counters.h"
#include "engine/datapath/header_line.h"
#include "engine/datapath/next_hops.h"
#include "engine/datapath/port.h"
#include "engine/datapath/request.h"

namespace groupcast {

// Ends the program.
[[noreturn]] void Die(const std::string& why);

// What an lcore of an engine with one port on net_null has, on the thread that starts it.
class BenchLcore {
 public:
  static constexpr uint32_t kMtu = 9000;
  static constexpr uint32_t kIpv4Hop = 0;
  static constexpr uint32_t kIpv6Hop = 1;
  static constexpr uint16_t kHopTag = 1;

  // Starts EAL; once per process.
  static absl::StatusOr<std::unique_ptr<BenchLcore>> Start();

  const LcorePools& pools() const { return mempools_->pools(); }
  const PortState& port_state() const { return *port_->state(); }
  const NextHopTable& next_hops() const { return next_hops_; }
  TxPlan plan() const { return port_->Plan(0); }
  Assembler* assembler() { return &assembler_; }
  Counters* counters() { return &counters_; }

 private:
  BenchLcore(std::unique_ptr<PortSetup> port, std::unique_ptr<Mempools> mempools);

  std::unique_ptr<PortSetup> port_;
  std::unique_ptr<Mempools> mempools_;
  NextHopTable next_hops_;
  Counters counters_;
  Assembler assembler_;
};

// A port without a kernel interface: 10.0.0.0/8 and fd00::/8 are behind it.
StaticInterface BenchInterface();

// Lines of `count` recipients.
std::vector<HeaderLine> BenchLines(uint16_t count, bool ipv6);

// Requests that are all alike, made one after the other as a registered group's sender makes them.
class RequestSource {
 public:
  struct Shape {
    uint16_t recipients = kMaxGroupRecipients;
    uint32_t payload_len = 1000;
    Sharing sharing = Sharing::kAuto;
    uint16_t prepend_len = 0;
    uint16_t append_len = 0;
    bool ipv6 = false;
  };
  explicit RequestSource(const Shape& shape);

  // Only the lcore holds it: its place is free again when it is completed.
  Request* Make();
  const Shape& shape() const { return shape_; }

 private:
  Shape shape_;
  std::vector<HeaderLine> lines_;
  std::vector<uint16_t> sums_;  // of private_bytes_
  std::vector<uint8_t> private_bytes_;
  CacheLines payload_;
  PayloadSegment segment_;
  uint16_t payload_sum_;
  CacheLines memory_;
  Arena arena_;
};

}  // namespace groupcast
