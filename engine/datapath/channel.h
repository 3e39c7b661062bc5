// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ring.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/datapath/arena.h"
#include "engine/datapath/idle.h"
#include "engine/datapath/request.h"

namespace groupcast {

// ROOM 2: one application thread's way to the lcores: for each lcore a single-producer
// single-consumer ring of requests and the arena they live in, and one arena for payloads.
//
// All methods but Take() and Pending(): the owning thread only. Memory and rings are not owned.
class Channel {
 public:
  struct Lane {
    rte_ring* ring;
    Arena requests;
    Doorbell* doorbell;  // of the lcore
  };

  Channel(Arena payloads, std::vector<Lane> lanes)
      : payloads_(payloads), lanes_(std::move(lanes)) {}

  // A payload's place with one hold of the caller's, or null for no room.
  uint8_t* AllocatePayload(uint32_t len_bytes) {
    return static_cast<uint8_t*>(payloads_.Allocate(len_bytes));
  }
  rte_iova_t PayloadIova(const void* payload) const { return payloads_.Iova(payload); }

  // A request for `nb_recipients` recipients with `private_len` private bytes, its arrays in place
  // and zero, held by caller and lcore; or null for no room. Unless posted it is given back with
  // Discard().
  Request* Allocate(size_t lcore, uint16_t nb_recipients, size_t private_len);
  static void Discard(Request* request);
  // Private bytes that one request may carry for sure once the arena is free.
  size_t MostPrivate(size_t lcore, uint16_t nb_recipients) const;

  // Hands the request to its lcore and wakes it if it sleeps. False: no room, still the caller's.
  bool Post(size_t lcore, Request* request);

  // The lcore: up to `most` requests.
  uint32_t Take(size_t lcore, Request** requests, uint32_t most) {
    return rte_ring_sc_dequeue_burst(lanes_[lcore].ring, reinterpret_cast<void**>(requests), most,
                                     nullptr);
  }
  // rte_ring_empty() with the orders that a look from another thread needs.
  bool Pending(size_t lcore) const {
    const rte_ring* ring = lanes_[lcore].ring;
    return __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE) !=
           __atomic_load_n(&ring->cons.tail, __ATOMIC_RELAXED);
  }

  // The caller's outstanding requests, oldest first: posted, its own hold not yet given back.
  Request* oldest() const { return oldest_; }
  Request* PopOldest();
  // Bytes of requests on this socket, by calls before `call`, that no port has taken yet.
  uint64_t UnsentBytes(uint64_t socket_cookie, uint64_t call) const;
  // Gives back what is done at the front of the outstanding requests of non-blocking calls.
  void Reap();
  // Whether no request and no payload is in use any more, by anybody. With that, all that others
  // did in the channel's memory happened before.
  bool AllBack();

 private:
  Arena payloads_;
  std::vector<Lane> lanes_;
  Request* oldest_ = nullptr;
  Request* newest_ = nullptr;
};

}  // namespace groupcast
