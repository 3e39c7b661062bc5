// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>

namespace groupcast {

// Readings at one moment; what a run took is the difference of two.
struct CpuTime {
  int64_t wall_ns = 0;
  int64_t process_ns = 0;   // all threads of this process, the kernel's work for them included
  int64_t all_idle_ns = 0;  // all CPUs together, in the ticks of /proc/stat (10 ms)
  uint64_t cycles = 0;      // of the TSC

  static CpuTime Now();
  // Of all CPUs together since `earlier`: also what the kernel does for the process in softirqs and
  // threads of its own, and whatever else runs on the machine.
  int64_t BusyNsSince(const CpuTime& earlier) const;
};

}  // namespace groupcast
