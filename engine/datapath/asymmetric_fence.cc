// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/asymmetric_fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace groupcast {
namespace {

// In which what another CPU wrote is visible, whatever it does.
constexpr timespec kWritten = {0, 1'000'000};

bool Membarrier(int command) {
  // lint: allow(system call): when an engine starts or ends, and in the idle step
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}

}  // namespace

std::atomic<bool> AsymmetricFence::by_kernel_{false};

void AsymmetricFence::Start() {
  by_kernel_.store(Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED),
                   std::memory_order_relaxed);
}

void AsymmetricFence::Heavy() {
  // In front of the look: where it does not see Start() yet, what was written before is seen by
  // whoever does.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!by_kernel() || Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  // The application has forbidden the call since (seccomp(2)).
  // lint: allow(system call): for those who were between a light fence's two sides
  nanosleep(&kWritten, nullptr);
  by_kernel_.store(false, std::memory_order_relaxed);
  // lint: allow(system call): likewise, who did not see that yet
  nanosleep(&kWritten, nullptr);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace groupcast
