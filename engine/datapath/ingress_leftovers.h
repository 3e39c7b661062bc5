// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ring.h>

#include <array>
#include <cstdint>

#include "engine/datapath/arena.h"
#include "engine/datapath/cache_line.h"
#include "engine/datapath/line_chunk.h"
#include "engine/datapath/ring_pending.h"
#include "engine/datapath/rtp.h"

namespace groupcast {

// A datagram that some members of its group can't get by their lines: their next hop does not
// answer, or they go by the kernel. A copy for a thread that may block for them.
struct LeftDatagram {
  struct Run {
    const LineChunk* chunk;
    uint16_t from;  // members [from, to) of it
    uint16_t to;
  };
  static constexpr uint16_t kMostRuns = 64;

  const LineSnapshot* snapshot;  // one hold is the datagram's
  bool rtp;
  RtpPlace place;  // of an RTP group's
  uint8_t hop_limit;
  uint16_t nb_runs;
  uint16_t payload_len;
  std::array<Run, kMostRuns> runs;
  // Behind it.
  uint8_t* payload() { return reinterpret_cast<uint8_t*>(this + 1); }
};

// From the lcore to one other thread: a single-producer single-consumer ring of such datagrams, and
// their memory. What finds no room is lost, and counted.
class IngressLeftovers {
 public:
  IngressLeftovers();
  ~IngressLeftovers();  // when neither thread uses it any more
  IngressLeftovers(const IngressLeftovers&) = delete;
  IngressLeftovers& operator=(const IngressLeftovers&) = delete;

  // The lcore. Null: no room.
  LeftDatagram* Allocate(uint16_t payload_len);
  // False: no room, and it was released.
  bool Post(LeftDatagram* datagram);

  // The other thread; null: none.
  LeftDatagram* Take();
  static void Release(LeftDatagram* datagram);
  // Any thread.
  bool Empty() const { return !RingPending(ring_); }

 private:
  CacheLines ring_memory_;
  CacheLines arena_memory_;
  rte_ring* ring_;
  Arena arena_;
};

}  // namespace groupcast
