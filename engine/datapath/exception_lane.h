// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>

#include "engine/datapath/counters.h"
#include "engine/datapath/port.h"

namespace groupcast {

// The four ways of mbufs between an lcore and the thread that reads and writes the TAP of a port of
// its. Only the lcore touches their mempools: a thread that is preempted there would hold it up.
// Each has one producer and one consumer.
struct ExceptionRings {
  static constexpr unsigned kPlaces = 512;  // one less than that can be used
  // Mbufs for the kernel's frames that the thread has, or `empty` and `to_wire`, which therefore
  // always have room.
  static constexpr unsigned kForKernel = 256;

  rte_ring* to_kernel = nullptr;  // received frames
  rte_ring* written = nullptr;    // and back, to be freed
  rte_ring* empty = nullptr;      // for the kernel's frames
  rte_ring* to_wire = nullptr;    // and back, filled
};

// The lcore's end of the exception path of a port that the kernel has no driver for: what the
// engine receives and does not want is the kernel's, and what the kernel sends leaves by the port.
class ExceptionLane {
 public:
  struct Options {
    ExceptionRings rings;
    rte_mempool* pool;  // of the kernel's frames
    uint16_t port_id;
    uint16_t queue;
    const PortState* state;
    Counters* counters;
  };

  explicit ExceptionLane(const Options& options) : options_(options) {}

  // Takes a received frame.
  void ToKernel(rte_mbuf* frame);
  // Sends what the kernel has for the wire, and frees what it has taken; whether anything moved.
  bool Serve();
  // The TAP's thread has ended: frees all that is left.
  void Discard();

 private:
  static constexpr unsigned kBurst = 32;

  bool FreeWritten();
  void Refill();
  bool Send();

  const Options options_;
  std::array<rte_mbuf*, kBurst> frames_;  // [first_, count_) wait for the port
  uint16_t first_ = 0;
  uint16_t count_ = 0;
  unsigned for_kernel_ = 0;  // of kForKernel
};

}  // namespace groupcast
