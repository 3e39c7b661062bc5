// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "engine/datapath/counters.h"
#include "engine/datapath/next_hops.h"
#include "engine/datapath/packet_head.h"
#include "engine/datapath/request.h"

namespace groupcast {

// What an mbuf's 16-bit reference count may reach: rte_mbuf_check() rejects 65,535.
inline constexpr uint32_t kMaxReferences = 65534;
static_assert(kMaxRecipients < kMaxReferences);

// Data room of a head behind its headroom: headers and prepend, or a whole packet up to the
// copybreak. What does not fit takes a large mbuf.
inline constexpr uint16_t kHeadRoom = 512;

// Packets that leave together at most.
inline constexpr uint16_t kMaxBurst = 64;

// The mempools of one lcore; only this lcore takes from them. Not owned.
struct LcorePools {
  rte_mempool* heads;  // kHeadRoom
  rte_mempool* large;  // a whole frame of the largest port MTU
  rte_mempool* views;  // no data room: mbufs on payload in an arena
};

// How packets are put together for one TX queue; from the driver profile and the port's offloads.
struct TxPlan {
  uint16_t port_id = 0;
  uint16_t queue = 0;
  uint16_t tx_descriptors = 0;          // of the queue's ring
  bool chains = false;                  // else every packet is one mbuf
  uint16_t max_segments = 3;            // of a packet
  uint16_t segment_bytes = UINT16_MAX;  // of one mbuf on the payload
  // Bytes; shared payloads up to this are copied, and larger ones to many that have bytes appended,
  // if all of it fits a head. 0: none.
  uint16_t copybreak = 0;
  uint64_t offloads = 0;  // RTE_MBUF_F_TX_IP_CKSUM, RTE_MBUF_F_TX_UDP_CKSUM
  uint16_t vlan = 0;      // 802.1Q TCI that the device inserts; 0: none
};

// Packets in a row of one request, for recipients in a row.
struct PacketRun {
  Request* request;
  uint16_t first_recipient;  // index in request
  uint16_t packets;
  uint32_t bytes;  // of their frames
};

// Where packets are put that are to leave together. Not owned.
struct PacketSpace {
  rte_mbuf** mbufs;
  PacketRun* runs;  // as many; those of recipients that fail begin a new one
  uint16_t nb_mbufs = 0;
  uint16_t nb_runs = 0;
};

// Marks recipient `i` as failed. The caller of this counts it in `finished`.
inline void FailRecipient(Request* request, uint16_t i, int error) {
  request->errors[i] = static_cast<uint8_t>(error);
  request->failed++;
}

// ROOM 4: builds bursts of packets: head (headers + prepend) -> shared payload [-> append].
// One lcore's; no method is thread-safe.
class Assembler {
 public:
  Assembler(const LcorePools& pools, const NextHopTable& next_hops, Counters* counters,
            uint16_t first_ip_id)
      : pools_(pools), next_hops_(next_hops), counters_(counters), ip_id_(first_ip_id) {}

  // Builds packets for up to `room` of the request's recipients from `request->assembled` on, and
  // moves it; the packets and their runs are in `space` then. Fewer than asked where recipients
  // failed (already counted in `finished`) or mbufs ran out (the rest stays for later).
  void Fill(Request* request, const TxPlan& plan, uint32_t mtu, uint16_t room, PacketSpace* space);

 private:
  // How the packets of one request are made.
  struct Form {
    bool chain;
    uint32_t pieces;  // mbufs on the payload, if chained
  };
  struct Built {
    uint16_t references = 0;  // on the view
    uint16_t appended = 0;
    uint16_t copied = 0;
  };
  Form FormOf(const Request& request, const TxPlan& plan) const;
  bool MakeView(Request* request, const TxPlan& plan, uint32_t pieces);
  bool IsPlain(const Request& request, const TxPlan& plan, const Form& form) const;
  Built Build(Request* request, const TxPlan& plan, uint32_t mtu, const Form& form, uint16_t n,
              PacketSpace* space);
  bool BuildAlike(const Request& request, const TxPlan& plan, const Form& form,
                  const EthernetForm& ethernet, uint16_t first, uint16_t n, rte_mbuf** mbufs,
                  Built* built);
  bool AppendAlike(const Request& request, uint16_t first, uint16_t n, rte_mbuf** heads);
  bool BuildOther(const Request& request, const TxPlan& plan, const Form& form,
                  const EthernetForm& ethernet, uint16_t recipient, rte_mbuf** place, Built* built);
  void Refuse(Request* request, uint16_t first, uint16_t n, int error);
  bool Append(const Request& request, const PrivatePart& part, uint32_t pieces, rte_mbuf* head);

  LcorePools pools_;
  const NextHopTable& next_hops_;
  Counters* counters_;
  uint16_t ip_id_;
};

}  // namespace groupcast
