// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>

#include "engine/datapath/assembler.h"
#include "engine/datapath/counters.h"
#include "engine/datapath/port.h"

namespace groupcast {

// Requests of one channel, or of one ingress flow, for one port, oldest first. One lcore's.
struct RequestQueue {
  Request* first = nullptr;
  Request* last = nullptr;
  RequestQueue* next_turn = nullptr;
};

// The queues that have something for one TX queue: each gets a turn of a burst, so that a group of
// a million does not hold up a group of two. One lcore's; queues are not owned.
class PortTurns {
 public:
  PortTurns(const TxPlan& plan, const PortState& state, const KickSockets& kick, Counters* counters,
            unsigned lcore = kNoLcore)
      : port_(plan, state, kick, counters, lcore) {}

  Port& port() { return port_; }
  const Port& port() const { return port_; }
  // Whether nothing is queued or waits for the driver.
  bool Empty() const { return first_ == nullptr && port_.Backlog() == 0; }

  void Add(RequestQueue* queue, Request* request);
  // Bursts for a bounded time; whether anything moved.
  bool Serve(Assembler* assembler);
  // After a Serve() that moved nothing: whether the device has taken nothing for `patience`, or
  // that has been found before, and it has not been reset since.
  bool Stalled(uint64_t now_tsc, uint64_t patience_tsc);
  // Ends everything that waits with `error`; returns how many recipients.
  uint64_t End(int error);

 private:
  void Rotate();

  Port port_;
  RequestQueue* first_ = nullptr;  // whose turn it is
  RequestQueue* last_ = nullptr;
  struct Stuck {
    uint64_t since_tsc;
    uint64_t seen_tsc;
    uint64_t taken;  // then
    uint32_t resets;
  };
  Stuck stuck_{};
  bool stalled_ = false;
};

}  // namespace groupcast
