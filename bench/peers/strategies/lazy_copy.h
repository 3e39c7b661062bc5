// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/datapath/assembler.h"

namespace groupcast {

// What the paper had before it (section 2): each recipient's packet is one mbuf with headers,
// private bytes and a copy of the payload. One that the device has freed is taken back for a later
// recipient of the same payload, for whom only what lies before the payload is written. One
// lcore's, as Assembler.
class LazyCopyAssembler {
 public:
  // With a mempool of its own. `name`: unique among all that live. `packets`: its mbufs; what the
  // driver and the mempool's cache hold back has to be fewer. `largest_frame`: in bytes.
  static absl::StatusOr<std::unique_ptr<LazyCopyAssembler>> Create(
      const std::string& name, uint32_t packets, uint32_t largest_frame,
      const NextHopTable& next_hops, Counters* counters, uint16_t first_ip_id);
  // After its packets have come back.
  ~LazyCopyAssembler();
  LazyCopyAssembler(const LazyCopyAssembler&) = delete;
  LazyCopyAssembler& operator=(const LazyCopyAssembler&) = delete;

  // What requests share from now on is not what packets have.
  void NewPayload() { generation_++; }
  // See FillAlike().
  void Fill(Request* request, const TxPlan& plan, uint32_t mtu, uint16_t room, PacketSpace* space);

  // Packets whose payload was copied into them, and those that had it. Any thread.
  uint64_t copied() const { return copied_.load(std::memory_order_relaxed); }
  uint64_t rewritten() const { return rewritten_.load(std::memory_order_relaxed); }
  const rte_mempool* pool() const { return pool_; }

 private:
  LazyCopyAssembler(rte_mempool* pool, const NextHopTable& next_hops, Counters* counters,
                    uint16_t first_ip_id)
      : pool_(pool), next_hops_(next_hops), counters_(counters), ip_id_(first_ip_id) {}
  uint16_t Make(const Request& request, const HeadForm& form, uint16_t first, uint16_t n,
                rte_mbuf** mbufs);

  rte_mempool* pool_;
  const NextHopTable& next_hops_;
  Counters* counters_;
  uint16_t ip_id_;
  uint16_t payload_at_ = 0;  // bytes from the frame's begin, in packets of this generation
  uint32_t generation_ = 1;  // of payloads; packets of a new mempool have 0
  // The lcore: wo.
  std::atomic<uint64_t> copied_{0};
  std::atomic<uint64_t> rewritten_{0};
};

}  // namespace groupcast
