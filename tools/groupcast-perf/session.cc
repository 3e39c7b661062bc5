// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/session.h"

#include <absl/strings/str_format.h>
#include <rte_cycles.h>

#include <cstdio>
#include <utility>

namespace groupcast::perf {

Session::Session(const Options& options, EngineOptions engine, JsonFile json)
    : options_(options),
      engine_options_(std::move(engine)),
      workload_(options.workload),
      json_(std::move(json)) {}

absl::Status Session::OpenEngine() {
  if (ports_ != nullptr && ports_->Suits(workload_)) return absl::OkStatus();
  run_.reset();
  ports_.reset();
  auto ports = EnginePorts::Open(options_, engine_options_, workload_);
  if (!ports.ok()) return ports.status();
  ports_ = *std::move(ports);
  ClearPortStatistics();
  return absl::OkStatus();
}

absl::Status Session::StartRun() {
  absl::Status status = running() ? EndRun() : absl::OkStatus();
  run_.reset();
  forward_cleared_ = {};
  if (status.ok()) status = OpenEngine();
  if (!status.ok()) return status;
  auto run = Run::Start(options_, workload_, ports_.get());
  if (!run.ok()) return run.status();
  run_ = *std::move(run);
  reported_ = false;
  PrintConfiguration(run_->result());
  return absl::OkStatus();
}

absl::Status Session::EndRun() {
  run_->Stop();
  reported_ = true;
  const Result result = run_->result();
  ShowForwardStatistics();
  if (result.Dropped() > 0 || result.kernel_packets > 0 ||
      (result.ring_consumer && result.ring_consumer->wrong > 0)) {
    all_sent_ = false;
  }
  absl::Status written = json_.Write(ToJson(result));
  return run_->failure().ok() ? written : run_->failure();
}

void Session::ShowPortStatistics() {
  const Sample now = Sample::Take(*ports_);
  PrintPortStatistics(ports_->ports(), now - ports_cleared_, now - ports_shown_, rte_get_tsc_hz());
  ports_shown_ = now;
}

void Session::ClearPortStatistics() {
  ports_cleared_ = Sample::Take(*ports_);
  ports_shown_ = ports_cleared_;
}

void Session::ShowForwardStatistics() const {
  if (run_ == nullptr) {
    absl::PrintF("  no run yet\n");
    std::fflush(stdout);
    return;
  }
  PrintForwardStatistics(run_->result().Since(forward_cleared_));
}

void Session::ClearForwardStatistics() {
  if (run_ != nullptr) forward_cleared_ = run_->result();
}

void Session::ShowConfiguration() const {
  Result shown;
  shown.workload = workload_;
  shown.wire = ports_->Wire();
  shown.ports = ports_->ports();
  shown.lcores = ports_->lcores().size();
  shown.producers = options_.producers;
  shown.burst = workload_.mode == Mode::kAsync ? options_.burst : 1;
  PrintConfiguration(shown);
}

absl::Status Session::Set(const std::string& word, const std::string& value) {
  return SetOption(word, value, options_, &workload_);
}

}  // namespace groupcast::perf
