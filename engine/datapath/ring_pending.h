// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ring.h>

namespace groupcast {

// Whether a single-producer single-consumer ring holds something: rte_ring_empty() with the orders
// that a look from another thread needs.
inline bool RingPending(const rte_ring* ring) {
  return __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE) !=
         __atomic_load_n(&ring->cons.tail, __ATOMIC_RELAXED);
}

}  // namespace groupcast
