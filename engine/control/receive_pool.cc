// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/receive_pool.h"

#include <rte_mbuf.h>

#include "engine/control/mempools.h"

namespace groupcast {

absl::StatusOr<std::shared_ptr<ReceivePool>> ReceivePool::Create(const std::string& name,
                                                                 uint32_t mbufs,
                                                                 uint32_t frame_bytes,
                                                                 Users users) {
  // Lock-free: an lcore that the kernel stops in the middle of it holds up no other one, as it
  // would by a ring.
  const char* const kind = users == Users::kLcores ? "lf_stack" : nullptr;
  auto pool = CreatePool(name, mbufs, RTE_PKTMBUF_HEADROOM + frame_bytes, kind);
  if (!pool.ok()) return pool.status();
  return std::make_shared<ReceivePool>(*pool, /*driver_keeps=*/false);
}

ReceivePool::~ReceivePool() {
  if (driver_keeps_) {
    rte_mempool_free(pool_);
  } else {
    FreePool(pool_);
  }
}

}  // namespace groupcast
