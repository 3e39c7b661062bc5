// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace groupcast {

// An address of either family, as on the wire. An IPv4 address is held as an IPv4-mapped one
// (RFC 4291, section 2.5.5.2), which is also how dual-stack sockets name it.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  static IpAddress FromIpv4(rte_be32_t address) {
    IpAddress made;
    made.bytes[10] = made.bytes[11] = 0xff;
    std::memcpy(made.bytes.data() + 12, &address, sizeof(address));
    return made;
  }
  static IpAddress FromIpv6(const in6_addr& address) {
    IpAddress made;
    std::memcpy(made.bytes.data(), &address, sizeof(address));
    return made;
  }

  bool IsIpv4() const {
    static constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0;
  }
  // Of an IPv4 address only.
  rte_be32_t Ipv4() const {
    rte_be32_t address;
    std::memcpy(&address, bytes.data() + 12, sizeof(address));
    return address;
  }
  in6_addr Ipv6() const {
    in6_addr address;
    std::memcpy(&address, bytes.data(), sizeof(address));
    return address;
  }
  // :: or 0.0.0.0.
  bool IsUnspecified() const { return *this == IpAddress{} || *this == FromIpv4(0); }
  // fe80::/10.
  bool IsLinkLocal() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.bytes);
  }
};

}  // namespace groupcast
