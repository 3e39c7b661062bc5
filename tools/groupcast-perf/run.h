// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tools/groupcast-perf/engine_ports.h"
#include "tools/groupcast-perf/options.h"
#include "tools/groupcast-perf/producer.h"
#include "tools/groupcast-perf/result.h"
#include "tools/groupcast-perf/sample.h"

namespace groupcast::perf {

// One run from its warm-up to its end, which comes by itself after options.seconds, or by Stop().
class Run {
 public:
  // Makes all that is sent and begins. `ports` has to suit the workload and be there until the end.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Run>> Start(const Options& options,
                                                                  const Workload& workload,
                                                                  EnginePorts* ports);
  ~Run() { Stop(); }

  // Ends it, if it has not ended yet, and waits for the producers.
  void Stop();
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // Why it could not go on; of a run that has ended.
  const absl::Status& failure() const { return failure_; }
  // Up to now. Any thread.
  Result result() const;

 private:
  Run(const Options& options, const Workload& workload, EnginePorts* ports);
  void Watch();
  bool Sleep(double seconds);
  bool WaitForAll(bool (Producer::*state)() const);
  void CountUntilEnd();
  absl::Status CheckWarmUp() const;

  const Options& options_;
  const Workload workload_;
  EnginePorts* const ports_;
  std::atomic<Phase> phase_{Phase::kWarmUp};
  std::vector<std::unique_ptr<Producer>> producers_;
  std::thread watch_;
  std::atomic<bool> ended_{false};
  absl::Status failure_;

  mutable std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;      // guarded by mutex_
  bool counting_ = false;  // guarded by mutex_; samples below, too
  bool joined_ = false;    // guarded by mutex_
  Sample at_start_;
  Sample at_begin_;  // of the counting
  Sample at_end_;
};

}  // namespace groupcast::perf
