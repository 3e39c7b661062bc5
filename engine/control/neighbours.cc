// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/neighbours.h"

#include <linux/neighbour.h>
#include <rte_byteorder.h>

#include <utility>

namespace groupcast {
namespace {

constexpr uint16_t kUsableStates =
    NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP | NUD_STALE | NUD_DELAY | NUD_PROBE;

rte_be16_t EtherType(const IpAddress& next_hop) {
  return next_hop.IsIpv4() ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

}  // namespace

Neighbours::Neighbours(uint32_t next_hops, size_t ports)
    : table_(next_hops), slots_(next_hops), ports_(ports) {
  free_.reserve(next_hops);
  // The lowest first; tags begin with 1, so that a zeroed line names no next hop.
  for (uint32_t i = next_hops; i > 0; i--) {
    free_.push_back(i - 1);
    table_[i - 1].SetEthernet({}, {}, EtherType({}), 1);
  }
}

void Neighbours::SetPort(uint16_t port, bool exists, const rte_ether_addr& mac, bool no_arp) {
  ports_[port] = {.exists = exists, .no_arp = no_arp, .vlan = ports_[port].vlan, .mac = mac};
  if (!exists)
    absl::erase_if(kernel_, [port](const auto& item) { return item.first.port == port; });
  for (const auto& [key, index] : by_key_) {
    if (key.port == port) Refresh(index);
  }
}

void Neighbours::Update(uint16_t port, const IpAddress& address, uint16_t state,
                        const rte_ether_addr& mac) {
  const Key key{.port = port, .static_bits = 0, .address = address};
  if (state == NUD_NONE) {
    kernel_.erase(key);
  } else {
    kernel_[key] = {.state = state, .mac = mac, .dump = dump_};
  }
  const auto slot = by_key_.find(key);
  if (slot == by_key_.end()) return;
  // The kernel has given up: the next caller starts another resolution.
  if ((state & kUsableStates) == 0) slots_[slot->second].probed_ns = 0;
  Refresh(slot->second);
}

void Neighbours::EndDump() {
  absl::erase_if(kernel_, [this](const auto& item) { return item.second.dump != dump_; });
  for (const auto& [key, index] : by_key_) Refresh(index);
}

std::optional<uint32_t> Neighbours::Acquire(uint16_t port, const IpAddress& address) {
  const std::optional<uint32_t> index =
      Slotted({.port = port, .static_bits = 0, .address = address});
  if (!index) return {};
  if (slots_[*index].references++ == 0) Refresh(*index);
  return index;
}

std::optional<uint32_t> Neighbours::AcquireStatic(uint16_t port, const StaticNextHop& hop) {
  const std::optional<uint32_t> index =
      Slotted({.port = port,
               .static_bits = static_cast<uint8_t>(hop.prefix_length + 1),
               .address = hop.prefix});
  if (!index) return {};
  if (slots_[*index].references++ == 0) Publish(*index, ports_[port].mac, hop.mac);
  return index;
}

std::optional<uint32_t> Neighbours::Slotted(const Key& key) {
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) return known->second;
  if (free_.empty()) return {};
  const uint32_t index = free_.back();
  free_.pop_back();
  slots_[index] = {.key = key};
  table_[index].unresolved_since_ns.store(0, std::memory_order_relaxed);
  by_key_.emplace(key, index);
  return index;
}

void Neighbours::Release(uint32_t index) { slots_[index].references--; }

uint32_t Neighbours::Expire(uint32_t before_s) {
  const size_t free_before = free_.size();
  absl::erase_if(by_key_, [&](const auto& item) {
    const uint32_t index = item.second;
    NextHop& hop = table_[index];
    if (slots_[index].references != 0 || hop.used_s.load(std::memory_order_relaxed) >= before_s) {
      return false;
    }
    Withdraw(index);
    const auto tag = static_cast<uint16_t>(hop.Tag() + 1);
    hop.SetEthernet({}, {}, EtherType({}), tag == 0 ? 1 : tag);
    free_.push_back(index);
    return true;
  });
  return static_cast<uint32_t>(free_.size() - free_before);
}

void Neighbours::Refresh(uint32_t index) {
  Slot& slot = slots_[index];
  const Port& port = ports_[slot.key.port];
  if (slot.key.static_bits != 0) return;
  if (!port.exists) return Withdraw(index);
  const auto known = kernel_.find(slot.key);
  slot.stale = known != kernel_.end() && (known->second.state & NUD_STALE) != 0;
  if (known != kernel_.end() && (known->second.state & kUsableStates) != 0 &&
      !rte_is_zero_ether_addr(&known->second.mac)) {
    Publish(index, port.mac, known->second.mac);
  } else if (port.no_arp) {
    // What the kernel's arp_constructor() and ndisc_constructor() give a neighbour on such an
    // interface.
    Publish(index, port.mac, port.mac);
  } else {
    Withdraw(index);
  }
}

void Neighbours::Publish(uint32_t index, const rte_ether_addr& source,
                         const rte_ether_addr& destination) {
  Slot& slot = slots_[index];
  NextHop& hop = table_[index];
  const bool was_usable = hop.usable.load(std::memory_order_relaxed);
  if (was_usable && rte_is_same_ether_addr(&slot.source, &source) &&
      rte_is_same_ether_addr(&slot.destination, &destination)) {
    return;
  }
  slot.source = source;
  slot.destination = destination;
  hop.SetEthernet(source, destination, EtherType(slot.key.address), hop.Tag(),
                  ports_[slot.key.port].vlan);
  if (!was_usable) {
    slot.probed_ns = 0;
    hop.unresolved_since_ns.store(0, std::memory_order_relaxed);
    hop.usable.store(true, std::memory_order_release);  // publishes the Ethernet part
    usable_changes_.fetch_add(1, std::memory_order_release);
  }
  changed_ = true;
}

void Neighbours::Withdraw(uint32_t index) {
  Slot& slot = slots_[index];
  NextHop& hop = table_[index];
  if (!hop.usable.load(std::memory_order_relaxed)) return;
  slot.stale = false;
  slot.probed_ns = 0;
  // A caller may have set it just when the next hop became usable: this resolution begins anew.
  hop.unresolved_since_ns.store(0, std::memory_order_relaxed);
  hop.usable.store(false, std::memory_order_release);
  usable_changes_.fetch_add(1, std::memory_order_release);
}

std::optional<Neighbours::Use> Neighbours::Resolve(uint32_t index, uint16_t tag, int64_t now_ns) {
  if (index >= slots_.size()) return {};
  Slot& slot = slots_[index];
  const NextHop& hop = table_[index];
  if (hop.Tag() != tag || hop.usable.load(std::memory_order_relaxed) || slot.key.static_bits != 0 ||
      !ports_[slot.key.port].exists) {
    return {};
  }
  if (slot.probed_ns != 0 && now_ns - slot.probed_ns < kProbeIntervalNs) return {};
  slot.probed_ns = now_ns;
  return Use{.port = slot.key.port, .address = slot.key.address};
}

void Neighbours::FindDue(uint32_t used_since_s, int64_t now_ns, std::vector<Use>* due) {
  for (const auto& [key, index] : by_key_) {
    Slot& slot = slots_[index];
    const NextHop& hop = table_[index];
    if (key.static_bits != 0 || !ports_[key.port].exists) continue;
    if (!slot.stale && hop.usable.load(std::memory_order_relaxed)) continue;
    if (hop.used_s.load(std::memory_order_relaxed) < used_since_s) continue;
    if (slot.probed_ns != 0 && now_ns - slot.probed_ns < kProbeIntervalNs) continue;
    slot.probed_ns = now_ns;
    due->push_back({.port = key.port, .address = key.address});
  }
}

bool Neighbours::TakeChanged() { return std::exchange(changed_, false); }

}  // namespace groupcast
