// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/idle.h"

#include <ctime>

namespace groupcast {

void Doorbell::Sleep(int64_t most_ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  const int64_t ns = until.tv_nsec + most_ns;
  until.tv_sec += ns / kSecond;
  until.tv_nsec = ns % kSecond;
  sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &until);
  CancelSleep();
}

}  // namespace groupcast
