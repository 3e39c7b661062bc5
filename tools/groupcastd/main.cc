// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <groupcast/sendgroup.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "engine/control/config.h"
#include "engine/control/host_check.h"
#include "tools/command_line.h"
#include "tools/groupcastd/config.h"
#include "tools/groupcastd/output.h"
#include "tools/groupcastd/relay.h"
#include "tools/open_files.h"

namespace groupcast {
namespace {

constexpr int kStopped = 0;
constexpr int kStartFailed = 1;
constexpr int kWrongConfiguration = 2;

constexpr auto kSettleMost = std::chrono::seconds(2);
constexpr int kSettlePollMs = 2;

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

absl::Status TakeMembers(const std::string& path, Relay& relay) {
  try {
    RelayConfig config;
    const std::string errors = ConfigurationErrors(path, config);
    if (!errors.empty()) return absl::InvalidArgumentError(errors);
    return relay.ChangeMembers(config);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory");
  }
}

// SIGHUP: takes the members that the file has now, or says why not and leaves all as it is.
// `ready`: the service manager was told that it is.
void Reload(const std::string& path, bool ready, Relay& relay) {
  if (ready) sd_notify(0, "RELOADING=1");
  const absl::Status taken = TakeMembers(path, relay);
  if (ready) sd_notify(0, "READY=1");
  if (!taken.ok()) {
    for (const auto& line : absl::StrSplit(taken.message(), '\n')) {
      WriteUnlessBlocked(stderr, absl::StrCat(line, "\n"));
    }
    const bool in_part = absl::IsResourceExhausted(taken);
    WriteUnlessBlocked(stderr,
                       absl::StrCat("groupcastd: ", path,
                                    in_part ? " may be taken in part\n"
                                            : " is not taken; the members stay as they were\n"));
    return;
  }
  WriteUnlessBlocked(stdout, absl::StrCat("groupcastd: reloaded members=", relay.members(), "\n"));
}

// The terminal that this was started on; -1: none.
int Terminal() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (isatty(fd) != 0) return fd;
  }
  return -1;
}

// Which is told by SIGHUP, too.
bool IsGone(int terminal) {
  pollfd hung_up = {terminal, 0, 0};
  return terminal >= 0 && poll(&hung_up, 1, 0) == 1 && (hung_up.revents & POLLHUP) != 0;
}

void TellReady(const Relay& relay) {
  sd_notify(0, "READY=1");
  WriteUnlessBlocked(stdout, absl::StrCat("groupcastd: ready groups=", relay.groups(),
                                          " members=", relay.members(), "\n"));
}

// Relays on a thread of its own until a signal says to stop, or it can't go on. It is ready once
// the engine receives what it can.
absl::Status RelayUntilStopped(const std::string& path, int signals, double stats_period_s,
                               Relay& relay) {
  const FileDescriptor stop(eventfd(0, EFD_CLOEXEC)), ended(eventfd(0, EFD_CLOEXEC));
  if (!stop.valid() || !ended.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  const int terminal = Terminal();
  absl::Status relayed;
  std::thread thread([&] {
    try {
      relayed = relay.Run(stop.get(), stats_period_s);
    } catch (const std::bad_alloc&) {
      relayed = absl::ResourceExhaustedError("no memory");
    }
    eventfd_write(ended.get(), 1);
  });
  std::array<pollfd, 2> wanted = {pollfd{signals, POLLIN, 0}, pollfd{ended.get(), POLLIN, 0}};
  const auto ready_by = std::chrono::steady_clock::now() + kSettleMost;
  bool ready = false;
  for (;;) {
    if (!ready && (relay.settled() || std::chrono::steady_clock::now() > ready_by)) {
      ready = true;
      TellReady(relay);
    }
    if (poll(wanted.data(), wanted.size(), ready ? -1 : kSettlePollMs) <= 0) continue;
    if (wanted[1].revents != 0) break;
    signalfd_siginfo signal;
    if (read(signals, &signal, sizeof(signal)) != sizeof(signal)) continue;
    if (signal.ssi_signo != SIGHUP || IsGone(terminal)) break;
    Reload(path, ready, relay);
  }
  sd_notify(0, "STOPPING=1");
  eventfd_write(stop.get(), 1);
  thread.join();
  return relayed;
}

int Run(RelayConfig config, double stats_period_s) {
  // Blocked before any thread exists, so that every thread inherits it and only this descriptor
  // sees these signals.
  sigset_t wanted_signals;
  sigemptyset(&wanted_signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted_signals, signal);
  sigprocmask(SIG_BLOCK, &wanted_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const FileDescriptor signals(signalfd(-1, &wanted_signals, SFD_CLOEXEC));
  RaiseOpenFiles();

  const std::string path = config.path;
  const bool has_engine = config.has_engine;
  // What this host lacks or another program holds is found out before the engine starts.
  const std::string devices = MissingDevices(config);
  absl::StatusOr<std::unique_ptr<Relay>> relay = Relay::Open(std::move(config));
  const std::string missing = MergeErrors(path, std::string(relay.status().message()), devices);
  if (!missing.empty()) {
    Complain(missing);
    return kStartFailed;
  }
  if (!has_engine) {
    std::printf("groupcastd: %s has no 'ports': everything goes by the kernel\n", path.c_str());
  } else if (groupcast_attach(path.c_str()) != 0) {
    Complain(groupcast_last_error());
    return kStartFailed;
  }
  const absl::Status relayed = RelayUntilStopped(path, signals.get(), stats_period_s, **relay);
  int result = kStopped;
  if (!relayed.ok()) {
    Complain("groupcastd: " + std::string(relayed.message()));
    result = kStartFailed;
  }
  if (has_engine && groupcast_detach() != 0) {
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
      "SIGHUP reads the file again and takes its members; SIGINT, SIGTERM and the end of the "
      "terminal\n"
      "that it was started on stop it once what it has received is sent.\n"
      "Exit status: 0 after such a stop, 1 if it could not start, 2 for a wrong\n"
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
  return Run(std::move(config), stats_period_s);
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
