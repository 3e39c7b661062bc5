// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/run.h"

#include <absl/strings/str_cat.h>
#include <rte_cycles.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

namespace groupcast::perf {
namespace {

// The first CPUs that are no lcore's, one for each producer as long as there are some.
std::vector<unsigned> CpusForProducers(const EnginePorts& ports) {
  if (ports.direct() != nullptr) return ports.lcores();  // it is the lcore itself
  std::vector<unsigned> cpus = OwnCpus();
  std::erase_if(cpus, [&](unsigned cpu) {
    return std::find(ports.lcores().begin(), ports.lcores().end(), cpu) != ports.lcores().end();
  });
  return cpus;
}

}  // namespace

Run::Run(const Options& options, const Workload& workload, EnginePorts* ports)
    : options_(options), workload_(workload), ports_(ports) {}

absl::StatusOr<std::unique_ptr<Run>> Run::Start(const Options& options, const Workload& workload,
                                                EnginePorts* ports) {
  std::unique_ptr<Run> self(new Run(options, workload, ports));
  const std::vector<unsigned> cpus = CpusForProducers(*ports);
  for (unsigned i = 0; i < options.producers; i++) {
    absl::StatusOr<std::unique_ptr<GroupcastSource>> source =
        ports->direct() != nullptr ? MakeDirectSource(ports->direct())
                                   : MakeSource({workload, options.flow, options.burst});
    if (!source.ok()) return source.status();
    ProducerOptions producer;
    if (i < cpus.size()) producer.cpu = cpus[i];
    producer.groupcasts_per_second = workload.groupcasts_per_second / options.producers;
    producer.stamps = ports->stamps();
    self->producers_.push_back(
        std::make_unique<Producer>(producer, *std::move(source), &self->phase_));
  }
  ports->Begin(workload);
  self->at_start_ = Sample::Take(*ports);
  self->watch_ = std::thread([run = self.get()] { run->Watch(); });
  return self;
}

// False: it is to stop.
bool Run::Sleep(double seconds) {
  std::unique_lock lock(mutex_);
  return !stop_changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                                 [this] { return stop_; });
}

// Until all producers are so far: on a busy machine their threads may not run for a while. False:
// it is to stop.
bool Run::WaitForAll(bool (Producer::*state)() const) {
  while (!std::all_of(producers_.begin(), producers_.end(),
                      [&](const auto& producer) { return (producer.get()->*state)(); })) {
    if (!Sleep(0.001)) return false;
  }
  return true;
}

// What would make every number wrong: the kernel does what the engine should. Less than that is
// told with the result.
absl::Status Run::CheckWarmUp() const {
  const Sample warm_up = Sample::Take(*ports_) - at_start_;
  std::string reasons;
  for (const auto& [name, value] : warm_up.counters) {
    if (value == 0 || name.rfind("kernel_", 0) != 0 || name == "kernel_recipients") continue;
    absl::StrAppend(&reasons, reasons.empty() ? "" : ", ", name, " ", value);
  }
  const bool none_by_engine = warm_up.counters.at("packets") == 0;
  const bool no_memory = warm_up.counters.at("kernel_no_channel") > 0;
  if (reasons.empty() || !(none_by_engine || no_memory || options_.all_fixed)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the engine leaves datagrams to the kernel (", reasons,
      "): none of its ports reaches the recipients, the datagrams are larger than the MTU, or it "
      "lacks memory for --producers ",
      producers_.size(), " (raise -m, or memory: size_mib)"));
}

void Run::Watch() {
  for (const auto& producer : producers_) producer->Start();
  if (WaitForAll(&Producer::warm) && Sleep(kWarmUpSeconds)) {
    failure_ = CheckWarmUp();
    if (failure_.ok()) CountUntilEnd();
  }
  phase_.store(Phase::kStop, std::memory_order_relaxed);
  for (const auto& producer : producers_) producer->Join();
  {
    const std::lock_guard lock(mutex_);
    joined_ = true;
    at_end_ = Sample::Take(*ports_);
  }
  ports_->End();
  ended_.store(true, std::memory_order_release);
}

void Run::CountUntilEnd() {
  {
    const std::lock_guard lock(mutex_);
    at_begin_ = Sample::Take(*ports_);
    counting_ = true;
  }
  phase_.store(Phase::kCount, std::memory_order_relaxed);
  if (!WaitForAll(&Producer::counts)) return;
  const double forever = 1e8;
  const double seconds = options_.seconds > 0 ? options_.seconds : forever;
  const double period = options_.stats_period_s > 0 ? options_.stats_period_s : forever;
  const auto begin = std::chrono::steady_clock::now();
  Sample last = at_begin_;
  for (uint64_t i = 1;; i++) {
    const double now =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double until = std::min(seconds, period * static_cast<double>(i));
    if (now < until && !Sleep(until - now)) return;
    if (until >= seconds) return;
    const Sample sample = Sample::Take(*ports_);
    PrintPortStatistics(ports_->ports(), sample - at_begin_, sample - last, rte_get_tsc_hz());
    last = sample;
  }
}

void Run::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_changed_.notify_all();
  if (watch_.joinable()) watch_.join();
}

Result Run::result() const {
  Result result;
  result.workload = workload_;
  result.wire = ports_->Wire();
  result.ports = ports_->ports();
  result.lcores = ports_->lcores().size();
  result.producers = static_cast<unsigned>(producers_.size());
  result.tsc_hz = rte_get_tsc_hz();
  if (ports_->HasRings()) result.ring_consumer = ports_->ring_consumer().counts();
  result.burst = workload_.mode == Mode::kAsync ? options_.burst : 1;
  const std::lock_guard lock(mutex_);
  const Sample now = joined_ ? at_end_ : Sample::Take(*ports_);
  const auto kernel = (now - at_start_).counters;
  if (const auto by_kernel = kernel.find("kernel_recipients"); by_kernel != kernel.end()) {
    result.kernel_packets = by_kernel->second;
  }
  result.counted = now - (counting_ ? at_begin_ : now);
  result.cycles = result.counted.tsc;
  uint64_t begin_tsc = UINT64_MAX, end_tsc = 0;
  for (const auto& producer : producers_) {
    result.groupcasts += producer->tally().groupcasts();
    result.packets += producer->tally().packets();
    result.errors.push_back(producer->tally().Errors());
    if (!joined_) continue;
    result.burst = std::min(result.burst, producer->outstanding());
    if (producer->end_tsc() == 0) continue;
    begin_tsc = std::min(begin_tsc, producer->begin_tsc());
    end_tsc = std::max(end_tsc, producer->end_tsc());
  }
  if (joined_) {
    result.cycles = end_tsc > begin_tsc ? end_tsc - begin_tsc : 0;
    result.latencies = producers_.front()->latencies();
  }
  return result;
}

}  // namespace groupcast::perf
