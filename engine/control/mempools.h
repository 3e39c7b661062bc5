// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "engine/datapath/assembler.h"

namespace groupcast {

// A pool of mbufs with `room` bytes each, headroom included. `name`: unique among all that live.
// `kind`: rte_mempool_ops; null, or not there: DPDK's own choice, a ring.
absl::StatusOr<rte_mempool*> CreatePool(const std::string& name, uint32_t mbufs, uint32_t room,
                                        const char* kind = nullptr);
// Frees it if every mbuf is back; false: it stays, with a warning (whoever has them holds pointers
// into it).
bool FreePool(rte_mempool* pool);

// The mempools of one lcore.
class Mempools {
 public:
  // `name`: unique among all that live. `packets`: how many may be in flight at a time.
  // `largest_frame`: bytes from the Ethernet header on.
  static absl::StatusOr<std::unique_ptr<Mempools>> Create(const std::string& name, uint32_t packets,
                                                          uint32_t largest_frame);
  // Frees those to which every mbuf came back; the others stay (their users hold pointers into
  // them), with a warning.
  ~Mempools();
  Mempools(const Mempools&) = delete;
  Mempools& operator=(const Mempools&) = delete;

  const LcorePools& pools() const { return pools_; }
  // Whether every mbuf of each pool is back.
  bool Full() const;

 private:
  Mempools() = default;
  LcorePools pools_{};
};

}  // namespace groupcast
