// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/route_table.h"

#include <absl/strings/str_cat.h>
#include <rte_errno.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "engine/control/clock.h"
#include "engine/datapath/hand_over.h"

namespace groupcast {
namespace {

// Keys that were removed keep their place until the grace period is over.
constexpr uint32_t kRetiredKeys = 1024;
constexpr size_t kLookupBulk = RTE_HASH_LOOKUP_BULK_MAX;

std::atomic<uint32_t> tables_created{0};

void MarkUsed(std::atomic<uint32_t>& used_s, uint32_t now_s) {
  // A store only once a second, so that the line stays shared among the readers.
  if (used_s.load(std::memory_order_relaxed) != now_s) {
    used_s.store(now_s, std::memory_order_relaxed);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RouteTable>> RouteTable::Create(uint32_t size, uint32_t readers) {
  const std::string name = absl::StrCat("gc-routes-", tables_created.fetch_add(1));
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = size + kRetiredKeys;
  parameters.key_len = sizeof(RouteKey);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = SOCKET_ID_ANY;
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
  rte_hash* hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    return absl::ErrnoToStatus(
        rte_errno, absl::StrCat("resolver: routes: no table of ", size,
                                " entries can be made; use a smaller number or more memory"));
  }
  const size_t rcu_bytes = RTE_ALIGN_CEIL(rte_rcu_qsbr_get_memsize(readers), RTE_CACHE_LINE_SIZE);
  auto* rcu = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, rcu_bytes));
  std::unique_ptr<RouteTable> table(new RouteTable(size, hash, rcu));
  if (rcu == nullptr || rte_rcu_qsbr_init(rcu, readers) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("resolver: no RCU state for ", readers, " readers can be made"));
  }
  for (uint32_t reader = 0; reader < readers; reader++) rte_rcu_qsbr_thread_register(rcu, reader);
  return table;
}

RouteTable::~RouteTable() {
  for (const Retired& retired : retired_) delete retired.entry;
  for (RouteEntry* entry : entries_) delete entry;
}

void RouteTable::Lookup(uint32_t profile, std::span<const Destination> destinations,
                        NextHopTable& next_hops, const Route** routes) const {
  const uint32_t now_s = CoarseSeconds();
  std::array<RouteKey, kLookupBulk> keys;
  std::array<const void*, kLookupBulk> key_pointers;
  std::array<void*, kLookupBulk> found;
  uint32_t last_next_hop = next_hops.size();
  while (!destinations.empty()) {
    const size_t n = std::min(destinations.size(), kLookupBulk);
    for (size_t i = 0; i < n; i++) {
      keys[i].Set(destinations[i], profile);
      key_pointers[i] = &keys[i];
    }
    uint64_t hits = 0;
    rte_hash_lookup_bulk_data(hash_.get(), key_pointers.data(), static_cast<uint32_t>(n), &hits,
                              found.data());
    TakeOver(hash_.get());
    for (size_t i = 0; i < n; i++) {
      if (hits & (uint64_t{1} << i)) rte_prefetch0(found[i]);
    }
    for (size_t i = 0; i < n; i++) {
      if (!(hits & (uint64_t{1} << i))) {
        routes[i] = nullptr;
        continue;
      }
      const auto* entry = static_cast<const RouteEntry*>(found[i]);
      routes[i] = &entry->route;
      MarkUsed(entry->used_s, now_s);
      if (entry->route.path == Route::Path::kEngine && entry->route.next_hop != last_next_hop) {
        last_next_hop = entry->route.next_hop;
        MarkUsed(next_hops[last_next_hop].used_s, now_s);
      }
    }
    destinations = destinations.subspan(n);
    routes += n;
  }
}

const RouteEntry* RouteTable::Find(const RouteKey& key) const {
  void* found = nullptr;
  if (rte_hash_lookup_data(hash_.get(), &key, &found) < 0) return nullptr;
  return static_cast<const RouteEntry*>(found);
}

RouteTable::Outcome RouteTable::Put(const RouteKey& key, const Route& route) {
  const RouteEntry* old = Find(key);
  if (old == nullptr && entries_.size() >= size_) return Outcome::kFull;
  auto* entry = new RouteEntry{.route = route, .key = key};
  const uint32_t used_s =
      old != nullptr ? old->used_s.load(std::memory_order_relaxed) : CoarseSeconds();
  entry->used_s.store(used_s, std::memory_order_relaxed);
  entry->place = old != nullptr ? old->place : static_cast<uint32_t>(entries_.size());
  HandOver(hash_.get());
  if (rte_hash_add_key_data(hash_.get(), &key, entry) != 0) {
    delete entry;
    return Outcome::kFull;
  }
  if (old == nullptr) {
    entries_.push_back(entry);
    return Outcome::kAdded;
  }
  RouteEntry* replaced = entries_[entry->place];
  entries_[entry->place] = entry;
  Retire(replaced, -1);
  return Outcome::kReplaced;
}

void RouteTable::Remove(const RouteEntry& entry) {
  const int32_t key_position = rte_hash_del_key(hash_.get(), &entry.key);
  RouteEntry* removed = entries_[entry.place];
  RouteEntry* last = entries_.back();
  last->place = removed->place;
  entries_[last->place] = last;
  entries_.pop_back();
  Retire(removed, key_position);
}

void RouteTable::Retire(RouteEntry* entry, int32_t key_position) {
  retired_.push_back({rte_rcu_qsbr_start(rcu_.get()), entry, key_position});
}

void RouteTable::Reclaim() {
  while (!retired_.empty()) {
    const Retired& oldest = retired_.front();
    if (rte_rcu_qsbr_check(rcu_.get(), oldest.token, /*wait=*/false) != 1) return;
    if (oldest.key_position >= 0) {
      rte_hash_free_key_with_position(hash_.get(), oldest.key_position);
    }
    delete oldest.entry;
    retired_.pop_front();
  }
}

}  // namespace groupcast
