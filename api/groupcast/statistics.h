// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What the library counted in this process. For C and C++; needs nothing else of Groupcast.
#ifndef GROUPCAST_STATISTICS_H_
#define GROUPCAST_STATISTICS_H_

#include <stddef.h>
#include <stdint.h>

#include "groupcast/export.h"

#ifdef __cplusplus
extern "C" {
#endif

// One counter. The strings live as long as the process.
struct groupcast_counter {
  const char* name;  // "packets", "kernel_recipients", …
  const char* unit;  // "packets", "datagrams", "bytes", …
  const char* help;  // one sentence
  uint64_t value;    // since the process started, over all its attachments
};

// Copies at most `capacity` counters to `counters` (may be null when capacity is 0) and returns how
// many there are. Any thread, attached or not; waits for a groupcast_attach() or _detach() under
// way, never for lcores. Values are read one after the other while they move.
GROUPCAST_API size_t groupcast_counters(struct groupcast_counter* counters, size_t capacity);

// The value of one counter by its name; 0 for a name that does not exist.
GROUPCAST_API uint64_t groupcast_counter_value(const char* name);

#ifdef __cplusplus
}
#endif

#endif  // GROUPCAST_STATISTICS_H_
