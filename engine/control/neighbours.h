// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/flat_hash_map.h>
#include <rte_ether.h>

#include <atomic>
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/control/config.h"
#include "engine/datapath/ip_address.h"
#include "engine/datapath/next_hops.h"

namespace groupcast {

// The kernel's neighbours on our ports' interfaces, and the only writer of the next hops made from
// them. Needs a mutex around it, but for table().
class Neighbours {
 public:
  // A neighbour that the kernel is to be asked to resolve, or to confirm.
  struct Use {
    uint16_t port;
    IpAddress address;
  };

  Neighbours(uint32_t next_hops, size_t ports);

  NextHopTable& table() { return table_; }

  // What the port's interface is now. Without one (`exists` false) nothing behind it is usable.
  void SetPort(uint16_t port, bool exists, const rte_ether_addr& mac, bool no_arp);
  // 802.1Q TCI that the port's frames are tagged with; 0: none. Before its first next hop.
  void SetVlan(uint16_t port, uint16_t vlan) { ports_[port].vlan = vlan; }
  // The kernel's entry as announced or dumped; state NUD_NONE for one that is gone.
  void Update(uint16_t port, const IpAddress& address, uint16_t state, const rte_ether_addr& mac);
  // Brackets of a whole dump: what it does not mention is gone.
  void BeginDump() { dump_++; }
  void EndDump();

  // The next hop to `address` on `port`'s link, with one more reference to it; empty where the
  // table is full.
  std::optional<uint32_t> Acquire(uint16_t port, const IpAddress& address);
  // The same for a static one, which is always usable.
  std::optional<uint32_t> AcquireStatic(uint16_t port, const StaticNextHop& hop);
  void Release(uint32_t index);
  // Frees the next hops that no route refers to and nobody has used since `before_s`. Returns how
  // many.
  uint32_t Expire(uint32_t before_s);

  // Whether the kernel is to be asked to resolve this one now; at most once per kProbeIntervalNs
  // and resolution.
  std::optional<Use> Resolve(uint32_t index, uint16_t tag, int64_t now_ns);
  // All that were used since `used_since_s` and are stale or unresolved, each at most once per
  // kProbeIntervalNs.
  void FindDue(uint32_t used_since_s, int64_t now_ns, std::vector<Use>* due);

  // Whether a next hop became usable, or got another MAC, since this was last called.
  bool TakeChanged();
  // See Resolver::UsableChanges(). Any thread.
  const std::atomic<uint64_t>& usable_changes() const { return usable_changes_; }
  bool empty() const { return by_key_.empty(); }

  static constexpr int64_t kProbeIntervalNs = 5'000'000'000;

 private:
  struct Key {
    uint16_t port;
    uint8_t static_bits;  // 1 + the length of a static prefix; 0: a neighbour of the kernel's
    IpAddress address;

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.port, k.static_bits, k.address);
    }
  };
  struct Neighbour {
    uint16_t state = 0;  // NUD_…
    rte_ether_addr mac{};
    uint64_t dump = 0;  // the last one that mentioned it
  };
  struct Port {
    bool exists = false;
    bool no_arp = false;
    uint16_t vlan = 0;
    rte_ether_addr mac{};
  };
  struct Slot {
    Key key{};
    uint32_t references = 0;
    bool stale = false;     // usable, but to be confirmed
    int64_t probed_ns = 0;  // when the kernel was last asked; 0: not in this resolution
    rte_ether_addr source{};
    rte_ether_addr destination{};
  };

  std::optional<uint32_t> Slotted(const Key& key);
  // Brings a slot in line with its port and neighbour.
  void Refresh(uint32_t index);
  void Publish(uint32_t index, const rte_ether_addr& source, const rte_ether_addr& destination);
  void Withdraw(uint32_t index);

  NextHopTable table_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  std::vector<Port> ports_;
  absl::flat_hash_map<Key, uint32_t> by_key_;
  absl::flat_hash_map<Key, Neighbour> kernel_;
  uint64_t dump_ = 0;
  bool changed_ = false;
  std::atomic<uint64_t> usable_changes_{0};
};

}  // namespace groupcast
