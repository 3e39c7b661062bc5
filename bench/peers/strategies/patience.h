// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_cycles.h>
#include <rte_pause.h>
#include <sched.h>

#include <cstdint>

namespace groupcast {

// Of a loop that waits for a driver: it gives up after a second without any progress.
class Patience {
 public:
  void Moved() { turns_ = 0; }
  // After a turn in which nothing moved. False: it is at its end.
  bool Wait() {
    rte_pause();
    if (++turns_ % kTurnsAwake != 0) return true;
    const uint64_t now = rte_rdtsc();
    if (turns_ == kTurnsAwake) since_ = now;
    sched_yield();  // whoever empties the ring may need this CPU
    return now - since_ < rte_get_tsc_hz();
  }

 private:
  static constexpr uint64_t kTurnsAwake = 256;  // some microseconds
  uint64_t turns_ = 0;
  uint64_t since_ = 0;
};

}  // namespace groupcast
