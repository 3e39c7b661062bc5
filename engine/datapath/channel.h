// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/datapath/arena.h"
#include "engine/datapath/idle.h"
#include "engine/datapath/request.h"
#include "engine/datapath/request_memory.h"
#include "engine/datapath/request_ring.h"

namespace groupcast {

// ROOM 2: one application thread's way to the lcores: for each lcore a ring of requests. Requests
// and payloads live in arenas of their port, so that a port that gives nothing back takes no room
// from another.
//
// All methods but Take() and Pending(): the owning thread only. Memory is not owned.
class Channel {
 public:
  struct Lane {
    RequestRing ring;
    Doorbell* doorbell;  // of the lcore
  };
  struct PortArenas {
    Arena payloads;
    std::vector<Arena> requests;  // by lcore
  };

  // `lanes`: by lcore; `ports`: by the engine's index of the port.
  Channel(std::vector<Lane> lanes, std::vector<PortArenas> ports)
      : lanes_(std::move(lanes)), ports_(std::move(ports)) {}

  // A payload's place with one hold of the caller's, or null for no room.
  uint8_t* AllocatePayload(uint16_t port, uint32_t len_bytes) {
    return static_cast<uint8_t*>(ports_[port].payloads.Allocate(len_bytes));
  }
  rte_iova_t PayloadIova(uint16_t port, const void* payload) const {
    return ports_[port].payloads.Iova(payload);
  }

  using Shape = RequestShape;
  // A call begins that does something else first: gives back what is done, and asks the cores that
  // had it last for what the call's first request is likely to be written to.
  void Prepare();
  // A request with its arrays in place and zero errors, held by caller and lcore; or null for no
  // room. Unless posted it is given back with Discard().
  Request* Allocate(uint16_t port, size_t lcore, const Shape& shape);
  static void Discard(Request* request);
  // Private bytes that one request of this shape may carry for sure once the arena is free.
  size_t MostPrivate(uint16_t port, size_t lcore, const Shape& shape) const;

  // Whether Post() takes one more. It stays so until the next one.
  bool HasRoom(size_t lcore) const { return lanes_[lcore].ring.HasRoom(); }
  // Hands the request to its lcore and wakes it if it sleeps. False: no room, still the caller's.
  bool Post(size_t lcore, Request* request);

  // The lcore: up to `most` requests.
  uint32_t Take(size_t lcore, Request** requests, uint32_t most) {
    return lanes_[lcore].ring.Take(requests, most);
  }
  bool Pending(size_t lcore) const { return lanes_[lcore].ring.Pending(); }

  // The caller's outstanding requests, oldest first: posted, its own hold not yet given back.
  Request* oldest() const { return oldest_; }
  // What they have together, headers included.
  uint64_t outstanding_bytes() const { return outstanding_bytes_; }
  // Bytes of those on this socket, by calls before `call`, that no port has taken yet.
  uint64_t UnsentBytes(uint64_t socket_cookie, uint64_t call) const;
  // Gives back the outstanding requests that are done and older than `keep`, whose results somebody
  // still has to look at; null: all that are done.
  void Reap(const Request* keep);
  // The same for a call that does not wait: the newest ones are left alone, of which the lcore may
  // be writing that they are done, small ones longer; and what is behind one that is not done,
  // unless there are many.
  // Whoever finds no room then needs Reap().
  void ReapOldest();
  // Whether no request and no payload is in use any more, by anybody. With that, all that others
  // did in the channel's memory happened before.
  bool AllBack();

 private:
  bool LeavesOldestAlone() const;

  static constexpr uint32_t kLeftAlone = 4;
  // So many if they are small: their memory stays what is used again and again (Arena), and what
  // they have together below what sockets may have unsent (net.core.wmem_default).
  static constexpr uint32_t kSmallLeftAlone = 16;
  static constexpr uint16_t kSmall = 16;  // recipients
  static constexpr uint64_t kBytesLeftAlone = 160 << 10;
  static constexpr uint32_t kMany = 256;

  std::vector<Lane> lanes_;
  std::vector<PortArenas> ports_;
  // On a line of their own: lcores read the above all the time.
  alignas(64) Request* oldest_ = nullptr;
  Request* newest_ = nullptr;
  uint64_t outstanding_bytes_ = 0;
  uint32_t nb_outstanding_ = 0;
};

}  // namespace groupcast
