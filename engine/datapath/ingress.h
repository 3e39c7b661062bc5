// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_hash.h>

#include <cstdint>
#include <vector>

#include "engine/datapath/exception_lane.h"
#include "engine/datapath/idle.h"
#include "engine/datapath/ingress_flow.h"
#include "engine/datapath/ingress_frame.h"
#include "engine/datapath/ingress_lane.h"

namespace groupcast {

// An address that datagrams are taken for. Immutable once published.
struct IngressClaim {
  // Compared byte by byte.
  struct Key {
    IpAddress address;
    rte_be16_t udp_port = 0;
    uint16_t zero = 0;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.address, key.udp_port);
    }
  };
  static_assert(sizeof(Key) == sizeof(IpAddress) + 4);

  IngressFlow* flow = nullptr;
  uint16_t lcore = 0;      // that owns it
  uint32_t interface = 0;  // the only one, by ifindex; 0: every port
  bool multicast = false;  // its datagrams' hop limit says nothing of how far they came
  const std::vector<IpAddress>* from = nullptr;  // the only sources; null: any
};

// All of them, by key; replaced as a whole. control: w; lcore: r
struct IngressTable {
  rte_hash* claims;  // of const IngressClaim

  const IngressClaim* Find(const IngressClaim::Key& key) const {
    void* claim;
    return rte_hash_lookup_data(claims, &key, &claim) >= 0 ? static_cast<const IngressClaim*>(claim)
                                                           : nullptr;
  }
};

// A port's RX queue.
struct IngressPort {
  uint16_t port_id;
  uint16_t queue;
  uint32_t interface;  // ifindex; 0: none
  const PortState* state;
  int socket;         // that the driver receives by; -1: it can't be waited for
  rte_mempool* pool;  // that it receives into
  bool relays;        // what is claimed; others only have an exception path
  // Which of kExceptionLcore's exception paths takes what nobody claims; -1: the kernel has it
  // anyway, or nobody wants it.
  int exception;
};

// The ways between this lcore and the others, by the other one's index; null where there is none,
// as at its own. Not owned.
struct IngressLanes {
  std::vector<IngressLane*> to;
  std::vector<IngressLane*> from;
};

// ROOM 1 of relayed datagrams: takes frames from the ports' RX, finds the flow of each and gives
// flows their turns. What it receives for another lcore's flows it hands to that one. One lcore's.
class IngressLoop {
 public:
  // The exception paths are all this one's.
  static constexpr uint16_t kExceptionLcore = 0;

  IngressLoop(IngressLcore lcore, std::vector<IngressPort> ports,
              std::vector<ExceptionLane> exceptions, IngressLanes lanes);

  // Those of all ports; null where one of them has none.
  const Doorbell::Sockets* sockets() const { return waits_ ? &sockets_ : nullptr; }
  // Whether some port is to be received from. `table`: of what is claimed; null: nothing is.
  bool Receives(const IngressTable* table) const {
    return !ports_.empty() && (table != nullptr || has_exceptions_);
  }
  // A burst of each port; whether anything came.
  bool Receive(const IngressTable* table);
  // Whether other lcores have handed over something that was not taken yet.
  bool Handed() const;
  void TakeHanded();
  // Whether the others have taken all that this one handed to them. Those that were seen to be idle
  // before may be at work on it.
  bool AllTaken() const;
  // Gives up what was handed over and not taken. When all lcores have come to their end; any
  // thread.
  void DiscardHanded();
  // What exception interfaces have for the wire; whether anything moved.
  bool ServeExceptions();
  // A turn for each flow that has something to send; whether anything moved.
  bool Serve();
  // Gives up what waits.
  void Discard();
  // The same of exception interfaces, whose threads have ended.
  void DiscardExceptions();
  // Whether flows wait for something.
  bool Waits() const { return first_ != nullptr; }
  // Whether one of them waits for its rate only, and soon may go on: it is not a time to sleep.
  bool Paced() const { return paced_; }

 private:
  static constexpr uint16_t kBurst = 32;

  bool ReceiveFrom(const IngressPort& port, const IngressTable* table);
  void Take(const IngressPort& port, const IngressTable& table, bool scarce, rte_mbuf* mbuf,
            uint64_t now_tsc);
  void Leave(const IngressPort& port, Counter why, rte_mbuf* mbuf);
  void ToException(const IngressPort& port, rte_mbuf* mbuf);
  bool Hand(uint16_t lcore, rte_mbuf* mbuf, const HandedFrame& frame);
  void Queue(IngressFlow* flow, const IngressDatagram& datagram, bool scarce);

  IngressLcore lcore_;
  std::vector<IngressPort> ports_;
  std::vector<ExceptionLane> exceptions_;
  const IngressLanes lanes_;
  bool has_exceptions_ = false;  // some port has one
  Doorbell::Sockets sockets_;
  bool waits_ = true;
  IngressFlow* first_ = nullptr;
  IngressFlow* last_ = nullptr;
  bool paced_ = false;
};

}  // namespace groupcast
