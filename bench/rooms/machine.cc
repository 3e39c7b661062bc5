// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "bench/rooms/room.h"
#include "engine/datapath/prefetch.h"

namespace groupcast {
namespace {

void PinTo(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) != 0) Die("can't be pinned");
}

// The first two CPUs that this thread may run on; fewer: there are no more.
std::vector<int> TwoCpus() {
  cpu_set_t allowed;
  pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus.size() < 2; cpu++) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

// Pins this thread, and lets it run where it might before in the end.
class Pinned {
 public:
  explicit Pinned(int cpu) {
    pthread_getaffinity_np(pthread_self(), sizeof(before_), &before_);
    PinTo(cpu);
  }
  ~Pinned() { pthread_setaffinity_np(pthread_self(), sizeof(before_), &before_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_;
};

void CoreHop(benchmark::State& state) {
  const std::vector<int> cpus = TwoCpus();
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
  const Pinned pinned(cpus[0]);
  uint64_t turn = 0;
  for (auto _ : state) {
    there.store(++turn, std::memory_order_release);
    while (back.load(std::memory_order_acquire) != turn) {
    }
  }
  there.store(UINT64_MAX, std::memory_order_release);
  echo.join();
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 2,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetLabel("per word that the other core waits for");
}

// What a message of some lines from one core to the other costs that does nothing else: written
// whole, handed over by a place of a ring, read whole, given back by its last line. At most as many
// are under way as requests of asynchronous sends are.
constexpr size_t kMessages = 64;
constexpr size_t kMostLines = 16;

struct alignas(64) MessageLine {
  std::array<uint64_t, 7> words;
  std::atomic<uint64_t> turn;  // of the last line: nobody's when its reader has been there
};
struct Messages {
  std::array<std::array<MessageLine, kMostLines>, kMessages> messages{};
  std::array<std::atomic<uint64_t>, kMessages> places{};  // 0: free
};

void ReadMessages(Messages* all, size_t lines) {
  uint64_t sum = 0;
  for (size_t next = 0;; next = (next + 1) % kMessages) {
    uint64_t turn;
    while ((turn = all->places[next].load(std::memory_order_acquire)) == 0) {
    }
    if (turn == UINT64_MAX) break;
    all->places[next].store(0, std::memory_order_release);
    auto& message = all->messages[next];
    for (size_t i = 0; i < lines; i++) {
      for (const uint64_t word : message[i].words) sum += word;
    }
    benchmark::DoNotOptimize(sum);
    message[lines - 1].turn.store(0, std::memory_order_release);
  }
}

void Message(benchmark::State& state) {
  const std::vector<int> cpus = TwoCpus();
  if (cpus.size() < 2) {
    state.SkipWithError("needs two CPUs");
    return;
  }
  const auto lines = static_cast<size_t>(state.range(0));
  const auto all = std::make_unique<Messages>();
  std::thread reader([&] {
    PinTo(cpus[1]);
    ReadMessages(all.get(), lines);
  });
  const Pinned pinned(cpus[0]);
  uint64_t turn = 0;
  const auto await = [&](size_t place) {
    while (all->messages[place][lines - 1].turn.load(std::memory_order_acquire) != 0 ||
           all->places[place].load(std::memory_order_acquire) != 0) {
    }
  };
  for (auto _ : state) {
    const size_t place = turn++ % kMessages;
    await(place);
    auto& message = all->messages[place];
    // The next ones, which the reader had last.
    auto& later = all->messages[(place + 4) % kMessages];
    for (size_t i = 0; i < lines; i++) PrefetchToWrite(&later[i]);
    for (size_t i = 0; i < lines; i++) message[i].words.fill(turn);
    message[lines - 1].turn.store(turn, std::memory_order_relaxed);
    all->places[place].store(turn, std::memory_order_release);
  }
  const size_t place = turn % kMessages;
  await(place);
  all->places[place].store(UINT64_MAX, std::memory_order_release);
  reader.join();
  state.SetLabel("per message of so many lines, at most 64 under way");
}

}  // namespace

void RegisterMachine() {
  benchmark::RegisterBenchmark("machine/core_hop", CoreHop)->UseRealTime();
  benchmark::RegisterBenchmark("machine/message", Message)
      ->DenseRange(1, 4)
      ->Arg(6)
      ->Arg(8)
      ->Arg(10)
      ->Arg(12)
      ->UseRealTime();
}

}  // namespace groupcast
