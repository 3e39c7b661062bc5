// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_byteorder.h>
#include <rte_ether.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

namespace groupcast {

// The Ethernet part and the state of each next hop.
//
// A header line names its next hop by index and tag, so a gateway's new MAC is one store here and
// reaches every recipient behind it with the next packet. A slot that is given to another next hop
// gets another tag: a line that still names the old one is then refused (EHOSTUNREACH), never sent
// to a stranger.
struct alignas(64) NextHop {
  // 6 bytes of destination MAC as on the wire, then the tag: one word, so it cannot tear.
  // resolver: w; lcore, callers: r
  std::atomic<uint64_t> destination_and_tag{0};
  // 6 bytes of source MAC as on the wire, then the EtherType, or a tag's TPID. control: w; lcore: r
  std::atomic<uint64_t> source_and_type{0};
  // As on the wire, a tag's TCI and the EtherType behind it; 0: no tag. control: w; lcore: r
  std::atomic<uint32_t> vlan_and_type{0};
  // Whether the Ethernet part may be used. control: w; callers: r
  std::atomic<bool> usable{false};
  // When a caller last resolved a recipient behind it (CLOCK_MONOTONIC_COARSE, seconds).
  // callers: w; control: r
  std::atomic<uint32_t> used_s{0};
  // When a caller first met it unresolved since it last was usable (CLOCK_MONOTONIC, ns); 0: not
  // met. callers: first one sets; control: clears when it becomes usable
  std::atomic<int64_t> unresolved_since_ns{0};

  uint16_t Tag() const {
    return static_cast<uint16_t>(destination_and_tag.load(std::memory_order_relaxed) >> 48);
  }

  // Under the resolver's mutex. `vlan`: 802.1Q TCI written into the frame; 0: none.
  void SetEthernet(const rte_ether_addr& source, const rte_ether_addr& destination,
                   rte_be16_t ether_type, uint16_t tag, uint16_t vlan = 0) {
    uint64_t to = 0, from = 0;
    std::memcpy(&to, destination.addr_bytes, RTE_ETHER_ADDR_LEN);
    std::memcpy(&from, source.addr_bytes, RTE_ETHER_ADDR_LEN);
    const rte_be16_t first_type = vlan != 0 ? RTE_BE16(RTE_ETHER_TYPE_VLAN) : ether_type;
    source_and_type.store(from | uint64_t{first_type} << 48, std::memory_order_relaxed);
    vlan_and_type.store(vlan != 0 ? rte_cpu_to_be_16(vlan) | uint32_t{ether_type} << 16 : 0,
                        std::memory_order_relaxed);
    destination_and_tag.store(to | uint64_t{tag} << 48, std::memory_order_release);
  }
};

class NextHopTable {
 public:
  explicit NextHopTable(uint32_t size) : size_(size), hops_(new NextHop[size]) {}

  uint32_t size() const { return size_; }
  NextHop& operator[](uint32_t index) { return hops_[index]; }
  const NextHop& operator[](uint32_t index) const { return hops_[index]; }

 private:
  uint32_t size_;
  std::unique_ptr<NextHop[]> hops_;
};

}  // namespace groupcast
