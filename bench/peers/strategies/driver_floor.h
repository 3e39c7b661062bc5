// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <vector>

#include "engine/datapath/assembler.h"

namespace groupcast {

// What no way of sending two segments can do without: heads are taken, chained to a payload that
// all share, handed to the driver and freed by it. Headers were written once, when this was made; a
// packet has the head of any recipient. One lcore's.
class DriverFloor {
 public:
  DriverFloor(const LcorePools& pools, const TxPlan& plan, Counters* counters)
      : pools_(pools), plan_(plan), counters_(counters) {}
  ~DriverFloor() { rte_pktmbuf_free(payload_); }
  DriverFloor(const DriverFloor&) = delete;
  DriverFloor& operator=(const DriverFloor&) = delete;

  // Writes heads for the recipients of `request`, in turn, into all mbufs of the pool that has room
  // for them; none may be out. False: there are none.
  bool Prepare(const Request& request, const NextHopTable& next_hops);
  // Returns how many the driver took: all, unless it took none for some time.
  uint64_t Send(uint64_t packets);

 private:
  LcorePools pools_;
  TxPlan plan_;
  Counters* counters_;
  rte_mempool* heads_ = nullptr;
  rte_mbuf* payload_ = nullptr;
  uint32_t frame_bytes_ = 0;
};

}  // namespace groupcast
