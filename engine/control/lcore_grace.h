// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <mutex>

#include "engine/datapath/lcore_readers.h"

namespace groupcast {

// For threads that replace what lcores read. Any thread.
class LcoreGrace : public LcoreReaders {
 public:
  using LcoreReaders::LcoreReaders;

  // After something was replaced: Passed() once nobody reads what was there.
  uint64_t Replaced() { return rte_rcu_qsbr_start(rcu()); }
  bool Passed(uint64_t token) {
    const std::lock_guard lock(mutex_);
    return rte_rcu_qsbr_check(rcu(), token, false) == 1;
  }

 private:
  std::mutex mutex_;  // rte_rcu_qsbr_check() notes what it found in a plain variable
};

}  // namespace groupcast
