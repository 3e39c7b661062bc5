// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/node_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/control/ingress_programs.h"
#include "engine/control/lcore_grace.h"
#include "engine/datapath/ingress.h"

namespace groupcast {

// Who is to get what the ports receive: the claims of one engine, and their flows. Any thread.
class IngressClaims {
 public:
  // A port whose frames can be taken.
  struct Port {
    uint32_t interface = 0;            // ifindex; 0: none
    uint32_t longest = 0;              // IP packet that its receive buffers hold, bytes
    std::vector<int> packet_sockets;   // of net_af_packet: the kernel sees the same frames, too
    ClaimMap* redirected = nullptr;    // of net_af_xdp's program: taken before the kernel sees them
    std::vector<int> xdp_sockets;      // then
    std::vector<IpAddress> addresses;  // of a static port
  };
  struct Options {
    std::vector<Port> ports;
    size_t engine_ports = 0;
    size_t lcores = 1;           // that may own flows
    uint32_t longest_frame = 0;  // of those, bytes
    uint64_t tsc_hz = 0;
    std::shared_ptr<LcoreGrace> readers;
    std::string name;  // of the engine, unique in the process
  };
  // What a bound socket receives.
  struct Wanted {
    int socket = -1;    // borrowed until Close()
    IpAddress address;  // unspecified: every one of this host, of its family
    rte_be16_t udp_port = 0;
    uint32_t interface = 0;       // the only one, by ifindex; 0: any
    std::vector<IpAddress> from;  // the only sources; empty: any
  };

  explicit IngressClaims(Options options);
  ~IngressClaims();  // the lcores have come to their end
  IngressClaims(const IngressClaims&) = delete;
  IngressClaims& operator=(const IngressClaims&) = delete;

  const std::atomic<const IngressTable*>& table() const { return table_; }
  const std::shared_ptr<LcoreGrace>& readers() const { return options_.readers; }

  // A flow for datagrams to one group, owned by an lcore that has the fewest of them.
  std::shared_ptr<IngressFlow> Open(const IngressFlow::Options& options);
  // From now on the lcores take for the flow what would come to the socket, which gets the rest:
  // what the engine can't take, and what comes by other interfaces than its ports'. On error
  // everything goes on coming to the socket:
  //   kAlreadyExists, kPermissionDenied (CAP_BPF), kUnavailable (no port can receive), others
  absl::Status Claim(const std::shared_ptr<IngressFlow>& flow, const Wanted& wanted);
  // What the flow claimed comes to its sockets again; what the engine took before is still sent.
  void Close(const std::shared_ptr<IngressFlow>& flow);
  // Brings the flow's kernel_counts up to date.
  void ReadCounts(IngressFlow* flow);
  // What the ports received and had no room for, since they were started.
  uint64_t Dropped();

  // From time to time: follows this host's addresses, which may have changed if `generation` has,
  // and frees what nobody uses any more.
  void Attend(uint32_t generation);
  // Gives everything back to the sockets: no frame is taken any more.
  void Stop();

 private:
  struct Claimed {
    std::shared_ptr<IngressFlow> flow;
    Wanted wanted;
  };
  struct Closing {
    std::shared_ptr<IngressFlow> flow;
    uint64_t token;
    bool unused;  // seen so; the lcores may still have a look at it
  };
  // A table as it was made, and as the lcores see it.
  struct Made {
    ~Made();
    absl::node_hash_map<IngressClaim::Key, IngressClaim> claims;
    IngressTable table{nullptr};
  };
  struct Retired {
    std::unique_ptr<const Made> table;
    std::list<Claimed> claims;  // that it points into
    uint64_t token;
  };

  std::vector<IpAddress> EveryAddress() const;
  static std::vector<IpAddress> AddressesOf(const Wanted& wanted,
                                            const std::vector<IpAddress>& every);
  bool UsesPrograms() const;
  uint16_t LcoreWithFewest();
  absl::Status LoadPrograms();
  rte_hash* CreateHash(uint32_t claims);
  absl::StatusOr<std::unique_ptr<Made>> MakeTable();
  absl::Status Publish(std::list<Claimed> gone = {});
  std::vector<ClaimMap*> Maps() const;
  void Unclaim(const IngressClaim::Key& key);
  void Count(IngressFlow* flow);
  bool TakenFrom(const Port& port, const IngressClaim::Key& key) const;
  absl::Status AddKey(const IngressClaim::Key& key);
  void AwaitLastFrames() const;
  void EmptyRings();
  void Reap();

  const Options options_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<const IngressFlow>> flows_;  // open
  std::unique_ptr<IngressPrograms> programs_;
  std::list<Claimed> claims_;
  absl::flat_hash_set<IngressClaim::Key> keys_;  // that the kernel's programs know
  std::unique_ptr<const Made> current_;
  uint32_t tables_ = 0;  // made so far
  std::atomic<const IngressTable*> table_{nullptr};
  std::vector<Retired> retired_;
  std::vector<Closing> closing_;
  // Of addresses that are claimed no more.
  using Counts = std::array<uint64_t, INGRESS_COUNTS>;
  absl::flat_hash_map<IngressFlow*, Counts> counts_before_;
  bool without_programs_ = false;  // they can't be had: packet sockets receive nothing
  uint64_t dropped_ = 0;           // by packet sockets, whose counters begin anew when read
  uint32_t generation_ = 0;
  bool stopped_ = false;
};

}  // namespace groupcast
