// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>

#include "engine/datapath/assembler.h"

namespace groupcast {

// DPDK's way (examples/ipv4_multicast/main.c, mcast_out_pkt() with use_clone): behind each
// recipient's head an indirect mbuf of its own, attached to the mbuf that has the payload. Heads
// are taken and written as the engine's are. One lcore's, as Assembler.
class CloneAssembler {
 public:
  CloneAssembler(const LcorePools& pools, const NextHopTable& next_hops, Counters* counters,
                 uint16_t first_ip_id)
      : pools_(pools), next_hops_(next_hops), counters_(counters), ip_id_(first_ip_id) {}
  ~CloneAssembler() { rte_pktmbuf_free(payload_); }
  CloneAssembler(const CloneAssembler&) = delete;
  CloneAssembler& operator=(const CloneAssembler&) = delete;

  // Copies what all requests from now on share into an mbuf. False: the pool `large` is empty.
  bool SetPayload(const uint8_t* data, uint16_t len);
  // See FillAlike().
  void Fill(Request* request, const TxPlan& plan, uint32_t mtu, uint16_t room, PacketSpace* space);

 private:
  uint16_t Make(const Request& request, const HeadForm& form, uint16_t first, uint16_t n,
                rte_mbuf** heads);

  LcorePools pools_;
  const NextHopTable& next_hops_;
  Counters* counters_;
  uint16_t ip_id_;
  rte_mbuf* payload_ = nullptr;
};

}  // namespace groupcast
