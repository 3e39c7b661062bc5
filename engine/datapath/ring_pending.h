// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_prefetch.h>
#include <rte_ring.h>

#include "engine/datapath/prefetch.h"

namespace groupcast {

// Whether a single-producer single-consumer ring holds something: rte_ring_empty() with the orders
// that a look from another thread needs.
inline bool RingPending(const rte_ring* ring) {
  return __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE) !=
         __atomic_load_n(&ring->cons.tail, __ATOMIC_RELAXED);
}

// What the lcore had last of it: how far it is, and the place of what it takes next.
inline void PrefetchToPost(const rte_ring* ring) {
  rte_prefetch0(&ring->cons);
  const auto* places = reinterpret_cast<void* const*>(ring + 1);
  PrefetchToWrite(&places[ring->prod.head & ring->mask]);
}

}  // namespace groupcast
