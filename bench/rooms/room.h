// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/rooms/bench_lcore.h"

namespace groupcast {

// One room of the hot path by itself. What is timed and what is counted is the same work.
struct Room {
  std::string name;
  const char* unit;    // what a cost is told per
  uint32_t per_round;  // of these
  std::function<void()> round;
};

// They refer to `lcore`, and are used on the thread that it was started on.
void AddLineRooms(std::vector<Room>* rooms);
void AddAssemblerRooms(BenchLcore* lcore, std::vector<Room>* rooms);
void AddSendRooms(BenchLcore* lcore, std::vector<Room>* rooms);
void AddResolverRoom(std::vector<Room>* rooms);

}  // namespace groupcast
