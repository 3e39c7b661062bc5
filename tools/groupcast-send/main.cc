// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// groupcast-send: sends our test stream to a group, for groupcast-sink to verify.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "groupcast/sendgroup.h"
#include "groupcast/statistics.h"
#include "tools/command_line.h"
#include "tools/groupcast-send/sender.h"
#include "tools/recipients.h"
#include "tools/test_stream.h"

namespace groupcast {
namespace {

constexpr int kSomeNotSent = 1;
constexpr int kCouldNotRun = 2;

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

struct Options {
  std::string config;
  std::vector<std::string> recipients;
  std::string recipients_file;
  std::string source;
  double rate = 0;
  unsigned threads = 1;
  bool dontwait = false;
  std::string peer;
  std::string json;
  SendPlan plan;
};

void DefineOptions(Options* options, CLI::App* app) {
  SendPlan& plan = options->plan;
  app->add_option(
      "--config", options->config,
      "Engine configuration (YAML) for groupcast_attach(); without it the kernel sends");
  app->add_option("--recipients", options->recipients, kRecipientsHelp);
  app->add_option("--recipients-file", options->recipients_file, kRecipientsFileHelp);
  app->add_option("--payload", plan.payload_bytes, "Length of the shared part, in bytes")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app->add_option("--prepend", plan.prepend_bytes,
                  "Length of each private part before it, in bytes")
      ->check(CLI::Range(0, 65535));
  app->add_option("--append", plan.append_bytes, "Length of each private part behind it, in bytes")
      ->check(CLI::Range(0, 65535));
  app->add_option("--count", plan.groupcasts, "Groupcasts by each thread")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
  app->add_option("--rate", options->rate,
                  "Groupcasts a second by all threads together (default: as fast as it goes)")
      ->check(NumberFrom(1e-6, 1e9));
  app->add_option("--source", options->source, "ADDR:PORT to bind the socket to");
  app->add_flag("--dontwait", options->dontwait, "Send with MSG_DONTWAIT");
  app->add_option("--threads", options->threads,
                  "Threads that send on the one socket, each its own stream")
      ->check(CLI::Range(1, 1024));
  app->add_option("--stream", plan.first_stream, "Number of the first thread's stream")
      ->check(CLI::Range(uint32_t{0}, UINT32_MAX - 1024))
      ->capture_default_str();
  app->add_option("--end-markers", plan.end_markers,
                  "Groupcasts at the end that tell the sink where it is; they are sent on top of "
                  "--count and not reported")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app->add_option("--peer", options->peer,
                  "What to send with, for comparison: sendgroup (the default), sendmsg or sendmmsg")
      ->check(CLI::IsMember({"sendgroup", "sendmsg", "sendmmsg"}));
  app->add_option("--json", options->json, "Write the report to this file, too");
  app->footer(
      "Exit status: 0 if every datagram was sent, 1 if not, 2 if it could not run. SIGINT and "
      "SIGTERM end it with a report.");
}

int Fail(const std::string& message) {
  absl::FPrintF(stderr, "groupcast-send: %s\n", message);
  return kCouldNotRun;
}

// Name of an errno as programs write it, such as EAGAIN.
std::string ErrnoName(int error) {
  const char* name = strerrorname_np(error);
  return name == nullptr ? absl::StrFormat("errno %d", error) : name;
}

struct Result {
  SendCounts counts;
  double seconds = 0;

  uint64_t Errors() const {
    uint64_t errors = 0;
    for (const auto& [error, count] : counts.errors) errors += count;
    return errors;
  }
  double DatagramsPerSecond() const {
    return seconds > 0 ? static_cast<double>(counts.sent) / seconds : 0;
  }
  double NsPerDatagram() const {
    return counts.sent > 0
               ? static_cast<double>(counts.in_call_ns) / static_cast<double>(counts.sent)
               : 0;
  }
};

std::vector<groupcast_counter> LibraryCounters() {
  std::vector<groupcast_counter> counters(groupcast_counters(nullptr, 0));
  counters.resize(std::min(counters.size(), groupcast_counters(counters.data(), counters.size())));
  return counters;
}

bool WriteJson(const Result& result, const std::string& file) {
  nlohmann::json root = {{"groupcasts", result.counts.groupcasts},
                         {"sent", result.counts.sent},
                         {"failed_calls", result.counts.failed_calls},
                         {"seconds", result.seconds},
                         {"datagrams_per_second", result.DatagramsPerSecond()},
                         {"ns_per_datagram", result.NsPerDatagram()},
                         {"errors", nlohmann::json::object()},
                         {"counters", nlohmann::json::object()}};
  for (const auto& [error, count] : result.counts.errors) root["errors"][ErrnoName(error)] = count;
  for (const groupcast_counter& counter : LibraryCounters()) {
    root["counters"][counter.name] = counter.value;
  }
  std::ofstream out(file);
  out << root.dump(1) << '\n';
  out.close();
  return static_cast<bool>(out);
}

void PrintResult(const Result& result) {
  for (const auto& [error, count] : result.counts.errors) {
    absl::PrintF("groupcast-send: %d datagrams not sent: %s (%s)\n", count, ErrnoName(error),
                 strerror(error));
  }
  for (const groupcast_counter& counter : LibraryCounters()) {
    if (counter.value == 0) continue;
    absl::PrintF("%-24s %14d %-10s %s\n", counter.name, counter.value, counter.unit, counter.help);
  }
  absl::PrintF(
      "groupcast-send: summary groupcasts=%d sent=%d errors=%d seconds=%.3f "
      "datagrams_per_second=%.0f ns_per_datagram=%.1f\n",
      result.counts.groupcasts, result.counts.sent, result.Errors(), result.seconds,
      result.DatagramsPerSecond(), result.NsPerDatagram());
  fflush(stdout);
}

Result SendAll(const SendPlan& plan, unsigned threads, int socket) {
  Result result;
  std::vector<SendCounts> counts(threads);
  std::vector<std::unique_ptr<Sender>> senders;
  for (unsigned i = 0; i < threads; ++i) {
    senders.push_back(std::make_unique<Sender>(plan, plan.first_stream + i, socket));
  }
  std::vector<std::thread> running;
  const auto started = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&counts, &senders, i] { counts[i] = senders[i]->Run(&stop_requested); });
  }
  for (std::thread& thread : running) thread.join();
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  for (const SendCounts& more : counts) result.counts.Add(more);
  return result;
}

int Send(Options options) {
  SendPlan& plan = options.plan;
  auto recipients = CollectRecipients(options.recipients, options.recipients_file);
  if (!recipients.ok()) return Fail(std::string(recipients.status().message()));
  plan.recipients = *std::move(recipients);
  plan.groupcasts_per_second = options.rate / options.threads;
  plan.flags = options.dontwait ? MSG_DONTWAIT : 0;
  if (options.peer == "sendmsg") plan.call = SendCall::kSendmsg;
  if (options.peer == "sendmmsg") plan.call = SendCall::kSendmmsg;
  if (test_stream::FormOf(plan.payload_bytes) == test_stream::Form::kAnonymous) {
    // Nothing could tell a marker from a datagram.
    plan.end_markers = 0;
  }
  Recipient source;
  if (!options.source.empty()) {
    const auto parsed = ParseRecipient(options.source);
    if (!parsed.ok()) return Fail("--source " + std::string(parsed.status().message()));
    source = *parsed;
  }
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return Fail(absl::StrFormat("UDP socket: %s", strerror(errno)));
  // Bound in any case: an unbound socket's first call goes by the kernel.
  const sockaddr_in local = ToSockaddr(source);
  if (bind(socket_fd, reinterpret_cast<const sockaddr*>(&local), sizeof(local)) != 0) {
    return Fail(
        absl::StrFormat("bind to --source %s: %s; use an address and port of this host "
                        "that are free",
                        options.source, strerror(errno)));
  }
  if (!options.config.empty() && groupcast_attach(options.config.c_str()) != 0) {
    return Fail(groupcast_last_error());
  }
  const Result result = SendAll(plan, options.threads, socket_fd);
  if (!options.config.empty()) groupcast_detach();
  PrintResult(result);
  if (!options.json.empty() && !WriteJson(result, options.json)) {
    return Fail(absl::StrFormat("cannot write %s: %s", options.json, strerror(errno)));
  }
  close(socket_fd);
  return result.Errors() == 0 ? 0 : kSomeNotSent;
}

}  // namespace
}  // namespace groupcast

int main(int argc, char** argv) try {
  groupcast::Options options;
  CLI::App app("Sends our test stream to a group, for groupcast-sink to verify.", "groupcast-send");
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
  return groupcast::Send(std::move(options));
} catch (const std::exception& error) {
  // Memory, in the first place; command lines are dealt with above.
  std::fprintf(stderr, "groupcast-send: %s\n", error.what());
  return groupcast::kCouldNotRun;
}
