// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>

#include "groupcast/engine.h"
#include "tools/groupcast-perf/engine_ports.h"
#include "tools/groupcast-perf/json_file.h"
#include "tools/groupcast-perf/options.h"
#include "tools/groupcast-perf/run.h"
#include "tools/groupcast-perf/sample.h"

namespace groupcast::perf {

// The engine and one run after the other, with what is shown of them. One thread.
class Session {
 public:
  Session(const Options& options, EngineOptions engine, JsonFile json);

  // Opens the engine as the workload needs it, if it is not open so.
  absl::Status OpenEngine();
  // Ends a run under way, and begins one.
  absl::Status StartRun();
  bool running() const { return run_ != nullptr && !reported_; }
  // It has come to its end by itself: EndRun() does not wait.
  bool RunIsOver() const { return running() && run_->ended(); }
  bool RunHasEnd() const { return options_.seconds > 0; }
  // Ends the run, prints its statistics, and writes them.
  absl::Status EndRun();

  void ShowPortStatistics();
  void ClearPortStatistics();
  void ShowForwardStatistics() const;
  void ClearForwardStatistics();
  void ShowConfiguration() const;
  absl::Status Set(const std::string& word, const std::string& value);

  // Whether every datagram of every run was sent, and by the engine.
  bool all_sent() const { return all_sent_; }

 private:
  const Options options_;
  const EngineOptions engine_options_;
  Workload workload_;
  JsonFile json_;
  std::unique_ptr<EnginePorts> ports_;
  std::unique_ptr<Run> run_;  // the last one stays until the next
  bool reported_ = false;
  bool all_sent_ = true;
  Sample ports_cleared_;
  Sample ports_shown_;
  Result forward_cleared_;
};

}  // namespace groupcast::perf
