// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/groupcast-perf/engine_ports.h"

namespace groupcast::perf {

// What a port's driver counts; names as testpmd has them.
struct PortCounts {
  uint64_t rx_packets = 0;
  uint64_t rx_missed = 0;
  uint64_t rx_bytes = 0;
  uint64_t rx_errors = 0;
  uint64_t rx_nombuf = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_errors = 0;
  uint64_t tx_bytes = 0;

  PortCounts operator-(const PortCounts& earlier) const;
};

// Everything that is counted, at one time.
struct Sample {
  uint64_t tsc = 0;
  uint64_t cpu_ns = 0;            // of the process
  std::vector<PortCounts> ports;  // as EnginePorts has them
  std::map<std::string, uint64_t> counters;

  static Sample Take(const EnginePorts& ports);
  // What was counted since then, with the same ports.
  Sample operator-(const Sample& earlier) const;
};

}  // namespace groupcast::perf
