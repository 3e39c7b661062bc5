// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/inlined_vector.h>
#include <absl/functional/function_ref.h>

#include <cstdint>
#include <span>

#include "api/seat.h"
#include "api/spare_holds.h"
#include "api/udp_socket.h"

namespace groupcast {

// What the request refers to gets one of these holds, or, where its caller keeps that, is found by
// LeaveRequest(). `last`: the caller needs none any more once it is posted.
void HoldLines(Request* request, SpareHolds* holds, bool last);
void HoldPayload(Request* request, SpareHolds* holds, bool last);

// The requests of one call on the caller's thread: they get room, are posted, and waited for.
class CallRequests {
 public:
  // Takes the results of one request that is done.
  using Gather = absl::FunctionRef<void(Request*)>;

  // `call`: the number of the call on this seat.
  CallRequests(const EngineUse& use, const UdpSocket& socket, bool nonblocking, uint64_t call);
  ~CallRequests() { GiveUp(); }
  CallRequests(const CallRequests&) = delete;
  CallRequests& operator=(const CallRequests&) = delete;

  uint64_t call() const { return call_; }
  bool nonblocking() const { return nonblocking_; }
  // Whether the socket has as much accepted and unsent as it may, by earlier calls. The kernel,
  // too, looks at the room before it takes a datagram, and not at its size.
  bool Full() const;

  // A request of this shape for this port and lcore. `copies`: with the payload's copy in the
  // port's memory, made once a call. Waits for room as the socket allows; null when there is none,
  // or the engine stops. Results of earlier requests are gathered meanwhile.
  struct Room {
    Request* request;
    uint8_t* copy;
  };
  Room Allocate(uint16_t port, size_t lcore, const Channel::Shape& shape,
                std::span<const PayloadSegment> payload, bool copies, Gather gather);
  // Makes `room`'s copy the request's payload, and sums it.
  void UseCopy(uint16_t port, const Room& room);
  // Waits as Allocate() does. False: no room; then the request is given back.
  bool Post(size_t lcore, Request* request, Gather gather);

  // Takes the results of this call's requests that are done, in their order; whether all are.
  bool GatherDone(Gather gather);
  // Waits until all are, or as long as the socket allows.
  void AwaitAll(Gather gather);
  // Nobody waits for the results that are still out.
  void GiveUp();
  // Somebody else takes them.
  void LeaveToOthers() { awaited_ = nullptr; }
  // One step of waiting for the lcores; false when the time the socket allows is over.
  bool Wait();
  // Until the ports took what this thread's earlier calls on this socket posted. False: it may not
  // wait for that, or not any longer.
  bool AwaitEarlier();

 private:
  uint8_t* Copy(uint16_t port, std::span<const PayloadSegment> payload, uint32_t len);

  const EngineUse& use_;
  Channel& channel_;
  const UdpSocket& socket_;
  const bool nonblocking_;
  const uint64_t call_;
  Request* awaited_ = nullptr;  // the first one of this call that was not gathered
  Request* newest_ = nullptr;   // of this call, while one is awaited
  struct PayloadCopy {
    uint8_t* bytes = nullptr;  // in the port's memory; or null
    SpareHolds holds;
  };
  absl::InlinedVector<PayloadCopy, 1> copies_;  // by port
  bool summed_ = false;
  uint16_t sum_ = 0;
  int64_t wait_since_ns_ = 0;
  int64_t started_waiting_ns_ = 0;
};

}  // namespace groupcast
