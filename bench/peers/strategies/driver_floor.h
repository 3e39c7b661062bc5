// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <vector>

#include "engine/datapath/assembler.h"

namespace groupcast {

// What no way of sending two segments can do without: heads are taken, chained to a payload that
// all share, handed to the driver and freed by it. Headers were written once, when this was made; a
// packet has the head of any recipient. One lcore's.
// `writes`: and what no way of writing them can do without: each packet gets its recipient's
// headers as they are ready, its private bytes, and the one checksum that depends on these.
class DriverFloor {
 public:
  DriverFloor(const LcorePools& pools, const TxPlan& plan, Counters* counters, bool writes = false)
      : pools_(pools), plan_(plan), counters_(counters), writes_(writes) {}
  ~DriverFloor() { rte_pktmbuf_free(payload_); }
  DriverFloor(const DriverFloor&) = delete;
  DriverFloor& operator=(const DriverFloor&) = delete;

  // Writes heads for the recipients of `request`, in turn, into all mbufs of the pool that has room
  // for them; none may be out. False: there are none.
  bool Prepare(const Request& request, const NextHopTable& next_hops);
  // With `writes`: packets go to the recipients of these requests in turn, which are all of one
  // kind. Private bytes and their sums stay the caller's, each request's behind the one's before.
  // False: not of untagged IPv4.
  bool AddImages(const Request& request, const NextHopTable& next_hops);
  // Returns how many the driver took: all, unless it took none for some time.
  uint64_t Send(uint64_t packets);

 private:
  // Headers as they are in the packet, but for the UDP checksum, and the sum of all that is in that
  // but private bytes.
  struct alignas(RTE_CACHE_LINE_SIZE) Image {
    uint8_t headers[60];
    uint32_t sum;
  };
  void Write(uint16_t n, rte_mbuf** heads);

  LcorePools pools_;
  TxPlan plan_;
  Counters* counters_;
  rte_mempool* heads_ = nullptr;
  rte_mbuf* payload_ = nullptr;
  uint32_t frame_bytes_ = 0;
  const bool writes_;
  std::vector<Image> images_;
  size_t next_ = 0;  // image
  uint16_t headers_len_ = 0;
  uint16_t private_len_ = 0;
  const uint16_t* sums_ = nullptr;
  const uint8_t* private_bytes_ = nullptr;
};

}  // namespace groupcast
