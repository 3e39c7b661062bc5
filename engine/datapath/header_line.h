// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/datapath/ip_address.h"
#include "engine/datapath/next_hops.h"

namespace groupcast {

// One resolved recipient: its IP and UDP headers ready to copy. The Ethernet part is in
// NextHopTable. Lengths, IP id and checksums are completed per packet.
struct alignas(64) HeaderLine {
  // IP, then UDP. IPv4's header checksum field holds the folded sum of the header's constant words
  // (length and id zero); UDP's checksum field is unused.
  uint8_t headers[48];
  // Folded one's-complement sum of what is constant: pseudo header without length, ports.
  uint16_t udp_sum;
  uint16_t next_hop_tag;
  uint32_t next_hop;
  // Callers only.
  uint32_t scope;     // interface of an IPv6 link-local destination
  uint16_t path_mtu;  // bytes of IP packet
  uint16_t flags;     // of a registered group
};
static_assert(sizeof(HeaderLine) == 64, "a recipient is one cache line");
static_assert(sizeof(rte_ipv6_hdr) + sizeof(rte_udp_hdr) == sizeof(HeaderLine::headers));

// Where a recipient's private bytes are: prepend, then append.
struct PrivatePart {
  uint32_t offset;  // into the request's private bytes
  uint16_t prepend_len;
  uint16_t append_len;
  uint16_t sum;  // folded, of both at their places in the datagram
};

inline constexpr uint16_t kIpv4Headers = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
inline constexpr uint16_t kIpv6Headers = sizeof(rte_ipv6_hdr) + sizeof(rte_udp_hdr);
inline constexpr uint16_t kEthernetHeader = sizeof(rte_ether_hdr);
inline constexpr uint16_t kVlanTag = sizeof(rte_vlan_hdr);

inline bool IsIpv6(const HeaderLine& line) { return line.headers[0] >> 4 == 6; }
inline uint16_t IpUdpLen(const HeaderLine& line) {
  return IsIpv6(line) ? kIpv6Headers : kIpv4Headers;
}

// Whether both leave through the same next hop, by the same protocol, IPv4 with the same type of
// service and don't-fragment.
inline bool LeaveAlike(const HeaderLine& one, const HeaderLine& other) {
  uint64_t first, others_first;
  std::memcpy(&first, one.headers, sizeof(first));
  std::memcpy(&others_first, other.headers, sizeof(others_first));
  return one.next_hop == other.next_hop && one.next_hop_tag == other.next_hop_tag &&
         (first == others_first || (IsIpv6(one) && IsIpv6(other)));
}

// Whether all lines do.
inline bool LeaveAlike(const HeaderLine* lines, size_t n) {
  size_t i = 1;
  while (i < n && LeaveAlike(lines[0], lines[i])) i++;
  return i >= n;
}

inline IpAddress DestinationOf(const HeaderLine& line) {
  IpAddress address;
  if (IsIpv6(line)) {
    const auto* ip = reinterpret_cast<const rte_ipv6_hdr*>(line.headers);
    std::memcpy(address.bytes.data(), ip->dst_addr, sizeof(ip->dst_addr));
    return address;
  }
  return IpAddress::FromIpv4(reinterpret_cast<const rte_ipv4_hdr*>(line.headers)->dst_addr);
}
inline rte_be16_t UdpPortOf(const HeaderLine& line) {
  const uint8_t* udp = line.headers + IpUdpLen(line) - sizeof(rte_udp_hdr);
  return reinterpret_cast<const rte_udp_hdr*>(udp)->dst_port;
}

// What a socket gives every one of its IPv4 datagrams.
struct Ipv4Sender {
  rte_be32_t source;
  rte_be16_t source_port;
  uint8_t ttl;
  uint8_t tos;
  bool dont_fragment;
};

// The same of its IPv6 datagrams.
struct Ipv6Sender {
  IpAddress source;
  rte_be16_t source_port;
  uint8_t hop_limit;
  uint8_t traffic_class;
  uint32_t flow_label;  // 20 bits, host order
};

// Both halves added, and the carry of that.
inline uint16_t FoldSum(uint32_t sum) {
  return static_cast<uint16_t>((sum + (sum << 16 | sum >> 16)) >> 16);
}

// A sum of bytes that start at an odd place counts with its bytes swapped (RFC 1071, 2(B)).
inline uint16_t SumAt(uint16_t sum, size_t offset) {
  return (offset & 1) != 0 ? static_cast<uint16_t>(sum << 8 | sum >> 8) : sum;
}

// Folded one's-complement sum of `len` bytes, as if they started at an even place.
uint16_t SumBytes(const void* bytes, size_t len);

// The headers and sums of one recipient's line.
void WriteIpv4Line(const Ipv4Sender& sender, rte_be32_t destination, rte_be16_t udp_port,
                   HeaderLine* line);
void WriteIpv6Line(const Ipv6Sender& sender, const IpAddress& destination, rte_be16_t udp_port,
                   HeaderLine* line);

}  // namespace groupcast
