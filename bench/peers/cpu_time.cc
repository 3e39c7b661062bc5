// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "bench/peers/cpu_time.h"

#include <rte_cycles.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <string>

namespace groupcast {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t Read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

int64_t AllIdleNs() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  int64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0;
  stat >> cpu >> user >> nice >> system >> idle >> iowait;
  return (idle + iowait) * (kNsPerSecond / sysconf(_SC_CLK_TCK));
}

}  // namespace

CpuTime CpuTime::Now() {
  return {.wall_ns = Read(CLOCK_MONOTONIC),
          .process_ns = Read(CLOCK_PROCESS_CPUTIME_ID),
          .all_idle_ns = AllIdleNs(),
          .cycles = rte_rdtsc()};
}

int64_t CpuTime::BusyNsSince(const CpuTime& earlier) const {
  return (wall_ns - earlier.wall_ns) * sysconf(_SC_NPROCESSORS_ONLN) -
         (all_idle_ns - earlier.all_idle_ns);
}

}  // namespace groupcast
