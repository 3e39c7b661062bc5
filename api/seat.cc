// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/seat.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "engine/datapath/asymmetric_fence.h"

namespace groupcast {
namespace {

// Never destroyed: threads may outlive the process's other static objects.
constinit std::array<Seat, kMaxChannels> seats;
static_assert(std::is_trivially_destructible_v<Seat>);
constinit Counters shared_counters;
constinit std::atomic<RunningEngine*> attached_engine{nullptr};
constinit std::atomic<uint32_t> uses_without_seat{0};

// Without destructors: readable to the thread's very end.
thread_local uint32_t current_seat = kNoSeat;
thread_local bool exits = false;

// A thread's hold on its seat, given back when the thread exits.
struct Ticket {
  uint32_t number = kNoSeat;
  ~Ticket() {
    NoteThreadExits();
    // A call that a signal handler ended by exit() is still there.
    if (number == kNoSeat || InCallHere()) return;
    current_seat = kNoSeat;
    seats[number].taken.store(false, std::memory_order_release);
  }
};

uint32_t TakeSeat() {
  static thread_local Ticket ticket;
  if (ticket.number != kNoSeat) return ticket.number;
  for (uint32_t i = 0; i < kMaxChannels; i++) {
    // Acquire: the seat's former thread left its channel in this state.
    if (!seats[i].taken.load(std::memory_order_relaxed) &&
        !seats[i].taken.exchange(true, std::memory_order_acq_rel)) {
      ticket.number = i;
      return i;
    }
  }
  return kNoSeat;
}

}  // namespace

void ForgetUses() { uses_without_seat.store(0, std::memory_order_relaxed); }

void NoteThreadExits() { exits = true; }
bool ThreadExits() { return exits; }

uint32_t SeatHere() { return current_seat; }

bool InCallHere() {
  return current_seat != kNoSeat && seats[current_seat].in_call.load(std::memory_order_relaxed);
}

std::atomic<RunningEngine*>& AttachedEngine() { return attached_engine; }

Counters& SharedCounters() { return shared_counters; }

Seat& SeatAt(uint32_t number) { return seats[number]; }

bool AllOutOfCalls() {
  // Acquire: what they did with the engine happened before it goes.
  return uses_without_seat.load(std::memory_order_seq_cst) == 0 &&
         std::none_of(seats.begin(), seats.end(), [](const Seat& seat) {
           return seat.in_call.load(std::memory_order_acquire);
         });
}

void CountHere(Counter counter, uint64_t n) {
  if (current_seat != kNoSeat) {
    seats[current_seat].counters.Add(counter, n);
  } else {
    shared_counters.AddShared(counter, n);
  }
}

EngineUse::EngineUse(Need need) {
  if (attached_engine.load(std::memory_order_relaxed) == nullptr) return;
  if (need == Need::kEngineOnly) {
    uses_without_seat.fetch_add(1, std::memory_order_seq_cst);
    engine_ = attached_engine.load(std::memory_order_seq_cst);
    if (engine_ == nullptr) uses_without_seat.fetch_sub(1, std::memory_order_seq_cst);
    return;
  }
  uint32_t number = current_seat;
  if (unlikely(number == kNoSeat) && !exits) number = current_seat = TakeSeat();
  if (unlikely(exits || number == kNoSeat ||
               seats[number].in_call.load(std::memory_order_relaxed))) {
    kernel_reason_ = Counter::kKernelNoChannel;
    return;
  }
  Seat& seat = seats[number];
  // With groupcast_detach(), which clears the engine and then looks here.
  seat.in_call.store(true, std::memory_order_relaxed);
  LightFence();
  RunningEngine* engine = attached_engine.load(std::memory_order_acquire);
  Channel* channel = engine != nullptr ? engine->ChannelOf(number) : nullptr;
  if (unlikely(channel == nullptr)) {
    seat.in_call.store(false, std::memory_order_release);
    if (engine != nullptr) kernel_reason_ = Counter::kKernelNoChannel;
    return;
  }
  engine_ = engine;
  channel_ = channel;
  number_ = number;
  seat_ = &seat;
}

void EngineUse::End() {
  if (engine_ == nullptr) return;
  if (seat_ != nullptr) {
    seat_->in_call.store(false, std::memory_order_release);
  } else {
    uses_without_seat.fetch_sub(1, std::memory_order_seq_cst);
  }
  engine_ = nullptr;
  channel_ = nullptr;
}

}  // namespace groupcast
