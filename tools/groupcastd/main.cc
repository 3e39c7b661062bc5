// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <groupcast/sendgroup.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "engine/control/config.h"
#include "engine/control/host_check.h"
#include "tools/command_line.h"
#include "tools/groupcastd/config.h"
#include "tools/groupcastd/relay.h"

namespace groupcast {
namespace {

constexpr int kStopped = 0;
constexpr int kStartFailed = 1;
constexpr int kWrongConfiguration = 2;

void Complain(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

// Every error of both parts of the file, or nothing.
std::string ConfigurationErrors(const std::string& path, RelayConfig& config) {
  const absl::Status relay = LoadRelayConfig(path, config);
  std::string engine;
  if (config.has_engine && groupcast_check(path.c_str()) != 0) engine = groupcast_last_error();
  return MergeErrors(path, std::string(relay.message()), engine);
}

// What the engine's ports name and this host has not.
std::string MissingDevices(const RelayConfig& config) {
  if (!config.has_engine) return "";
  const absl::StatusOr<EngineConfig> engine = LoadEngineConfig(config.path);
  if (!engine.ok()) return std::string(engine.status().message());
  return std::string(CheckHost(*engine).message());
}

// Two descriptors per group, and what DPDK needs.
void RaiseOpenFiles() {
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int Run(const RelayConfig& config, double stats_period_s) {
  // Blocked before any thread exists, so that every thread inherits it and only the relay's
  // descriptor sees these signals.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const FileDescriptor stop(signalfd(-1, &stop_signals, SFD_CLOEXEC));
  RaiseOpenFiles();

  // What this host lacks or another program holds is found out before the engine starts.
  absl::StatusOr<std::unique_ptr<Relay>> relay = Relay::Open(config);
  const std::string missing =
      MergeErrors(config.path, std::string(relay.status().message()), MissingDevices(config));
  if (!missing.empty()) {
    Complain(missing);
    return kStartFailed;
  }
  if (!config.has_engine) {
    std::printf("groupcastd: %s has no 'ports': everything goes by the kernel\n",
                config.path.c_str());
  } else if (groupcast_attach(config.path.c_str()) != 0) {
    Complain(groupcast_last_error());
    return kStartFailed;
  }
  size_t members = 0;
  for (const RelayGroup& group : config.groups) members += group.members.size();
  std::printf("groupcastd: ready groups=%zu members=%zu\n", config.groups.size(), members);
  std::fflush(stdout);

  const absl::Status relayed = (*relay)->Run(stop.get(), stats_period_s);
  int result = kStopped;
  if (!relayed.ok()) {
    Complain("groupcastd: " + std::string(relayed.message()));
    result = kStartFailed;
  }
  if (config.has_engine && groupcast_detach() != 0) {
    Complain(groupcast_last_error());
    result = kStartFailed;
  }
  (*relay)->WriteSummary();
  return result;
}

int Main(int argc, char** argv) {
  CLI::App app("Relays UDP datagrams to groups of recipients, each datagram to every member.");
  std::string path;
  bool check_only = false;
  double stats_period_s = 1;
  app.add_option("FILE", path, "configuration: the engine's keys and 'groups'")->required();
  app.add_flag("--check", check_only, "read and check the file, not this host; start nothing");
  app.add_option("--stats-period", stats_period_s, "seconds between lines of statistics; 0: none")
      ->check(NumberFrom(0, 86400))
      ->capture_default_str();
  app.add_flag_callback(
      "--help-config",
      [] {
        std::printf("# groupcastd\n%s\n# engine; without 'ports' everything goes by the kernel\n%s",
                    RelayConfigReference().c_str(), EngineConfigReference().c_str());
        throw CLI::Success();
      },
      "print every key of a configuration and exit");
  app.footer(
      "Exit status: 0 after a stop by SIGINT or SIGTERM, 1 if it could not start, 2 for a wrong\n"
      "configuration or command line.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kStopped : kWrongConfiguration;
  }

  RelayConfig config;
  const std::string errors = ConfigurationErrors(path, config);
  if (!errors.empty()) {
    Complain(errors);
    return kWrongConfiguration;
  }
  if (check_only) {
    std::printf("groupcastd: %s is right: groups=%zu\n", path.c_str(), config.groups.size());
    return kStopped;
  }
  return Run(config, stats_period_s);
}

}  // namespace
}  // namespace groupcast

int main(int argc, char** argv) {
  try {
    return groupcast::Main(argc, argv);
  } catch (const std::exception& error) {  // out of memory
    std::fprintf(stderr, "groupcastd: %s\n", error.what());
    return groupcast::kStartFailed;
  }
}
