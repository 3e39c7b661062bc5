// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/producer.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace groupcast::perf {
namespace {

// A sleep may end so much late; what is left until the turn is spent awake.
constexpr int64_t kLateNs = 60'000;
// How long a thread sleeps at most before it looks whether it is to stop.
constexpr int64_t kLongestNapNs = 10'000'000;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void PinTo(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

}  // namespace

Producer::Producer(const ProducerOptions& options, std::unique_ptr<GroupcastSource> source,
                   const std::atomic<Phase>* phase)
    : options_(options), source_(std::move(source)), phase_(phase) {
  if (options.stamps != nullptr) latencies_ = std::make_unique<Latencies>();
}

// False: it is to stop.
bool Producer::WaitForTurn(int64_t turn_ns) const {
  for (;;) {
    const int64_t left_ns = turn_ns - NowNs();
    if (phase_->load(std::memory_order_relaxed) == Phase::kStop) return false;
    if (left_ns <= 0) return true;
    if (left_ns > kLateNs) {
      std::this_thread::sleep_for(
          std::chrono::nanoseconds(std::min(left_ns - kLateNs, kLongestNapNs)));
    } else {
      rte_pause();
    }
  }
}

void Producer::Run() {
  if (options_.cpu) PinTo(*options_.cpu);
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  source_->Begin();
  const double period_ns =
      options_.groupcasts_per_second > 0 ? 1e9 / options_.groupcasts_per_second : 0;
  int64_t start_ns = NowNs();
  uint64_t turn = 0;  // since then
  Tally* tally = nullptr;
  for (;;) {
    if (period_ns > 0 &&
        !WaitForTurn(start_ns + static_cast<int64_t>(period_ns * static_cast<double>(turn++)))) {
      break;
    }
    const Phase phase = phase_->load(std::memory_order_relaxed);
    if (phase == Phase::kStop) break;
    if (phase == Phase::kCount && tally == nullptr) {
      source_->Finish();
      tally = &tally_;
      // What the warm-up was late by is not caught up with.
      start_ns = NowNs();
      turn = 1;
      counts_.store(true, std::memory_order_relaxed);
      begin_tsc_ = rte_rdtsc();
    }
    Send(tally);
    warm_.store(true, std::memory_order_relaxed);
  }
  source_->Finish();
  if (tally != nullptr) end_tsc_ = rte_rdtsc();
  source_->End();
}

void Producer::Send(Tally* tally) {
  if (options_.stamps == nullptr) {
    source_->Send(tally);
    return;
  }
  options_.stamps->Clear();
  const uint64_t called = rte_rdtsc();
  source_->Send(tally);
  uint64_t first = 0, last = 0;
  if (tally == nullptr || !options_.stamps->Read(&first, &last)) return;
  // The TSCs of two CPUs may differ by a little.
  latencies_->first.Add(std::max(first, called) - called);
  latencies_->last.Add(std::max(last, called) - called);
  latencies_->spread.Add(last - first);
}

}  // namespace groupcast::perf
