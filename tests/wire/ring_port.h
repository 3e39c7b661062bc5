// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "engine/datapath/hand_over.h"
#include "tests/wire/wire.h"

namespace groupcast {

// net_ring with other rings to receive from than to send to, one of each for each of two queues, as
// rte_eth_from_rings() hands them to the driver (rte_eth_ring.c, v22.11.11: ring_internal_args).
class RingPort {
 public:
  static constexpr size_t kQueues = 2;

  RingPort() {
    for (size_t i = 0; i < kQueues; i++) {
      const std::string number = std::to_string(i);
      to_[i] = rte_ring_create(("to" + number).c_str(), 1024, SOCKET_ID_ANY, kFlags);
      from_[i] = rte_ring_create(("from" + number).c_str(), 4096, SOCKET_ID_ANY, kFlags);
    }
    arguments_ = {to_.data(), kQueues, from_.data(), kQueues, 0, &arguments_};
    pool_ =
        rte_pktmbuf_pool_create("incoming", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  }

  std::string device() const {
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), "net_ring0,internal=%p", arguments_.self);
    return text.data();
  }

  // False: no room.
  bool Receive(size_t queue, const std::string& frame) {
    rte_mbuf* mbuf = rte_mbuf_raw_alloc(pool_);
    if (mbuf == nullptr) return false;
    TakeOver(pool_);
    rte_pktmbuf_reset(mbuf);
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size())), frame.data(),
                frame.size());
    HandOver(mbuf);
    if (rte_ring_enqueue(to_[queue], mbuf) == 0) return true;
    Free(mbuf);
    return false;
  }
  // What left by a queue.
  size_t Sent(size_t queue, std::vector<std::string>* frames) {
    void* some[32];
    const unsigned n = rte_ring_dequeue_burst(from_[queue], some, 32, nullptr);
    for (unsigned i = 0; i < n; i++) {
      auto* frame = static_cast<rte_mbuf*>(some[i]);
      TakeOver(frame);
      frames->push_back(FrameOf(frame));
      Free(frame);
    }
    return n;
  }
  // What the engine has not taken any more.
  void EmptyReceived() {
    void* mbuf;
    for (rte_ring* ring : to_) {
      while (rte_ring_dequeue(ring, &mbuf) == 0) Free(static_cast<rte_mbuf*>(mbuf));
    }
  }

 private:
  static constexpr unsigned kFlags = RING_F_SP_ENQ | RING_F_SC_DEQ;
  struct Arguments {
    rte_ring* const* to;
    unsigned nb_to;
    rte_ring* const* from;
    unsigned nb_from;
    unsigned node;
    void* self;
  };
  std::array<rte_ring*, kQueues> to_, from_;
  Arguments arguments_;
  rte_mempool* pool_;
};

}  // namespace groupcast
