// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/statistics.h"

#include <algorithm>
#include <cstring>

#include "api/seat.h"

namespace groupcast {
namespace {

uint64_t Value(Counter counter) {
  uint64_t sum = SharedCounters().Read(counter) + ReadAttached(counter);
  for (uint32_t i = 0; i < kMaxChannels; i++) sum += SeatAt(i).counters.Read(counter);
  return sum;
}

}  // namespace
}  // namespace groupcast

size_t groupcast_counters(groupcast_counter* counters, size_t capacity) {
  using groupcast::kCounterTable;
  for (size_t i = 0; i < std::min(capacity, kCounterTable.size()); i++) {
    const groupcast::CounterInfo& info = kCounterTable[i];
    counters[i] = {info.name, info.unit, info.help,
                   groupcast::Value(static_cast<groupcast::Counter>(i))};
  }
  return kCounterTable.size();
}

uint64_t groupcast_counter_value(const char* name) {
  using groupcast::kCounterTable;
  const auto* found = std::find_if(kCounterTable.begin(), kCounterTable.end(),
                                   [&](const auto& i) { return std::strcmp(i.name, name) == 0; });
  if (found == kCounterTable.end()) return 0;
  return groupcast::Value(static_cast<groupcast::Counter>(found - kCounterTable.begin()));
}
