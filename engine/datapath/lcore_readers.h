// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>

#include "engine/datapath/cache_line.h"

namespace groupcast {

// The lcores' side of telling when none of them reads any more what it may have read before (RCU,
// quiescent states); LcoreGrace is the other. An lcore that has come to its end reads nothing.
class LcoreReaders {
 public:
  explicit LcoreReaders(uint32_t lcores)
      : memory_(new CacheLine[LinesFor(rte_rcu_qsbr_get_memsize(lcores))]),
        rcu_(reinterpret_cast<rte_rcu_qsbr*>(memory_.get())) {
    rte_rcu_qsbr_init(rcu_, lcores);
  }

  // The lcore itself.
  void Enter(uint32_t lcore) {
    rte_rcu_qsbr_thread_register(rcu_, lcore);
    rte_rcu_qsbr_thread_online(rcu_, lcore);
  }
  void Leave(uint32_t lcore) {
    rte_rcu_qsbr_thread_offline(rcu_, lcore);
    rte_rcu_qsbr_thread_unregister(rcu_, lcore);
  }
  // It holds nothing of what it read before.
  void Quiescent(uint32_t lcore) { rte_rcu_qsbr_quiescent(rcu_, lcore); }
  void Sleeps(uint32_t lcore) { rte_rcu_qsbr_thread_offline(rcu_, lcore); }
  void Wakes(uint32_t lcore) { rte_rcu_qsbr_thread_online(rcu_, lcore); }

 protected:
  rte_rcu_qsbr* rcu() { return rcu_; }

 private:
  CacheLines memory_;
  rte_rcu_qsbr* rcu_;
};

}  // namespace groupcast
