// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/control/engine.h"
#include "engine/datapath/counters.h"

namespace groupcast {

// One of the kMaxChannels places for application threads that use the engine. The number of a
// thread's seat is the number of its channel and its reader id in the resolver; an exited thread's
// seat passes to the next new thread as it is.
struct alignas(64) Seat {
  std::atomic<bool> taken{false};
  // Set while the thread is inside a call that uses the engine: detaching waits for it.
  std::atomic<bool> in_call{false};
  uint64_t calls = 0;  // owning thread only
  Counters counters;   // since the process started
};

// The process's attached engine. Set and cleared by groupcast_attach() and groupcast_detach().
std::atomic<RunningEngine*>& AttachedEngine();
// Counters of engines that were detached, and of threads without a seat.
Counters& SharedCounters();
Seat& SeatAt(uint32_t number);
// Whether nobody uses the engine, with a seat or without. After it was cleared, and a HeavyFence().
bool AllOutOfCalls();
// In a child: its parent's threads are not here.
void ForgetUses();
// What the attached engine counted so far; 0 without one. Waits for an attach or detach under way.
uint64_t ReadAttached(Counter counter);
// Counts on the thread's own seat if it has one, else on the shared counters.
void CountHere(Counter counter, uint64_t n);
// The thread's seat; kNoSeat: it has none yet, or never gets one.
inline constexpr uint32_t kNoSeat = UINT32_MAX;
uint32_t SeatHere();
// This thread's own objects are being destroyed: from now on what it sends (in destructors,
// handlers of exit()) goes by the kernel.
void NoteThreadExits();
bool ThreadExits();
// Whether this thread is inside a call that uses the engine: a signal handler interrupted it.
bool InCallHere();

// Keeps the engine attached while it lives. With a channel: on the thread's own seat, and not
// inside of another such use (then there is no engine for it). Without: any number, any thread.
class EngineUse {
 public:
  enum class Need : uint8_t { kChannel, kEngineOnly };
  explicit EngineUse(Need need = Need::kChannel);
  ~EngineUse() { End(); }
  // Nothing of the engine is needed any more for this call.
  void End();
  EngineUse(const EngineUse&) = delete;
  EngineUse& operator=(const EngineUse&) = delete;

  RunningEngine* engine() const { return engine_; }  // null: none attached, or no seat or channel
  // Why engine() is null.
  Counter kernel_reason() const { return kernel_reason_; }
  Channel* channel() const { return channel_; }  // null: none needed
  uint32_t number() const { return number_; }
  Seat& seat() const { return *seat_; }
  // On the thread's own seat if it has one, else on the shared counters.
  void Count(Counter counter, uint64_t n) const {
    if (seat_ != nullptr) {
      seat_->counters.Add(counter, n);
    } else {
      CountHere(counter, n);
    }
  }

 private:
  RunningEngine* engine_ = nullptr;
  Channel* channel_ = nullptr;
  Seat* seat_ = nullptr;  // with a channel
  uint32_t number_ = 0;
  Counter kernel_reason_ = Counter::kKernelNoEngine;
};

}  // namespace groupcast
