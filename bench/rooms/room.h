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
  // After each round and not part of it: waits for other threads. What has it is only counted, by
  // the thread that calls: groupcast-perf tells its time.
  std::function<void()> settle = {};
};

// They refer to `lcore`, and are used on the thread that it was started on.
void AddLineRooms(std::vector<Room>* rooms);
void AddAssemblerRooms(BenchLcore* lcore, std::vector<Room>* rooms);
void AddSendRooms(BenchLcore* lcore, std::vector<Room>* rooms);
void AddResolverRoom(std::vector<Room>* rooms);
// They open an engine.
void AddCallerRooms(std::vector<Room>* rooms);
// Not rooms, and only timed: how long the machine takes to pass a word, or lines, from one core to
// another.
void RegisterMachine();

}  // namespace groupcast
