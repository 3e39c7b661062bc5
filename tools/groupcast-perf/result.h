// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/groupcast-perf/latency.h"
#include "tools/groupcast-perf/ring_consumer.h"
#include "tools/groupcast-perf/sample.h"
#include "tools/groupcast-perf/workload.h"

namespace groupcast::perf {

// What a run has counted, up to now or up to its end.
struct Result {
  Workload workload;
  std::string wire;
  std::vector<EnginePorts::Port> ports;
  size_t lcores = 0;
  unsigned producers = 0;
  uint32_t burst = 1;
  uint64_t tsc_hz = 1;

  uint64_t cycles = 0;  // by the wall, while it was counted
  uint64_t groupcasts = 0;
  uint64_t packets = 0;
  std::vector<std::map<int, uint64_t>> errors;  // of each producer, datagrams by errno
  Sample counted;                               // by ports and library, in that time
  uint64_t kernel_packets = 0;                  // warm-up included
  std::optional<RingConsumer::Counts> ring_consumer;
  // Of a run that has ended, if asked for. Not owned.
  const Latencies* latencies = nullptr;

  double Seconds() const;
  uint64_t Failed() const;      // datagrams with an errno
  uint64_t PortErrors() const;  // packets that ports counted as errors
  uint64_t Dropped() const { return Failed() + PortErrors(); }
  // `what` by `number`; 0 where that is 0.
  static double Per(double what, uint64_t number);
  double NsPer(uint64_t number) const { return Per(Seconds() * 1e9, number); }
  double CyclesPer(uint64_t number) const { return Per(static_cast<double>(cycles), number); }
  double PerSecond(uint64_t number) const;
  uint64_t ToNs(uint64_t tsc_cycles) const;
  // What an earlier one of the same run has not; latencies are of all of it.
  Result Since(const Result& earlier) const;
};

// As testpmd prints them. `since`: what was counted since the last time, in so many cycles.
void PrintPortStatistics(const std::vector<EnginePorts::Port>& ports, const Sample& counted,
                         const Sample& since, uint64_t tsc_hz);
void PrintForwardStatistics(const Result& result);
void PrintConfiguration(const Result& result);

std::string ToJson(const Result& result);

}  // namespace groupcast::perf
