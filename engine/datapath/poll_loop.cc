// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/poll_loop.h"

#include <rte_cycles.h>
#include <rte_pause.h>

#include <algorithm>
#include <cerrno>

namespace groupcast {
namespace {

constexpr uint32_t kTakeMost = 32;            // requests of one channel per look
constexpr uint16_t kTurn = 32;                // packets of one channel per turn
constexpr uint64_t kSpinUs = 50;              // without work, before the first sleep
constexpr uint64_t kKickUs = 20;              // between two kicks of an idle lcore
constexpr int64_t kShortSleepNs = 50'000;     // something waits for room
constexpr int64_t kLongSleepNs = 10'000'000;  // nothing waits

}  // namespace

PollLoop::PollLoop(const Options& options, const std::vector<PortOptions>& ports)
    : options_(options),
      assembler_(options.pools, *options.next_hops, &counters_, options.first_ip_id),
      us_tsc_(rte_get_tsc_hz() / 1'000'000) {
  for (const PortOptions& port : ports) {
    ports_.push_back(std::make_unique<PortTurns>(port, &counters_));
    if (port_of_index_.size() <= port.index) port_of_index_.resize(port.index + 1);
    port_of_index_[port.index] = ports_.back().get();
  }
}

void PollLoop::Run(const std::atomic<RunMode>& mode) {
  for (;;) {
    const RunMode now = mode.load(std::memory_order_acquire);
    if (now == RunMode::kExit) return;
    if (RunOnce(now)) {
      idle_since_tsc_ = 0;
    } else {
      IdleStep();
    }
  }
}

bool PollLoop::RunOnce(RunMode mode) {
  bool moved = TakeRequests();
  for (const auto& turns : ports_) {
    if (turns->first == nullptr && turns->port.Backlog() == 0) continue;
    if (unlikely(mode == RunMode::kAbandon)) {
      moved |= End(turns.get(), kNotStarted) > 0;
    } else if (unlikely(!turns->port.LinkUp())) {
      const uint64_t ended = End(turns.get(), ENETDOWN);
      counters_.Add(Counter::kLinkDown, ended);
      moved |= ended > 0;
    } else {
      moved |= Serve(turns.get());
    }
  }
  return moved;
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
    for (uint32_t i = 0; i < n; i++) {
      Request* request = requests[i];
      PortTurns* turns = port_of_index_[request->port];
      Queue& queue = turns->queues[c];
      request->next = nullptr;
      if (queue.first != nullptr) {
        queue.last->next = request;
      } else {
        queue.first = request;
        queue.next_turn = nullptr;
        (turns->last != nullptr ? turns->last->next_turn : turns->first) = &queue;
        turns->last = &queue;
      }
      queue.last = request;
    }
  }
  return took;
}

// The queue in front goes to the end, or leaves if it has nothing more.
void PollLoop::Rotate(PortTurns* turns) {
  Queue* queue = turns->first;
  turns->first = queue->next_turn;
  if (turns->first == nullptr) turns->last = nullptr;
  queue->next_turn = nullptr;
  if (queue->first == nullptr) return;
  (turns->last != nullptr ? turns->last->next_turn : turns->first) = queue;
  turns->last = queue;
}

bool PollLoop::Serve(PortTurns* turns) {
  Port& port = turns->port;
  bool moved = port.SendBurst() > 0;
  // A bounded stay: other ports and new requests get their look, too.
  for (int bursts = 0; bursts < 8 && turns->first != nullptr && port.Room() > 0; bursts++) {
    while (turns->first != nullptr && port.Room() > 0) {
      Queue* queue = turns->first;
      Request* request = queue->first;
      const uint16_t before = request->assembled;
      const uint16_t built = assembler_.Fill(request, port.plan(), port.Mtu(),
                                             std::min(port.Room(), kTurn), port.Free());
      port.Added(built);
      if (request->assembled == before) break;  // no mbufs now
      moved = true;
      if (request->assembled == request->nb_recipients) {
        queue->first = request->next;
        // With packets under way the port completes it; else all its recipients have failed.
        if (request->finished == request->nb_recipients) CompleteRequest(request, &counters_);
      }
      Rotate(turns);
    }
    if (port.SendBurst() == 0) break;
    moved = true;
  }
  return moved;
}

// Ends everything that waits for this port with `error`.
uint64_t PollLoop::End(PortTurns* turns, int error) {
  uint64_t ended = turns->port.Fail(error);
  while (turns->first != nullptr) {
    Queue* queue = turns->first;
    while (queue->first != nullptr) {
      Request* request = queue->first;
      queue->first = request->next;
      for (; request->assembled < request->nb_recipients; request->assembled++) {
        FailRecipient(request, request->assembled, error);
        request->finished++;
        ended++;
      }
      SharedPayload::Release(request->view);
      request->view = nullptr;
      CompleteRequest(request, &counters_);
    }
    Rotate(turns);
  }
  return ended;
}

bool PollLoop::Pending() const {
  const uint32_t count = options_.channels->count.load(std::memory_order_acquire);
  for (uint32_t c = 0; c < count; c++) {
    const Channel* channel = options_.channels->channels[c].load(std::memory_order_acquire);
    if (channel != nullptr && channel->Pending(options_.lcore)) return true;
  }
  return false;
}

bool PollLoop::Quiet() const {
  return std::all_of(ports_.begin(), ports_.end(), [](const auto& turns) {
    return turns->first == nullptr && turns->port.Backlog() == 0 && !turns->port.NeedsKick();
  });
}

void PollLoop::IdleStep() {
  const uint64_t now = rte_rdtsc();
  if (idle_since_tsc_ == 0) idle_since_tsc_ = now;
  if (now - kicked_tsc_ > kKickUs * us_tsc_) {
    kicked_tsc_ = now;
    for (const auto& turns : ports_) {
      if (turns->port.NeedsKick()) turns->port.Kick();
    }
  }
  const bool quiet = Quiet();
  if (drained_.load(std::memory_order_relaxed) != quiet) {
    drained_.store(quiet, std::memory_order_release);
  }
  if (!options_.sleeps || now - idle_since_tsc_ < kSpinUs * us_tsc_) {
    rte_pause();
    return;
  }
  doorbell_.PrepareSleep();
  if (Pending()) {
    doorbell_.CancelSleep();
    return;
  }
  counters_.Add(Counter::kSleeps);
  doorbell_.Sleep(quiet ? kLongSleepNs : kShortSleepNs);
}

}  // namespace groupcast
