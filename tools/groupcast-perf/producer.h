// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "tools/groupcast-perf/groupcast_source.h"
#include "tools/groupcast-perf/latency.h"
#include "tools/groupcast-perf/tally.h"

namespace groupcast::perf {

enum class Phase : uint8_t { kWarmUp, kCount, kStop };

struct ProducerOptions {
  std::optional<unsigned> cpu;  // to run on; none: anywhere
  double groupcasts_per_second = 0;
  TxStamps* stamps = nullptr;  // null: latency is not asked for
};

// A thread that sends groupcasts from its start until the phase says to stop, and counts those that
// it began while it said to count.
class Producer {
 public:
  Producer(const ProducerOptions& options, std::unique_ptr<GroupcastSource> source,
           const std::atomic<Phase>* phase);
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  // After the phase became kStop.
  void Join() { thread_.join(); }

  // It has sent a first groupcast.
  bool warm() const { return warm_.load(std::memory_order_relaxed); }
  // It has seen that it is to count; its next groupcast is counted, whatever the phase is by then.
  bool counts() const { return counts_.load(std::memory_order_relaxed); }
  const Tally& tally() const { return tally_; }
  // Of the joined thread: when its first counted call began and the last one had ended; both 0 if
  // it counted none.
  uint64_t begin_tsc() const { return begin_tsc_; }
  uint64_t end_tsc() const { return end_tsc_; }
  const Latencies* latencies() const { return latencies_.get(); }
  uint32_t outstanding() const { return source_->Outstanding(); }

 private:
  void Run();
  bool WaitForTurn(int64_t turn_ns) const;
  void Send(Tally* tally);

  const ProducerOptions options_;
  const std::unique_ptr<GroupcastSource> source_;
  const std::atomic<Phase>* const phase_;
  std::atomic<bool> warm_{false};    // the thread: wo
  std::atomic<bool> counts_{false};  // the thread: wo
  Tally tally_;
  std::unique_ptr<Latencies> latencies_;
  uint64_t begin_tsc_ = 0;
  uint64_t end_tsc_ = 0;
  std::thread thread_;
};

}  // namespace groupcast::perf
