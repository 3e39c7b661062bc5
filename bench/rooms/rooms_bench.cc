// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What each room of the hot path costs by itself, on one thread: benchmarks of Google Benchmark,
// all times per item (packet, recipient, request: the label says which).
//
//   rooms_bench [benchmark options]    times
//   rooms_bench --count ROUNDS         what bench/instructions runs under callgrind
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bench/rooms/room.h"

// bench/instructions names both: callgrind collects in CountRounds(), without Settle(), and dumps
// when it returns.
#ifdef __clang__
#define ROOM_KEPT [[gnu::noinline]]
#else
#define ROOM_KEPT [[gnu::noinline, gnu::noclone]]
#endif
extern "C" ROOM_KEPT void Settle(const groupcast::Room* room) {
  if (room->settle) room->settle();
}
extern "C" ROOM_KEPT void CountRounds(const groupcast::Room* room, unsigned rounds) {
  for (unsigned i = 0; i < rounds; i++) {
    room->round();
    Settle(room);
  }
}

namespace {

// One line a room, in the order of callgrind's dumps.
void Count(const std::vector<groupcast::Room>& rooms, unsigned rounds) {
  for (const groupcast::Room& room : rooms) {
    // Mempool caches and arenas as they are in the long run.
    for (unsigned i = 0; i < rounds; i++) {
      room.round();
      if (room.settle) room.settle();  // Settle() is a switch
    }
    CountRounds(&room, rounds);
    std::printf("%s %s %u\n", room.name.c_str(), room.unit, room.per_round);
  }
}

void Register(const groupcast::Room& room) {
  benchmark::RegisterBenchmark(room.name.c_str(), [&room](benchmark::State& state) {
    for (auto _ : state) room.round();
    state.SetItemsProcessed(state.iterations() * room.per_round);
    state.counters["each"] =
        benchmark::Counter(static_cast<double>(state.iterations()) * room.per_round,
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state.SetLabel(std::string("per ") + room.unit);
  });
}

}  // namespace

int main(int argc, char** argv) {
  unsigned rounds = 0;
  if (argc > 1 && std::strcmp(argv[1], "--count") == 0) {
    if (argc == 3) rounds = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
    if (rounds == 0) {
      std::fprintf(stderr, "rooms_bench --count ROUNDS: a number above 0\n");
      return 2;
    }
  }
  auto lcore = groupcast::BenchLcore::Start();
  if (!lcore.ok()) groupcast::Die(lcore.status().ToString());
  std::vector<groupcast::Room> rooms;
  groupcast::AddLineRooms(&rooms);
  groupcast::AddResolverRoom(&rooms);
  groupcast::AddAssemblerRooms(lcore->get(), &rooms);
  groupcast::AddSendRooms(lcore->get(), &rooms);
  groupcast::AddCallerRooms(&rooms);
  if (rounds > 0) {
    Count(rooms, rounds);
    return 0;
  }
  for (const groupcast::Room& room : rooms) {
    if (!room.settle) Register(room);
  }
  groupcast::RegisterMachine();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
