// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/mempools.h"

#include <absl/strings/str_cat.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "engine/control/eal.h"
#include "engine/control/log.h"
#include "engine/datapath/hand_over.h"

namespace groupcast {
namespace {

constexpr uint32_t kCache = 256;

}  // namespace

absl::StatusOr<rte_mempool*> CreatePool(const std::string& name, uint32_t mbufs, uint32_t room,
                                        const char* kind) {
  if (room > UINT16_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("mempool ", name, ": ", room, " bytes do not fit in an mbuf; lower the MTU"));
  }
  const auto create = [&](const char* of) {
    return rte_pktmbuf_pool_create_by_ops(name.c_str(), mbufs, kCache, 0,
                                          static_cast<uint16_t>(room), SOCKET_ID_ANY, of);
  };
  rte_mempool* pool = create(kind);
  if (pool == nullptr && kind != nullptr) pool = create(nullptr);
  if (pool == nullptr) {
    return DpdkError(
        rte_errno, absl::StrCat("no memory for mempool ", name, " of ", mbufs, " mbufs with ", room,
                                " bytes each; raise memory: size_mib"));
  }
  return pool;
}

bool FreePool(rte_mempool* pool) {
  const unsigned out = rte_mempool_in_use_count(pool);
  if (out == 0) {
    TakeOver(pool);
    rte_mempool_free(pool);
    return true;
  }
  LogWarning(absl::StrCat("mempool ", pool->name, " is kept: ", out,
                          " mbufs are still with their consumer"));
  return false;
}

absl::StatusOr<std::unique_ptr<Mempools>> Mempools::Create(const std::string& name,
                                                           uint32_t packets,
                                                           uint32_t largest_frame) {
  std::unique_ptr<Mempools> self(new Mempools);
  // A payload is referenced at most once per head: below what a reference count can hold.
  if (packets > kMaxReferences - kMaxRecipients) {
    return absl::InvalidArgumentError(
        absl::StrCat(packets, " packets in flight are more than an mbuf's reference count allows (",
                     kMaxReferences - kMaxRecipients, "); lower tx_descriptors"));
  }
  // An append segment takes a second head, and an mbuf on the payload beside the request's own.
  auto heads = CreatePool(name + "_heads", 2 * packets, RTE_PKTMBUF_HEADROOM + kHeadRoom);
  if (!heads.ok()) return heads.status();
  self->pools_.heads = *heads;
  auto large = CreatePool(name + "_large", packets, RTE_PKTMBUF_HEADROOM + largest_frame);
  if (!large.ok()) return large.status();
  self->pools_.large = *large;
  auto views = CreatePool(name + "_views", 2 * packets, 0);
  if (!views.ok()) return views.status();
  self->pools_.views = *views;
  return self;
}

Mempools::~Mempools() {
  for (rte_mempool* pool : {pools_.heads, pools_.large, pools_.views}) {
    if (pool != nullptr) FreePool(pool);
  }
}

bool Mempools::Full() const {
  return rte_mempool_full(pools_.heads) == 1 && rte_mempool_full(pools_.large) == 1 &&
         rte_mempool_full(pools_.views) == 1;
}

}  // namespace groupcast
