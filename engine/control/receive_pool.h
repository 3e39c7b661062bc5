// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>

namespace groupcast {

// What one port receives into. Packets of other ports may share its mbufs, so it has to outlive all
// ports.
class ReceivePool {
 public:
  // Who receives into it and gives back what was received.
  enum class Users { kOneLcore, kLcores };

  static absl::StatusOr<std::shared_ptr<ReceivePool>> Create(const std::string& name,
                                                             uint32_t mbufs, uint32_t frame_bytes,
                                                             Users users);
  // Takes one that was made otherwise. `driver_keeps`: some of its mbufs never come back.
  ReceivePool(rte_mempool* pool, bool driver_keeps) : pool_(pool), driver_keeps_(driver_keeps) {}
  ~ReceivePool();
  ReceivePool(const ReceivePool&) = delete;
  ReceivePool& operator=(const ReceivePool&) = delete;

  rte_mempool* pool() { return pool_; }

 private:
  rte_mempool* pool_;
  bool driver_keeps_;
};

}  // namespace groupcast
