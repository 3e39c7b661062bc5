// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// kernel_peer: sends the same to many in one of the kernel's ways, over and over, and tells what a
// packet cost, in the form of groupcast-perf --json.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/cpu_time.h"
#include "bench/peers/load.h"
#include "bench/peers/peer.h"
#include "tools/command_line.h"
#include "tools/recipients.h"

namespace groupcast {
namespace {

constexpr int kNothingSent = 1;
constexpr int kCouldNotRun = 2;
constexpr double kWarmUpSeconds = 0.1;  // also resolves the next hop
constexpr size_t kClockEvery = 64;      // datagrams: a look at the clock costs as much as 1% of one

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

struct Options {
  PeerOptions peer;
  std::string wire = "unnamed";
  std::vector<std::string> recipients;
  size_t payload_bytes = 1000, prepend_bytes = 12;
  double seconds = 1;
  uint64_t groupcasts = 0;
  bool stream = false;
  std::string json;
};

void DefineOptions(Options* options, CLI::App* app) {
  PeerOptions& peer = options->peer;
  app->add_option("--peer", peer.name, "The way to send")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kPeerNames), std::end(kPeerNames))))
      ->required();
  app->add_option("--recipients", options->recipients, kRecipientsHelp)->required();
  app->add_option("--payload", options->payload_bytes, "Length of the part for all, in bytes")
      ->check(CLI::Range(0, 65507))
      ->capture_default_str();
  app->add_option("--prepend", options->prepend_bytes,
                  "Length of each recipient's own part before it, in bytes")
      ->check(CLI::Range(0, 65507))
      ->capture_default_str();
  app->add_option("--seconds", options->seconds, "How long to send, after a warm-up")
      ->check(NumberFrom(1e-3, 1e6))
      ->capture_default_str();
  app->add_option("--groupcasts", options->groupcasts, "Send so many instead, without a warm-up")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app->add_flag("--stream", options->stream,
                "Write other bytes for each groupcast, which groupcast-sink can verify; without, "
                "all have those of the first");
  app->add_option("--batch", peer.batch,
                  "io_uring: datagrams on their way at once; af_packet_ring: a system call")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app->add_option("--device", peer.device, "af_packet_ring: interface to send by");
  app->add_option("--next-hop-mac", peer.next_hop_mac, "af_packet_ring: where to");
  app->add_flag("--qdisc-bypass", peer.qdisc_bypass, "af_packet_ring: PACKET_QDISC_BYPASS");
  app->add_option("--wire", options->wire, "What the result is to call the wire")
      ->capture_default_str();
  app->add_option("--json", options->json, "Write the result to this file, not to the output");
  app->footer(
      "The result is a JSON object: peer, wire, recipients, payload, prepend, append, lcores, "
      "batch, "
      "seconds, groupcasts, packets (those that the kernel took), dropped (those that it did not), "
      "errors (the same by errno), packets_per_second, ns_per_packet, cycles_per_packet (of the "
      "TSC), cpu_ns_per_packet (CPU time of this process), busy_ns_per_packet (of all CPUs what is "
      "not idle, to 10 ms). Where the kernel lacks a way it is peer, wire and not_available, the "
      "reason. Exit status: 0 with a result, 1 if nothing was sent, 2 if it could not run.");
}

int Fail(const std::string& message) {
  std::fprintf(stderr, "kernel_peer: %s\n", message.c_str());
  return kCouldNotRun;
}

bool WriteResult(const nlohmann::json& result, const std::string& file) {
  if (file.empty()) {
    std::printf("%s\n", result.dump(1).c_str());
    return std::fflush(stdout) == 0;
  }
  std::ofstream out(file);
  out << result.dump(1) << '\n';
  out.close();
  return static_cast<bool>(out);
}

// One run of one peer.
class Run {
 public:
  Run(const Options& options, Load* load, Peer* peer)
      : options_(options), load_(load), peer_(peer) {}

  nlohmann::json Result();

 private:
  // Until so many groupcasts are sent, or the time is over. Returns how many.
  uint64_t Send(uint64_t groupcasts, double seconds);

  const Options& options_;
  Load* load_;
  Peer* peer_;
};

uint64_t Run::Send(uint64_t groupcasts, double seconds) {
  const uint64_t at_once = std::max<uint64_t>(1, kClockEvery / load_->recipients());
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
  uint64_t sent = 0;
  while (!stop_requested) {
    for (uint64_t i = 0; i < at_once; i++) {
      if (groupcasts > 0 && sent == groupcasts) return sent;
      if (options_.stream) load_->Write(sent);
      peer_->Send();
      sent++;
    }
    if (groupcasts == 0 && std::chrono::steady_clock::now() >= end) break;
  }
  return sent;
}

nlohmann::json Run::Result() {
  if (options_.groupcasts == 0) {
    Send(0, kWarmUpSeconds);
    peer_->Finish();
    peer_->ForgetErrors();
  }
  const CpuTime begin = CpuTime::Now();
  const uint64_t groupcasts = Send(options_.groupcasts, options_.seconds);
  peer_->Finish();
  const CpuTime end = CpuTime::Now();
  uint64_t dropped = 0;
  nlohmann::json errors = nlohmann::json::object();
  for (const auto& [error, datagrams] : peer_->errors()) {
    const char* name = strerrorname_np(error);
    errors[name == nullptr ? std::to_string(error) : name] = datagrams;
    dropped += datagrams;
  }
  const uint64_t packets = groupcasts * load_->recipients() - dropped;
  const auto per_packet = [packets](auto value) {
    return packets > 0 ? static_cast<double>(value) / static_cast<double>(packets) : 0.0;
  };
  const double seconds = static_cast<double>(end.wall_ns - begin.wall_ns) / 1e9;
  return {{"peer", options_.peer.name},
          {"wire", options_.wire},
          {"recipients", load_->recipients()},
          {"payload", options_.payload_bytes},
          {"prepend", options_.prepend_bytes},
          {"append", 0},
          {"lcores", 0},
          {"batch", options_.peer.batch},
          {"seconds", seconds},
          {"groupcasts", groupcasts},
          {"packets", packets},
          {"dropped", dropped},
          {"errors", errors},
          {"packets_per_second", static_cast<double>(packets) / seconds},
          {"ns_per_packet", per_packet(end.wall_ns - begin.wall_ns)},
          {"cycles_per_packet", per_packet(end.cycles - begin.cycles)},
          {"cpu_ns_per_packet", per_packet(end.process_ns - begin.process_ns)},
          {"busy_ns_per_packet", per_packet(end.BusyNsSince(begin))}};
}

int Main(const Options& options) {
  auto recipients = CollectRecipients(options.recipients, "");
  if (!recipients.ok()) return Fail(std::string(recipients.status().message()));
  if (options.payload_bytes + options.prepend_bytes > 65507) {
    return Fail("--payload and --prepend are above 65507 bytes together, what a datagram holds");
  }
  Load load(*std::move(recipients), options.payload_bytes, options.prepend_bytes);
  auto peer = MakePeer(options.peer, &load);
  nlohmann::json result;
  if (peer.ok()) {
    result = Run(options, &load, peer->get()).Result();
  } else if (peer.status().code() == absl::StatusCode::kUnimplemented) {
    result = {{"peer", options.peer.name},
              {"wire", options.wire},
              {"not_available", std::string(peer.status().message())}};
  } else {
    return Fail(std::string(peer.status().message()));
  }
  if (!WriteResult(result, options.json)) {
    return Fail(options.json + ": " + std::strerror(errno));
  }
  return result.contains("packets") && result["packets"] == 0 ? kNothingSent : 0;
}

}  // namespace
}  // namespace groupcast

int main(int argc, char** argv) try {
  groupcast::Options options;
  CLI::App app("Sends the same to many in one of the kernel's ways, and tells what that cost.",
               "kernel_peer");
  groupcast::DefineOptions(&options, &app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : groupcast::kCouldNotRun;
  }
  struct sigaction action = {};
  action.sa_handler = [](int) { groupcast::stop_requested = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return groupcast::Main(options);
} catch (const std::exception& error) {
  // Memory, in the first place; command lines are dealt with above.
  std::fprintf(stderr, "kernel_peer: %s\n", error.what());
  return groupcast::kCouldNotRun;
}
