// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/seat.h"

#include <algorithm>
#include <array>

namespace groupcast {
namespace {

constexpr uint32_t kNoSeat = UINT32_MAX;

std::array<Seat, kMaxChannels>& Seats() {
  // Never destroyed: threads may outlive the process's other static objects.
  static auto* seats = new std::array<Seat, kMaxChannels>;
  return *seats;
}

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
    Seats()[number].taken.store(false, std::memory_order_release);
  }
};

uint32_t TakeSeat() {
  static thread_local Ticket ticket;
  if (ticket.number != kNoSeat) return ticket.number;
  for (uint32_t i = 0; i < kMaxChannels; i++) {
    // Acquire: the seat's former thread left its channel in this state.
    if (!Seats()[i].taken.load(std::memory_order_relaxed) &&
        !Seats()[i].taken.exchange(true, std::memory_order_acq_rel)) {
      ticket.number = i;
      return i;
    }
  }
  return kNoSeat;
}

std::atomic<uint32_t>& UsesWithoutSeat() {
  static std::atomic<uint32_t> uses{0};
  return uses;
}

}  // namespace

void ForgetUses() { UsesWithoutSeat().store(0, std::memory_order_relaxed); }

void NoteThreadExits() { exits = true; }
bool ThreadExits() { return exits; }

bool InCallHere() {
  return current_seat != kNoSeat && Seats()[current_seat].in_call.load(std::memory_order_relaxed);
}

std::atomic<RunningEngine*>& AttachedEngine() {
  static std::atomic<RunningEngine*> engine{nullptr};
  return engine;
}

Counters& SharedCounters() {
  static auto* counters = new Counters;
  return *counters;
}

Seat& SeatAt(uint32_t number) { return Seats()[number]; }

bool AllOutOfCalls() {
  return UsesWithoutSeat().load(std::memory_order_seq_cst) == 0 &&
         std::none_of(Seats().begin(), Seats().end(), [](const Seat& seat) {
           return seat.in_call.load(std::memory_order_seq_cst);
         });
}

void CountHere(Counter counter, uint64_t n) {
  if (current_seat != kNoSeat) {
    Seats()[current_seat].counters.Add(counter, n);
  } else {
    SharedCounters().AddShared(counter, n);
  }
}

EngineUse::EngineUse(Need need) {
  if (AttachedEngine().load(std::memory_order_relaxed) == nullptr) return;
  if (need == Need::kEngineOnly) {
    UsesWithoutSeat().fetch_add(1, std::memory_order_seq_cst);
    engine_ = AttachedEngine().load(std::memory_order_seq_cst);
    if (engine_ == nullptr) UsesWithoutSeat().fetch_sub(1, std::memory_order_seq_cst);
    return;
  }
  if (exits || InCallHere()) {
    kernel_reason_ = Counter::kKernelNoChannel;
    return;
  }
  const uint32_t number = TakeSeat();
  if (number == kNoSeat) {
    kernel_reason_ = Counter::kKernelNoChannel;
    return;
  }
  current_seat = number;
  Seat& seat = SeatAt(number);
  // Sequentially consistent with groupcast_detach(), which clears the engine and then looks here.
  seat.in_call.store(true, std::memory_order_seq_cst);
  RunningEngine* engine = AttachedEngine().load(std::memory_order_seq_cst);
  Channel* channel = engine != nullptr ? engine->ChannelOf(number) : nullptr;
  if (channel == nullptr) {
    seat.in_call.store(false, std::memory_order_seq_cst);
    if (engine != nullptr) kernel_reason_ = Counter::kKernelNoChannel;
    return;
  }
  engine_ = engine;
  channel_ = channel;
  number_ = number;
  has_seat_ = true;
}

void EngineUse::End() {
  if (engine_ == nullptr) return;
  if (has_seat_) {
    seat().in_call.store(false, std::memory_order_seq_cst);
  } else {
    UsesWithoutSeat().fetch_sub(1, std::memory_order_seq_cst);
  }
  engine_ = nullptr;
  channel_ = nullptr;
}

}  // namespace groupcast
