// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/datapath/arena.h"
#include "engine/datapath/holds.h"
#include "engine/datapath/request.h"

namespace groupcast {

// Who needs a request, and what it refers to: Request::uses. In one word, so that who ends says all
// of it at once.
struct RequestUses {
  // The caller, the lcore until done, the view until its last mbuf is released.
  static constexpr uint32_t kHold = 1;
  static constexpr uint32_t kHolds = 0xffff;
  // Of the payload: the last two.
  static constexpr uint32_t kReader = 1 << 16;
  static constexpr uint32_t kReaders = 0xff << 16;
  // Every recipient is accepted or failed, and the lines are not read any more.
  static constexpr uint32_t kDone = 1 << 24;
  static constexpr uint32_t kSomeFailed = 1 << 25;  // as `errors` say
  // A caller that kept lines and payload does so no longer.
  static constexpr uint32_t kLeft = 1 << 26;
  // At the beginning: the lcore, and a view, whose share it gives back itself if it makes none.
  static constexpr uint32_t kLcore = 2 * (kHold + kReader);
};

// For the caller, which then sees `errors` and has the lines for itself.
inline bool IsDone(const Request& request) {
  return (request.uses.load(std::memory_order_acquire) & RequestUses::kDone) != 0;
}
// Whether a driver may still have the payload.
inline bool IsRead(const Request& request) {
  return (request.uses.load(std::memory_order_acquire) & RequestUses::kReaders) != 0;
}
inline bool AllAccepted(const Request& request) {
  return (request.uses.load(std::memory_order_relaxed) & RequestUses::kSomeFailed) == 0;
}

// Gives back the caller's hold; with the last one, the request's place in its arena.
inline void ReleaseRequest(Request* request) {
  const uint32_t now = request->uses.load(std::memory_order_acquire);
  // Whoever has the last one needs no other's word.
  if ((now & RequestUses::kHolds) == RequestUses::kHold ||
      (request->uses.fetch_sub(RequestUses::kHold, std::memory_order_acq_rel) &
       RequestUses::kHolds) == RequestUses::kHold) {
    Arena::Release(request);
  }
}

// So many holds and readers less, and `flags` more. Gives back what nobody needs then: the lines,
// the payload, the request's place. `lcore`: the index of who does (Holds). `alone`: nobody else
// changes `uses` before kDone is there.
inline void EndUses(Request* request, uint32_t holds, uint32_t readers, uint32_t flags,
                    unsigned lcore = kNoLcore, bool alone = false) {
  using Uses = RequestUses;
  // The request may be gone as soon as others can have the last hold.
  std::atomic<uint32_t>* line_holds = request->line_holds;
  std::atomic<uint32_t>* payload_holds = request->payload_holds;
  SendProgress* reading = request->reading;
  const bool caller_keeps = request->caller_keeps;
  const bool lines_have_places = request->lines_have_places;
  const bool payload_has_places = request->payload_has_places;
  const uint32_t change = flags - holds * Uses::kHold - readers * Uses::kReader;
  // Publishes errors and counts to the caller that waits for kDone.
  uint32_t now = change;
  if (alone) {
    now += request->uses.load(std::memory_order_relaxed);
    request->uses.store(now, std::memory_order_release);
  } else {
    now += request->uses.fetch_add(change, std::memory_order_acq_rel);
  }
  if ((now & Uses::kHolds) == 0) Arena::Release(request);
  const bool ours = !caller_keeps || (now & Uses::kLeft) != 0;
  // They publish that nobody reads it for this request any more.
  if ((flags & Uses::kDone) != 0 && ours && line_holds != nullptr) {
    GiveBack(line_holds, lines_have_places, lcore);
  }
  if (readers == 0 || (now & Uses::kReaders) != 0) return;
  if (ours && payload_holds != nullptr) GiveBack(payload_holds, payload_has_places, lcore);
  if (reading != nullptr) Advance(reading, 1, lcore);
}

// A caller that kept what the request refers to leaves: what is still needed gets holds.
inline void LeaveRequest(Request* request) {
  using Uses = RequestUses;
  std::atomic<uint32_t>* line_holds = request->line_holds;
  std::atomic<uint32_t>* payload_holds = request->payload_holds;
  if (line_holds != nullptr) request->lines_taken->fetch_add(1, std::memory_order_relaxed);
  if (payload_holds != nullptr) request->payload_taken->fetch_add(1, std::memory_order_relaxed);
  const uint32_t before = request->uses.fetch_or(Uses::kLeft, std::memory_order_acq_rel);
  if ((before & Uses::kDone) != 0 && line_holds != nullptr) {
    line_holds->fetch_sub(1, std::memory_order_release);
  }
  if ((before & Uses::kReaders) == 0 && payload_holds != nullptr) {
    payload_holds->fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace groupcast
