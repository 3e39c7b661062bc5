// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/call_requests.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine/control/clock.h"
#include "engine/datapath/prefetch.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {
namespace {

constexpr uint64_t kLongLooksPerSecond = 200'000;  // at the newest request alone
constexpr int64_t kSpinNs = 100'000;
constexpr int64_t kFirstNapNs = 50'000;
constexpr int64_t kLongestNapNs = 1'000'000;

void Nap(int64_t ns) {
  const timespec duration = {0, ns};
  nanosleep(&duration, nullptr);
}

}  // namespace

CallRequests::CallRequests(const EngineUse& use, const UdpSocket& socket, bool nonblocking,
                           uint64_t call)
    : use_(use), channel_(*use.channel()), socket_(socket), nonblocking_(nonblocking), call_(call) {
  if (nonblocking_) {
    channel_.ReapOldest();
  } else {
    channel_.Reap(nullptr);
  }
}

bool CallRequests::Full() const {
  if (!nonblocking_ || channel_.outstanding_bytes() < socket_.send_buffer) return false;
  return channel_.UnsentBytes(socket_.cookie, call_) >= socket_.send_buffer;
}

// Null for no room.
uint8_t* CallRequests::Copy(uint16_t port, std::span<const PayloadSegment> payload, uint32_t len) {
  if (copies_.empty()) copies_.resize(use_.engine()->ports());
  PayloadCopy& copy = copies_[port];
  if (copy.bytes != nullptr) return copy.bytes;
  copy.bytes = channel_.AllocatePayload(port, len);
  if (copy.bytes == nullptr) return nullptr;
  std::construct_at(&copy.holds, HoldPlaces(Arena::Holds(copy.bytes)), 1);
  uint8_t* at = copy.bytes;
  for (const PayloadSegment& segment : payload) {
    std::memcpy(at, segment.data, segment.len);
    at += segment.len;
  }
  use_.seat().counters.Add(Counter::kPayloadCopies);
  use_.seat().counters.Add(Counter::kPayloadBytesCopied, len);
  return copy.bytes;
}

CallRequests::Room CallRequests::Allocate(uint16_t port, size_t lcore, const Channel::Shape& shape,
                                          std::span<const PayloadSegment> payload, bool copies,
                                          Gather gather) {
  uint32_t len = 0;
  for (const PayloadSegment& segment : payload) len += segment.len;
  Room room{};
  bool reaped = false;
  while ((copies && (room.copy = Copy(port, payload, len)) == nullptr) ||
         (room.request = channel_.Allocate(port, lcore, shape)) == nullptr) {
    // ReapOldest() left some.
    if (!reaped) {
      reaped = true;
      channel_.Reap(awaited_);
      continue;
    }
    // A stopping engine may not get room any more: drivers release with later traffic.
    if (nonblocking_ || use_.engine()->stopping()) return {};
    GatherDone(gather);
    channel_.Reap(awaited_);
    if (!Wait()) return {};
  }
  room.request->port = port;
  room.request->caller_keeps = !nonblocking_;
  room.request->nobody_waits.store(nonblocking_, std::memory_order_relaxed);
  room.request->socket_cookie = socket_.cookie;
  room.request->call = call_;
  room.request->payload_len = len;
  return room;
}

void HoldLines(Request* request, SpareHolds* holds, bool last) {
  request->line_holds = request->caller_keeps ? holds->places().given : holds->Give(last);
  request->lines_taken = holds->places().taken;
  request->lines_have_places = holds->places().has_places;
}

void HoldPayload(Request* request, SpareHolds* holds, bool last) {
  request->payload_holds = request->caller_keeps ? holds->places().given : holds->Give(last);
  request->payload_taken = holds->places().taken;
  request->payload_has_places = holds->places().has_places;
}

void CallRequests::UseCopy(uint16_t port, const Room& room) {
  Request* request = room.request;
  const uint32_t len = request->payload_len;
  if (!summed_) sum_ = SumBytes(room.copy, len);
  summed_ = true;
  request->payload_sum = sum_;
  request->own_segment = {room.copy, channel_.PayloadIova(port, room.copy), len};
  request->segments = &request->own_segment;
  request->nb_segments = 1;
  HoldPayload(request, &copies_[port].holds, false);
}

bool CallRequests::Post(size_t lcore, Request* request, Gather gather) {
  while (!channel_.Post(lcore, request)) {
    bool waited = false;
    if (!nonblocking_ && !use_.engine()->stopping()) {
      GatherDone(gather);
      waited = Wait();
    }
    if (waited) continue;
    Channel::Discard(request);
    return false;
  }
  if (awaited_ == nullptr) awaited_ = request;
  newest_ = request;
  return true;
}

bool CallRequests::GatherDone(Gather gather) {
  for (; awaited_ != nullptr; awaited_ = awaited_->caller_next) {
    if (!IsDone(*awaited_)) return false;
    gather(awaited_);
    // Its driver still has it.
    if (awaited_->caller_keeps && IsRead(*awaited_)) LeaveRequest(awaited_);
    wait_since_ns_ = 0;
  }
  return true;
}

void CallRequests::AwaitAll(Gather gather) {
  if (awaited_ == nullptr) return;
  // What was posted goes out before anybody looks for its end, which would hold it up.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Not one after the other: the lcore would lose each one's line to us when it is to be done.
  const uint64_t long_tsc = rte_get_tsc_hz() / kLongLooksPerSecond;
  uint64_t since_tsc = rte_rdtsc();
  while (!IsDone(*newest_)) {
    rte_pause();
    if (rte_rdtsc() - since_tsc < long_tsc) continue;
    if (GatherDone(gather) || !Wait()) return;
    since_tsc = rte_rdtsc();
  }
  // All at once: each one's line is the lcore's.
  for (const Request* r = awaited_; r != nullptr; r = r->caller_next) PrefetchToWrite(&r->uses);
  while (!GatherDone(gather) && Wait()) {
  }
}

void CallRequests::GiveUp() {
  for (; awaited_ != nullptr; awaited_ = awaited_->caller_next) {
    awaited_->nobody_waits.store(true, std::memory_order_relaxed);
    if (awaited_->caller_keeps) LeaveRequest(awaited_);
  }
}

bool CallRequests::Wait() {
  const int64_t now_ns = MonotonicNs();
  if (started_waiting_ns_ == 0) started_waiting_ns_ = now_ns;
  if (wait_since_ns_ == 0) wait_since_ns_ = now_ns;
  if (socket_.send_timeout_ns > 0 && now_ns - started_waiting_ns_ > socket_.send_timeout_ns) {
    return false;
  }
  const int64_t waited_ns = now_ns - wait_since_ns_;
  if (waited_ns < kSpinNs) {
    rte_pause();
  } else {
    Nap(std::clamp(waited_ns / 4, kFirstNapNs, kLongestNapNs));
  }
  return true;
}

bool CallRequests::AwaitEarlier() {
  while (channel_.UnsentBytes(socket_.cookie, call_) != 0) {
    if (nonblocking_ || !Wait()) return false;
  }
  return true;
}

}  // namespace groupcast
