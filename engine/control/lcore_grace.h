// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <mutex>

#include "engine/datapath/lcore_readers.h"

namespace groupcast {

// The same for threads that replace things: any number of them, where rte_rcu_qsbr_check() notes
// what it found without a lock.
class LcoreGrace : public LcoreReaders {
 public:
  using LcoreReaders::LcoreReaders;

  bool Passed(uint64_t token) {
    const std::lock_guard lock(mutex_);
    return LcoreReaders::Passed(token);
  }

 private:
  std::mutex mutex_;
};

}  // namespace groupcast
