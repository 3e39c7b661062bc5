// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

namespace groupcast {

// Takes a line from other cores before it is written: stores retire in order, and each would wait
// for its own line otherwise. (DPDK's rte_prefetch0_write() is not of its stable interface.)
inline void PrefetchToWrite(const void* at) {
#ifdef __x86_64__
  // The compiler would not use it for processors of before 2014, where it does nothing.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(at)));
#else
  __builtin_prefetch(at, /*rw=*/1);
#endif
}

}  // namespace groupcast
