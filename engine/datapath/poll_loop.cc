// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/poll_loop.h"

#include <rte_cycles.h>
#include <rte_pause.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace groupcast {
namespace {

constexpr uint32_t kTakeMost = 32;         // requests of one channel per look
constexpr uint64_t kRestNs = 1000;         // behind requests that nobody waits for
constexpr uint64_t kSpinUs = 50;           // without work, before the first sleep
constexpr uint64_t kKickUs = 20;           // between two kicks of an idle lcore
constexpr uint64_t kStallUs = 5'000'000;   // no packet taken meanwhile: as Linux's watchdog has it
constexpr int64_t kShortSleepNs = 50'000;  // something waits for room
constexpr int64_t kReceiveSleepNs = 100'000;  // frames may come, of which no socket tells
constexpr int64_t kLongSleepNs = 10'000'000;  // nothing waits

}  // namespace

PollLoop::PollLoop(const Options& options, const std::vector<PortOptions>& ports)
    : options_(options),
      assembler_(options.pools, *options.next_hops, &counters_, options.first_ip_id),
      us_tsc_(rte_get_tsc_hz() / 1'000'000) {
  for (const PortOptions& port : ports) {
    ports_.push_back(
        std::make_unique<PortPlace>(port, &counters_, static_cast<unsigned>(options.lcore)));
    if (port_of_index_.size() <= port.index) port_of_index_.resize(port.index + 1);
    port_of_index_[port.index] = ports_.back().get();
  }
  IngressLcore lcore{static_cast<uint16_t>(options.lcore),
                     options.instance,
                     options.next_hops,
                     options.usable_changes,
                     options.egress_policy,
                     {},
                     options.ingress_requests,
                     rte_get_tsc_hz(),
                     &counters_};
  for (PortPlace* place : port_of_index_) {
    lcore.ports.push_back(place != nullptr ? &place->turns : nullptr);
  }
  std::vector<ExceptionLane> exceptions;
  for (ExceptionLane::Options exception : options.exceptions) {
    exception.counters = &counters_;
    exceptions.emplace_back(exception);
  }
  ingress_ = std::make_unique<IngressLoop>(std::move(lcore), options.ingress_ports,
                                           std::move(exceptions), options.lanes);
}

void PollLoop::Run(const std::atomic<RunMode>& mode) {
  const auto reader = static_cast<uint32_t>(options_.lcore);
  options_.readers->Enter(reader);
  for (;;) {
    const RunMode now = mode.load(std::memory_order_acquire);
    if (now == RunMode::kExit) break;
    if (RunOnce(now)) {
      idle_since_tsc_ = 0;
    } else {
      IdleStep();
    }
    options_.readers->Quiescent(reader);
  }
  // What there was no time for.
  ingress_->Discard();
  ingress_->DiscardExceptions();
  for (const auto& place : ports_) {
    place->turns.End(kNotStarted);
    place->turns.port().EndFollowing();
  }
  options_.readers->Leave(reader);
}

bool PollLoop::RunOnce(RunMode mode) {
  bool moved = TakeRequests();
  moved |= TakeIngress(mode);
  for (const auto& place : ports_) {
    PortTurns& turns = place->turns;
    if (turns.Empty()) {
      turns.port().LookForRead();
      continue;
    }
    if (unlikely(mode == RunMode::kAbandon)) {
      moved |= turns.End(kNotStarted) > 0;
    } else if (unlikely(!turns.port().LinkUp())) {
      const uint64_t ended = turns.End(ENETDOWN);
      counters_.Add(Counter::kLinkDown, ended);
      moved |= ended > 0;
    } else if (likely(turns.Serve(&assembler_))) {
      moved = true;
    } else if (unlikely(turns.Stalled(rte_rdtsc(), kStallUs * us_tsc_))) {
      const uint64_t ended = turns.End(ENOBUFS);
      counters_.Add(Counter::kTxStalled, ended);
      moved |= ended > 0;
    }
  }
  return moved;
}

bool PollLoop::TakeIngress(RunMode mode) {
  bool moved = ingress_->ServeExceptions();
  const IngressTable* table = options_.ingress->load(std::memory_order_acquire);
  if (ingress_->Receives(table) && ingress_->Receive(table)) {
    moved = true;
    if (drained_.load(std::memory_order_relaxed)) drained_.store(false, std::memory_order_release);
  }
  if (ingress_->Handed()) {
    moved = true;
    // Before it is taken: whoever sees that sees this.
    if (drained_.load(std::memory_order_relaxed)) drained_.store(false, std::memory_order_release);
    ingress_->TakeHanded();
  }
  if (!ingress_->Waits()) return moved;
  if (unlikely(mode == RunMode::kAbandon)) {
    ingress_->Discard();
    return true;
  }
  return ingress_->Serve() || moved;
}

bool PollLoop::TakeRequests() {
  bool took = false;
  const uint32_t count = options_.channels->count.load(std::memory_order_acquire);
  for (uint32_t c = 0; c < count; c++) {
    Channel* channel = options_.channels->channels[c].load(std::memory_order_acquire);
    if (channel == nullptr) continue;
    Request* requests[kTakeMost];
    const uint32_t n = channel->Take(options_.lcore, requests, kTakeMost);
    if (n == 0) continue;
    took = true;
    // Before any of them is done: whoever sees that sees this.
    if (drained_.load(std::memory_order_relaxed)) drained_.store(false, std::memory_order_release);
    for (uint32_t i = 0; i < n; i++) PrefetchRequest(requests[i]);
    for (uint32_t i = 0; i < n; i++) {
      StartRequest(requests[i]);
      rests_ = !requests[i]->caller_keeps;
      PortPlace* place = port_of_index_[requests[i]->port];
      place->turns.Add(&place->queues[c], requests[i]);
    }
  }
  return took;
}

bool PollLoop::Pending() const {
  if (ingress_->Handed()) return true;
  const uint32_t count = options_.channels->count.load(std::memory_order_acquire);
  for (uint32_t c = 0; c < count; c++) {
    const Channel* channel = options_.channels->channels[c].load(std::memory_order_acquire);
    if (channel != nullptr && channel->Pending(options_.lcore)) return true;
  }
  return false;
}

bool PollLoop::Quiet() const {
  return !ingress_->Waits() && ingress_->AllTaken() &&
         std::all_of(ports_.begin(), ports_.end(), [](const auto& place) {
           return place->turns.Empty() && !place->turns.port().NeedsKick();
         });
}

bool PollLoop::Follows() const {
  return std::any_of(ports_.begin(), ports_.end(), [](const auto& place) {
    // Without a link nothing is read.
    return place->turns.port().Follows() && place->turns.port().LinkUp();
  });
}

void PollLoop::IdleStep() {
  const uint64_t now = rte_rdtsc();
  if (idle_since_tsc_ == 0) idle_since_tsc_ = now;
  if (now - kicked_tsc_ > kKickUs * us_tsc_) {
    kicked_tsc_ = now;
    for (const auto& place : ports_) {
      Port& port = place->turns.port();
      if (port.NeedsKick()) port.Kick();
    }
  }
  const bool quiet = Quiet();
  if (drained_.load(std::memory_order_relaxed) != quiet) {
    drained_.store(quiet, std::memory_order_release);
  }
  if (std::exchange(rests_, false) && quiet) Rest(now);
  // Whoever posts soon after another post is not made to wait for a pause.
  if (now - idle_since_tsc_ < kSpinUs * us_tsc_) return;
  if (!options_.sleeps || ingress_->Paced()) {
    rte_pause();
    return;
  }
  Sleep(quiet && !Follows());
}

// Behind requests that nobody waits for: the next one comes soon, and each look for it takes the
// line that it is posted by away from the thread that is about to.
void PollLoop::Rest(uint64_t now_tsc) const {
  while (rte_rdtsc() - now_tsc < kRestNs * us_tsc_ / 1000) rte_pause();
}

// `quiet`: nothing waits for room, for its rate, or to be read.
void PollLoop::Sleep(bool quiet) {
  const bool receives = ingress_->Receives(options_.ingress->load());
  const Doorbell::Sockets* sockets = receives && quiet ? ingress_->sockets() : nullptr;
  const int64_t most_ns = sockets != nullptr ? kLongSleepNs
                          : !quiet           ? kShortSleepNs
                          : receives         ? kReceiveSleepNs
                                             : kLongSleepNs;
  doorbell_.PrepareSleep(sockets != nullptr, most_ns);
  if (Pending()) {
    doorbell_.CancelSleep();
    return;
  }
  counters_.Add(Counter::kSleeps);
  const auto reader = static_cast<uint32_t>(options_.lcore);
  options_.readers->Sleeps(reader);
  if (sockets != nullptr) {
    doorbell_.SleepForFrames(*sockets, most_ns);
  } else {
    doorbell_.Sleep(most_ns);
  }
  options_.readers->Wakes(reader);
}

}  // namespace groupcast
