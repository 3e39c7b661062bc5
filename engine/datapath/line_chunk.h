// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/datapath/holds.h"
#include "engine/datapath/request.h"

namespace groupcast {

// Where a member's packets leave.
struct Bin {
  static constexpr uint16_t kKernel = UINT16_MAX;  // as `port`: not by the engine
  uint16_t port = kKernel;
  uint16_t lcore = 0;
  friend bool operator==(const Bin&, const Bin&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Bin& bin) {
    return H::combine(std::move(h), bin.port, bin.lcore);
  }
};

// Members of a registered group that are of one bin. Immutable once it is in a snapshot, but for
// `usable_at`.
struct LineChunk {
  struct Hop {
    uint32_t index;
    uint16_t tag;
  };

  Bin bin;
  uint16_t count = 0;
  uint16_t least_mtu = UINT16_MAX;  // of the lines' path MTUs
  bool alike = false;               // all lines leave alike
  uint32_t snapshots = 0;           // writer only: that hold it
  bool current = true;              // writer only: among those that changes are made to
  // Resolver::UsableChanges() for which all next hops were usable. senders: rw
  mutable std::atomic<uint64_t> usable_at{UINT64_MAX};
  std::vector<Hop> hops;  // the different ones
  std::array<HeaderLine, kMaxGroupRecipients> lines;
  std::array<uint64_t, kMaxGroupRecipients> tags;
};

inline bool IsUsable(const NextHop& hop, uint16_t tag) {
  return hop.usable.load(std::memory_order_acquire) && hop.Tag() == tag;
}

// Whether all its next hops are usable. `changes`: the resolver's count, read before.
inline bool AllUsable(const LineChunk& chunk, const NextHopTable& next_hops, uint64_t changes) {
  if (chunk.usable_at.load(std::memory_order_relaxed) == changes) return true;
  for (const LineChunk::Hop& hop : chunk.hops) {
    if (!IsUsable(next_hops[hop.index], hop.tag)) return false;
  }
  chunk.usable_at.store(changes, std::memory_order_relaxed);
  return true;
}

// The membership of one moment, as senders use it.
struct LineSnapshot {
  uint64_t revision = 0;
  size_t members = 0;
  uint32_t engine = 0;  // RunningEngine::instance() that its bins and next hops belong to; 0: none
  std::vector<const LineChunk*> chunks;
  // References on next hops to give back once this snapshot and all before it are gone.
  std::vector<uint32_t> next_hops_left;
  // Of whoever publishes it: what senders need to know beside the members.
  std::shared_ptr<const void> options;
  Holds holds;  // of senders and their requests
};

}  // namespace groupcast
