// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/sample.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <sys/resource.h>

#include <algorithm>

#include "groupcast/statistics.h"

namespace groupcast::perf {
namespace {

uint64_t ProcessCpuNs() {
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto ns = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<uint64_t>(time.tv_usec) * 1000;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

PortCounts CountsOf(uint16_t port_id) {
  rte_eth_stats stats{};
  // A port whose interface is gone may not tell: then it has counted nothing.
  if (rte_eth_stats_get(port_id, &stats) != 0) return {};
  return {.rx_packets = stats.ipackets,
          .rx_missed = stats.imissed,
          .rx_bytes = stats.ibytes,
          .rx_errors = stats.ierrors,
          .rx_nombuf = stats.rx_nombuf,
          .tx_packets = stats.opackets,
          .tx_errors = stats.oerrors,
          .tx_bytes = stats.obytes};
}

std::map<std::string, uint64_t> EngineCounters() {
  std::vector<groupcast_counter> counters(groupcast_counters(nullptr, 0));
  counters.resize(std::min(counters.size(), groupcast_counters(counters.data(), counters.size())));
  std::map<std::string, uint64_t> by_name;
  for (const groupcast_counter& counter : counters) by_name[counter.name] = counter.value;
  return by_name;
}

// A counter that was reset, or could not be read, in between has not gone back.
uint64_t Since(uint64_t now, uint64_t earlier) { return now > earlier ? now - earlier : 0; }

}  // namespace

PortCounts PortCounts::operator-(const PortCounts& earlier) const {
  return {.rx_packets = Since(rx_packets, earlier.rx_packets),
          .rx_missed = Since(rx_missed, earlier.rx_missed),
          .rx_bytes = Since(rx_bytes, earlier.rx_bytes),
          .rx_errors = Since(rx_errors, earlier.rx_errors),
          .rx_nombuf = Since(rx_nombuf, earlier.rx_nombuf),
          .tx_packets = Since(tx_packets, earlier.tx_packets),
          .tx_errors = Since(tx_errors, earlier.tx_errors),
          .tx_bytes = Since(tx_bytes, earlier.tx_bytes)};
}

Sample Sample::Take(const EnginePorts& ports) {
  Sample sample;
  sample.tsc = rte_rdtsc();
  sample.cpu_ns = ProcessCpuNs();
  sample.counters = ports.direct() != nullptr ? ports.direct()->Counted() : EngineCounters();
  for (const EnginePorts::Port& port : ports.ports()) sample.ports.push_back(CountsOf(port.id));
  // net_null and net_ring count no bytes; the engine does, of all its ports together.
  if (sample.ports.size() == 1 && sample.ports[0].tx_bytes == 0) {
    sample.ports[0].tx_bytes = sample.counters["bytes"];
  }
  return sample;
}

Sample Sample::operator-(const Sample& earlier) const {
  Sample since;
  since.tsc = Since(tsc, earlier.tsc);
  since.cpu_ns = Since(cpu_ns, earlier.cpu_ns);
  for (size_t i = 0; i < ports.size(); i++) {
    since.ports.push_back(i < earlier.ports.size() ? ports[i] - earlier.ports[i] : ports[i]);
  }
  for (const auto& [name, value] : counters) {
    const auto before = earlier.counters.find(name);
    since.counters[name] = Since(value, before == earlier.counters.end() ? 0 : before->second);
  }
  return since;
}

}  // namespace groupcast::perf
