// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/result.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace groupcast::perf {
namespace {

std::string ErrnoName(int error) {
  const char* name = strerrorname_np(error);
  return name == nullptr ? absl::StrCat("errno_", error) : name;
}

struct Percentiles {
  const char* name;
  const CycleHistogram Latencies::*times;
};
constexpr Percentiles kLatencies[] = {
    {"first", &Latencies::first}, {"last", &Latencies::last}, {"spread", &Latencies::spread}};
struct Share {
  const char* name;
  double share;
};
constexpr Share kShares[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99_9", 0.999}};

constexpr uint32_t kFrameHeaders = 14 + 20 + 8;  // bytes: Ethernet, IPv4, UDP
constexpr char kHashes[] = "########################";
constexpr char kDashes[] = "----------------------";
constexpr char kPluses[] = "+++++++++++++++";

uint64_t BitsPerSecond(uint64_t bytes, double seconds) {
  return seconds > 0 ? static_cast<uint64_t>(static_cast<double>(bytes) * 8 / seconds) : 0;
}

uint64_t PacketsPerSecond(uint64_t packets, double seconds) {
  return seconds > 0 ? static_cast<uint64_t>(static_cast<double>(packets) / seconds) : 0;
}

void PrintTotals(uint64_t rx, uint64_t rx_dropped, uint64_t tx, uint64_t tx_dropped) {
  absl::PrintF("  RX-packets: %-14d RX-dropped: %-14d RX-total: %d\n", rx, rx_dropped,
               rx + rx_dropped);
  absl::PrintF("  TX-packets: %-14d TX-dropped: %-14d TX-total: %d\n", tx, tx_dropped,
               tx + tx_dropped);
}

void PrintErrors(const Result& result) {
  for (size_t i = 0; i < result.errors.size(); i++) {
    for (const auto& [error, datagrams] : result.errors[i]) {
      absl::PrintF("  producer %d: %d datagrams not sent: %s (%s)\n", i, datagrams,
                   ErrnoName(error), strerror(error));
    }
  }
  if (result.kernel_packets == 0) return;
  absl::PrintF("  %d datagrams were left to the kernel, warm-up included:\n",
               result.kernel_packets);
  for (const auto& [name, value] : result.counted.counters) {
    if (name.rfind("kernel_", 0) == 0 && name != "kernel_recipients" && value > 0) {
      absl::PrintF("    %s: %d\n", name, value);
    }
  }
}

}  // namespace

double Result::Seconds() const { return static_cast<double>(cycles) / static_cast<double>(tsc_hz); }

uint64_t Result::Failed() const {
  uint64_t failed = 0;
  for (const auto& of_producer : errors) {
    for (const auto& [error, datagrams] : of_producer) failed += datagrams;
  }
  return failed;
}

uint64_t Result::PortErrors() const {
  uint64_t port_errors = 0;
  for (const PortCounts& port : counted.ports) port_errors += port.tx_errors;
  return port_errors;
}

double Result::Per(double what, uint64_t number) {
  return number == 0 ? 0 : what / static_cast<double>(number);
}

double Result::PerSecond(uint64_t number) const {
  return cycles == 0 ? 0 : static_cast<double>(number) / Seconds();
}

uint64_t Result::ToNs(uint64_t tsc_cycles) const {
  return static_cast<uint64_t>(static_cast<double>(tsc_cycles) * 1e9 / static_cast<double>(tsc_hz));
}

Result Result::Since(const Result& earlier) const {
  Result since = *this;
  since.cycles -= std::min(cycles, earlier.cycles);
  since.groupcasts -= earlier.groupcasts;
  since.packets -= earlier.packets;
  for (size_t i = 0; i < std::min(errors.size(), earlier.errors.size()); i++) {
    for (const auto& [error, datagrams] : earlier.errors[i]) since.errors[i][error] -= datagrams;
    std::erase_if(since.errors[i], [](const auto& error) { return error.second == 0; });
  }
  since.counted = counted - earlier.counted;
  return since;
}

void PrintPortStatistics(const std::vector<EnginePorts::Port>& ports, const Sample& counted,
                         const Sample& since, uint64_t tsc_hz) {
  const double seconds = static_cast<double>(since.tsc) / static_cast<double>(tsc_hz);
  for (size_t i = 0; i < ports.size(); i++) {
    const PortCounts& all = counted.ports[i];
    const PortCounts& last = since.ports[i];
    absl::PrintF("\n  %s NIC statistics for port %-2d %s\n", kHashes, ports[i].id, kHashes);
    absl::PrintF("  RX-packets: %-10d RX-missed: %-10d RX-bytes:  %d\n", all.rx_packets,
                 all.rx_missed, all.rx_bytes);
    absl::PrintF("  RX-errors: %d\n  RX-nombuf:  %-10d\n", all.rx_errors, all.rx_nombuf);
    absl::PrintF("  TX-packets: %-10d TX-errors: %-10d TX-bytes:  %d\n", all.tx_packets,
                 all.tx_errors, all.tx_bytes);
    absl::PrintF("\n  Throughput (since last show)\n");
    absl::PrintF("  Rx-pps: %12d          Rx-bps: %12d\n",
                 PacketsPerSecond(last.rx_packets, seconds), BitsPerSecond(last.rx_bytes, seconds));
    absl::PrintF("  Tx-pps: %12d          Tx-bps: %12d\n",
                 PacketsPerSecond(last.tx_packets, seconds), BitsPerSecond(last.tx_bytes, seconds));
    absl::PrintF("  %s############################%s\n", kHashes, kHashes);
  }
  std::fflush(stdout);
}

void PrintForwardStatistics(const Result& result) {
  uint64_t rx = 0, rx_dropped = 0;
  for (size_t i = 0; i < result.ports.size(); i++) {
    const PortCounts& port = result.counted.ports[i];
    absl::PrintF("\n  %s Forward statistics for port %-2d %s\n", kDashes, result.ports[i].id,
                 kDashes);
    PrintTotals(port.rx_packets, port.rx_missed, port.tx_packets, port.tx_errors);
    absl::PrintF("  %s--------------------------------%s\n", kDashes, kDashes);
    rx += port.rx_packets;
    rx_dropped += port.rx_missed;
  }
  absl::PrintF("\n  %s Accumulated forward statistics for all ports%s\n", kPluses, kPluses);
  PrintTotals(rx, rx_dropped, result.packets, result.Dropped());
  absl::PrintF("  %s++++++++++++++++++++++++++++++++++++++++++++++%s\n", kPluses, kPluses);
  absl::PrintF(
      "\n  CPU cycles/packet=%.2f (total cycles=%d / total TX packets=%d) at %d MHz Clock\n",
      result.CyclesPer(result.packets), result.cycles, result.packets, result.tsc_hz / 1'000'000);
  absl::PrintF("  %.3f s: %d groupcasts, %.0f packets/s, %.2f ns/packet, %.2f CPU ns/packet\n",
               result.Seconds(), result.groupcasts, result.PerSecond(result.packets),
               result.NsPer(result.packets),
               Result::Per(static_cast<double>(result.counted.cpu_ns), result.packets));
  absl::PrintF("  %.0f ns/groupcast, %.0f cycles/groupcast\n", result.NsPer(result.groupcasts),
               result.CyclesPer(result.groupcasts));
  if (const auto rewritten = result.counted.counters.find("rewritten");
      rewritten != result.counted.counters.end()) {
    absl::PrintF("  lazy-copy: payload copied into %d packets, kept in %d\n",
                 result.counted.counters.at("copied"), rewritten->second);
  }
  if (result.ring_consumer) {
    absl::PrintF("  net_ring: %d packets taken, %d checked, %d wrong\n",
                 result.ring_consumer->packets, result.ring_consumer->checked,
                 result.ring_consumer->wrong);
  }
  if (result.latencies != nullptr) {
    absl::PrintF("  Latency in ns, of %d groupcasts:\n", result.latencies->first.count());
    for (const Percentiles& part : kLatencies) {
      const CycleHistogram& times = result.latencies->*part.times;
      absl::PrintF("    %-7s", part.name);
      for (const Share& share : kShares) {
        absl::PrintF(" %s=%-8d", share.name, result.ToNs(times.Percentile(share.share)));
      }
      absl::PrintF(" max=%d\n", result.ToNs(times.max()));
    }
  }
  PrintErrors(result);
  std::fflush(stdout);
}

void PrintConfiguration(const Result& result) {
  const Workload& sent = result.workload;
  absl::PrintF("  groupcast %s: wire=%s ports=%d lcores=%d producers=%d strategy=%s\n",
               NameOf(sent.mode), result.wire, result.ports.size(), result.lcores, result.producers,
               NameOf(sent.strategy));
  absl::PrintF("  groups=%d recipients=%d payload=%d prepend=%d append=%d rate=%g burst=%d\n",
               sent.groups, sent.recipients, sent.payload_bytes, sent.prepend_bytes,
               sent.append_bytes, sent.groupcasts_per_second, result.burst);
  std::fflush(stdout);
}

std::string ToJson(const Result& result) {
  const Workload& sent = result.workload;
  // Not the ports' bytes: those are read at another moment than the packets.
  const double frame_bits = 8.0 * (kFrameHeaders + sent.DatagramBytes());
  nlohmann::ordered_json root = {
      {"mode", NameOf(sent.mode)},
      {"strategy", NameOf(sent.strategy)},
      {"wire", result.wire},
      {"recipients", sent.recipients},
      {"groups", sent.groups},
      {"payload", sent.payload_bytes},
      {"prepend", sent.prepend_bytes},
      {"append", sent.append_bytes},
      {"private_bytes", NameOf(sent.private_bytes)},
      {"lcores", result.lcores},
      {"producers", result.producers},
      {"burst", result.burst},
      {"rate", sent.groupcasts_per_second},
      {"seconds", result.Seconds()},
      {"groupcasts", result.groupcasts},
      {"packets", result.packets},
      {"dropped", result.Dropped()},
      {"kernel_packets", result.kernel_packets},
      {"packets_per_second", result.PerSecond(result.packets)},
      {"groupcasts_per_second", result.PerSecond(result.groupcasts)},
      {"bits_per_second", frame_bits * result.PerSecond(result.packets)},
      {"ns_per_packet", result.NsPer(result.packets)},
      {"cycles_per_packet", result.CyclesPer(result.packets)},
      {"ns_per_groupcast", result.NsPer(result.groupcasts)},
      {"cycles_per_groupcast", result.CyclesPer(result.groupcasts)},
      {"tsc_hz", result.tsc_hz},
      {"cpu_ns_per_packet",
       Result::Per(static_cast<double>(result.counted.cpu_ns), result.packets)},
      {"errors", nlohmann::json::array()},
      {"ports", nlohmann::json::array()}};
  for (const auto& of_producer : result.errors) {
    nlohmann::ordered_json errors = nlohmann::json::object();
    for (const auto& [error, datagrams] : of_producer) errors[ErrnoName(error)] = datagrams;
    root["errors"].push_back(errors);
  }
  for (size_t i = 0; i < result.ports.size(); i++) {
    const PortCounts& port = result.counted.ports[i];
    root["ports"].push_back({{"device", result.ports[i].device},
                             {"driver", result.ports[i].driver},
                             {"packets", port.tx_packets},
                             {"bytes", port.tx_bytes},
                             {"errors", port.tx_errors}});
  }
  if (result.latencies != nullptr) {
    nlohmann::ordered_json& latency = root["latency_ns"];
    latency["groupcasts"] = result.latencies->first.count();
    for (const Percentiles& part : kLatencies) {
      const CycleHistogram& times = result.latencies->*part.times;
      for (const Share& share : kShares) {
        latency[part.name][share.name] = result.ToNs(times.Percentile(share.share));
      }
      latency[part.name]["max"] = result.ToNs(times.max());
    }
  }
  if (result.ring_consumer) {
    root["ring_consumer"] = {{"packets", result.ring_consumer->packets},
                             {"checked", result.ring_consumer->checked},
                             {"wrong", result.ring_consumer->wrong}};
  }
  root["counters"] = result.counted.counters;
  return root.dump(1) + "\n";
}

}  // namespace groupcast::perf
