// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/prompt.h"

#include <absl/strings/str_cat.h>
#include <cmdline.h>
#include <cmdline_parse.h>
#include <cmdline_socket.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include "tools/groupcast-perf/verbs.h"
#include "tools/groupcast-perf/workload.h"

namespace groupcast::perf {
namespace {

constexpr char kPrompt[] = "groupcast-perf> ";
constexpr int kLookMs = 50;  // for a run that has ended, or a signal
constexpr char kHelp[] =
    R"(
  start                              begin a run: as long as --seconds says, or until stop
  stop                               end it, and show what it has sent
  show port stats all                what the ports' drivers count
  show fwd stats all                 what the run has sent
  show config fwd                    what the next run sends
  clear port stats all, clear fwd stats all
  set payload|recipients|groups|prepend|append|rate VALUE
  set strategy auto|chain|copy       the next run takes what is set
  set mode sendgroup|group|async
  set mode direct                    for strategies clone, lazy-copy, floor, written-floor, too
  help
  quit                               ends a run, too
)";

class Prompt {
 public:
  Prompt(Session* session, const std::atomic<bool>* stop) : session_(*session), stop_(*stop) {
    DefineVerbs();
  }

  absl::Status Run() {
    isatty(STDIN_FILENO) != 0 ? ReadTerminal() : ReadScript();
    if (session_.running()) Take(session_.EndRun());
    return status_;
  }

 private:
  void DefineVerbs();
  void ReadTerminal();
  void ReadScript();
  void ParseLine(cmdline* prompt, std::string line);
  bool WaitForInput();

  // Tells what is wrong; a script's first error is that of the program.
  void Take(const absl::Status& status) {
    if (status.ok()) return;
    std::printf("%s\n", std::string(status.message()).c_str());
    std::fflush(stdout);
    if (status_.ok() && (script_ || !absl::IsInvalidArgument(status))) status_ = status;
  }
  void Say(const char* text) {
    std::puts(text);
    std::fflush(stdout);
  }

  Session& session_;
  const std::atomic<bool>& stop_;
  Verbs verbs_;
  bool script_ = false;
  bool quit_ = false;
  absl::Status status_;
};

void Prompt::DefineVerbs() {
  using Words = Verbs::Words;
  verbs_.Add({"help"}, "help: what there is", [this](const Words&) { Say(kHelp); });
  verbs_.Add({"quit"}, "quit: end the program", [this](const Words&) { quit_ = true; });
  verbs_.Add({"start"}, "start: begin a run", [this](const Words&) {
    if (session_.running()) return Say("Packet forwarding already started");
    Take(session_.StartRun());
  });
  verbs_.Add({"stop"}, "stop: end the run", [this](const Words&) {
    if (!session_.running()) return Say("Packet forwarding not started");
    Take(session_.EndRun());
  });
  verbs_.Add({"show", "port", "stats", "all"}, "show port stats all",
             [this](const Words&) { session_.ShowPortStatistics(); });
  verbs_.Add({"show", "fwd", "stats", "all"}, "show fwd stats all",
             [this](const Words&) { session_.ShowForwardStatistics(); });
  verbs_.Add({"show", "config", "fwd"}, "show config fwd",
             [this](const Words&) { session_.ShowConfiguration(); });
  verbs_.Add({"clear", "port", "stats", "all"}, "clear port stats all",
             [this](const Words&) { session_.ClearPortStatistics(); });
  verbs_.Add({"clear", "fwd", "stats", "all"}, "clear fwd stats all",
             [this](const Words&) { session_.ClearForwardStatistics(); });
  const auto set = [this](const Words& words) {
    const absl::Status status = session_.Set(words[1], words[2]);
    Take(status);
    if (status.ok() && session_.running()) Say("The next run takes it.");
  };
  verbs_.Add({"set", "strategy", StrategyNames("#")}, "set strategy " + StrategyNames("|"), set);
  verbs_.Add({"set", "mode", ModeNames("#")}, "set mode " + ModeNames("|"), set);
  verbs_.Add({"set", "payload#recipients#groups#prepend#append#rate", ""},
             "set payload|recipients|groups|prepend|append|rate VALUE", set);
}

// Ends a run that is over, and returns whether there is something to read, its end included.
bool Prompt::WaitForInput() {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  const int ready = poll(&input, 1, kLookMs);
  if (session_.RunIsOver()) Take(session_.EndRun());
  return ready == 1;
}

// Not cmdline_interact(), which knows neither signals nor runs that end.
void Prompt::ReadTerminal() {
  cmdline* prompt = cmdline_stdin_new(verbs_.context(), kPrompt);
  if (prompt == nullptr) return Take(absl::ResourceExhaustedError("no memory for the prompt"));
  while (!quit_ && !stop_) {
    if (!WaitForInput()) continue;
    char key;
    if (read(STDIN_FILENO, &key, 1) <= 0) break;
    if (cmdline_in(prompt, &key, 1) < 0) break;  // Ctrl-D
  }
  cmdline_stdin_exit(prompt);  // frees it, since DPDK 22.11
}

void Prompt::ParseLine(cmdline* prompt, std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  std::printf("%s%s\n", kPrompt, line.c_str());
  std::fflush(stdout);
  const int parsed = cmdline_parse(prompt, (line + "\n").c_str());
  if (parsed >= 0) return;
  Take(absl::InvalidArgumentError(
      absl::StrCat("'", line, "': ",
                   parsed == CMDLINE_PARSE_AMBIGUOUS  ? "ambiguous command"
                   : parsed == CMDLINE_PARSE_BAD_ARGS ? "bad arguments"
                                                      : "command not found")));
}

void Prompt::ReadScript() {
  script_ = true;
  cmdline* parser = cmdline_new(verbs_.context(), "", -1, -1);
  if (parser == nullptr) return Take(absl::ResourceExhaustedError("no memory for the prompt"));
  std::string text;
  bool end = false;
  while (!quit_ && !stop_ && !end) {
    if (!WaitForInput()) continue;
    std::array<char, 4096> some;
    const ssize_t n = read(STDIN_FILENO, some.data(), some.size());
    if (n < 0 && errno == EINTR) continue;
    end = n <= 0;
    if (!end) text.append(some.data(), static_cast<size_t>(n));
    if (end && !text.empty()) text += '\n';  // a last line without one
    for (size_t line; !quit_ && (line = text.find('\n')) != std::string::npos;) {
      ParseLine(parser, text.substr(0, line));
      text.erase(0, line + 1);
    }
  }
  cmdline_free(parser);
  // A script that ends with `start` means that run.
  while (!quit_ && !stop_ && session_.running() && session_.RunHasEnd()) {
    poll(nullptr, 0, kLookMs);
    if (session_.RunIsOver()) Take(session_.EndRun());
  }
}

}  // namespace

absl::Status RunPrompt(Session* session, const std::atomic<bool>* stop) {
  return Prompt(session, stop).Run();
}

}  // namespace groupcast::perf
