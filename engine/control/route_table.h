// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_hash.h>
#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "engine/control/resolver.h"

namespace groupcast {

// What one answer is for. Compared and hashed as words.
struct alignas(8) RouteKey {
  IpAddress address = {};
  uint32_t scope = 0;
  rte_be16_t udp_port = 0;
  uint16_t zero = 0;
  uint32_t profile = 0;
  uint32_t more_zero = 0;  // DPDK compares keys of 32 bytes at once

  static RouteKey For(const Destination& destination, uint32_t profile) {
    RouteKey key;
    key.Set(destination, profile);
    return key;
  }
  // In place: a copy at once would wait for the stores it is made of.
  void Set(const Destination& destination, uint32_t of_profile) {
    address = destination.address;
    scope = destination.scope;
    udp_port = destination.udp_port;
    profile = of_profile;
  }
  Destination destination() const {
    return {.address = address, .scope = scope, .udp_port = udp_port};
  }
};
static_assert(sizeof(RouteKey) == 32 && std::has_unique_object_representations_v<RouteKey>);

// One published answer. Readers touch its first cache line only, and of it write `used_s` only.
struct alignas(64) RouteEntry {
  Route route;
  // When it was last looked up (CLOCK_MONOTONIC_COARSE, seconds). readers: w; writer: r
  mutable std::atomic<uint32_t> used_s{0};
  uint32_t place = 0;  // in RouteTable's list. writer: rw
  RouteKey key;
};
static_assert(sizeof(RouteEntry) == 128 && sizeof(Route) + sizeof(uint32_t) <= 64,
              "a look-up is meant to touch one line per answer");

// {destination, profile} -> answer. Readers look up under RCU; the methods of the writer need a
// mutex around them. What is replaced or removed is freed after a grace period, which nobody waits
// for: Reclaim() looks whether it is over.
class RouteTable {
 public:
  enum class Outcome { kAdded, kReplaced, kFull };

  static absl::StatusOr<std::unique_ptr<RouteTable>> Create(uint32_t size, uint32_t readers);
  ~RouteTable();  // no reader may be online
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  void Online(uint32_t reader) { rte_rcu_qsbr_thread_online(rcu_.get(), reader); }
  void Offline(uint32_t reader) { rte_rcu_qsbr_thread_offline(rcu_.get(), reader); }

  // Reader: see Resolver::Lookup().
  void Lookup(uint32_t profile, std::span<const Destination> destinations, NextHopTable& next_hops,
              const Route** routes) const;

  // Writer from here on.
  const RouteEntry* Find(const RouteKey& key) const;
  // Publishes `route` for `key`, in the place of what was there.
  Outcome Put(const RouteKey& key, const Route& route);
  void Remove(const RouteEntry& entry);
  // Frees what was replaced or removed and can have no reader any more.
  void Reclaim();

  uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  // Entries in no order. Remove() moves the last one into the gap, so whoever removes while walking
  // walks from the end.
  const RouteEntry& at(uint32_t place) const { return *entries_[place]; }

 private:
  struct FreeHash {
    void operator()(rte_hash* hash) const { rte_hash_free(hash); }
  };
  struct FreeRcu {
    void operator()(rte_rcu_qsbr* rcu) const { std::free(rcu); }
  };
  // What waits for its grace period.
  struct Retired {
    uint64_t token;
    RouteEntry* entry;
    int32_t key_position;  // in the hash; -1: the key stays in use
  };

  RouteTable(uint32_t size, rte_hash* hash, rte_rcu_qsbr* rcu)
      : size_(size), hash_(hash), rcu_(rcu) {}
  void Retire(RouteEntry* entry, int32_t key_position);

  uint32_t size_;
  std::unique_ptr<rte_hash, FreeHash> hash_;
  std::unique_ptr<rte_rcu_qsbr, FreeRcu> rcu_;
  std::vector<RouteEntry*> entries_;
  std::deque<Retired> retired_;
};

}  // namespace groupcast
