// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "bench/rooms/room.h"

namespace groupcast {
namespace {

void PinTo(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) != 0) Die("can't be pinned");
}

void CoreHop(benchmark::State& state) {
  cpu_set_t before;
  pthread_getaffinity_np(pthread_self(), sizeof(before), &before);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus.size() < 2; cpu++) {
    if (CPU_ISSET(cpu, &before)) cpus.push_back(cpu);
  }
  if (cpus.size() < 2) {
    state.SkipWithError("needs two CPUs");
    return;
  }
  alignas(64) std::atomic<uint64_t> there{0};
  alignas(64) std::atomic<uint64_t> back{0};
  std::thread echo([&] {
    PinTo(cpus[1]);
    for (uint64_t seen = 0; seen != UINT64_MAX;) {
      const uint64_t now = there.load(std::memory_order_acquire);
      if (now == seen) continue;
      seen = now;
      back.store(now, std::memory_order_release);
    }
  });
  PinTo(cpus[0]);
  uint64_t turn = 0;
  for (auto _ : state) {
    there.store(++turn, std::memory_order_release);
    while (back.load(std::memory_order_acquire) != turn) {
    }
  }
  there.store(UINT64_MAX, std::memory_order_release);
  echo.join();
  pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 2,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetLabel("per word that the other core waits for");
}

}  // namespace

void RegisterCoreHop() { benchmark::RegisterBenchmark("machine/core_hop", CoreHop)->UseRealTime(); }

}  // namespace groupcast
