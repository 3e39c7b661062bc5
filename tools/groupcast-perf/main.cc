// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// groupcast-perf: sends groupcasts as fast as it goes, or at a rate, and says what one costs.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tools/command_line.h"
#include "tools/groupcast-perf/eal_arguments.h"
#include "tools/groupcast-perf/engine_ports.h"
#include "tools/groupcast-perf/options.h"
#include "tools/groupcast-perf/prompt.h"
#include "tools/groupcast-perf/session.h"

namespace groupcast::perf {
namespace {

constexpr int kAllSent = 0;
constexpr int kSomeNotSent = 1;
constexpr int kCouldNotRun = 2;

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

int Fail(const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "groupcast-perf: %s\n", message.c_str());
  return kCouldNotRun;
}

int Fail(const absl::Status& status) { return Fail(std::string(status.message())); }

void CatchSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_requested = true; };
  // A second one ends the process, whatever it waits for.
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

struct CommandLine {
  std::vector<std::string> eal;
  std::vector<std::string> own;  // last first, as CLI11 takes them
};

CommandLine Split(int argc, char** argv) {
  CommandLine line;
  char** const end = argv + argc;
  char** const border = std::find(argv + 1, end, std::string("--"));
  line.eal.assign(argv + 1, border);
  if (border != end) line.own.assign(border + 1, end);
  std::reverse(line.own.begin(), line.own.end());
  return line;
}

// An option of ours where only EAL's are; empty: there is none.
std::string Misplaced(const std::vector<std::string>& eal, const CLI::App& app) {
  for (const std::string& argument : eal) {
    const std::string name = argument.substr(0, argument.find('='));
    if (name.rfind("--", 0) == 0 && app.get_option_no_throw(name) != nullptr) return name;
  }
  return "";
}

absl::Status RunOnce(Session* session) {
  absl::Status status = session->StartRun();
  if (!status.ok()) return status;
  while (!session->RunIsOver() && !stop_requested) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return session->EndRun();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Sends groupcasts through the engine as fast as it goes, or at a rate, and says what a "
      "packet "
      "and a groupcast cost.");
  DefineOptions(&options, &app);
  CommandLine line = Split(argc, argv);
  for (const char* help : {"-h", "--help"}) {
    if (std::find(line.eal.begin(), line.eal.end(), help) != line.eal.end()) line.own = {help};
  }
  try {
    app.parse(line.own);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAllSent : kCouldNotRun;
  }
  const std::string misplaced = Misplaced(line.eal, app);
  if (!misplaced.empty()) {
    return Fail(misplaced + ": is not an EAL argument; it goes behind \"--\"");
  }
  if (!options.config.empty() && !line.eal.empty()) {
    return Fail("--config: the file says what EAL arguments would; remove those before \"--\"");
  }
  absl::StatusOr<EngineOptions> engine = ReadEalArguments(line.eal);
  if (!engine.ok()) return Fail(engine.status());
  if (options.config.empty() && engine->ports.empty()) {
    return Fail(
        "no port is given: use --vdev, -a or, behind \"--\", --config; --help has an example");
  }
  absl::Status status = ReadFlow(&options);
  if (status.ok()) status = CompleteEngineOptions(&options, &*engine);
  if (status.ok()) status = CheckOptions(options);
  JsonFile json;
  if (status.ok()) status = json.Create(options.json);
  if (!status.ok()) return Fail(status);

  CatchSignals();
  Session session(options, *std::move(engine), std::move(json));
  status = session.OpenEngine();
  if (status.ok()) {
    status = options.interactive ? RunPrompt(&session, &stop_requested) : RunOnce(&session);
  }
  if (!status.ok()) return Fail(status);
  return session.all_sent() ? kAllSent : kSomeNotSent;
}

}  // namespace
}  // namespace groupcast::perf

int main(int argc, char** argv) {
  try {
    return groupcast::perf::Main(argc, argv);
  } catch (const std::exception& error) {  // out of memory, or of threads
    std::fprintf(stderr, "groupcast-perf: %s\n", error.what());
    return groupcast::perf::kCouldNotRun;
  }
}
