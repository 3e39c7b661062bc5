// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace groupcast {

// An address of either family, as on the wire. An IPv4 address is held as an IPv4-mapped one
// (RFC 4291, section 2.5.5.2), which is also how dual-stack sockets name it.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  // Written and compared by words of eight bytes, in registers: an address is made and looked at
  // again for each recipient, and smaller stores would not be forwarded to those loads.
  static IpAddress FromIpv4(rte_be32_t address) {
    return FromWords(0, std::bit_cast<uint64_t>(std::array<rte_be32_t, 2>{kMapped, address}));
  }
  static IpAddress FromIpv6(const in6_addr& address) {
    IpAddress made;
    std::memcpy(made.bytes.data(), &address, sizeof(address));
    return made;
  }

  bool IsIpv4() const {
    return Word(0) == 0 && std::bit_cast<std::array<rte_be32_t, 2>>(Word(1))[0] == kMapped;
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
  bool IsUnspecified() const {
    return Word(0) == 0 && (Word(1) == 0 || Word(1) == FromIpv4(0).Word(1));
  }
  // 224.0.0.0/4 or ff00::/8.
  bool IsMulticast() const { return IsIpv4() ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff; }
  // fe80::/10.
  bool IsLinkLocal() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.Word(0) == b.Word(0) && a.Word(1) == b.Word(1);
  }
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.bytes);
  }

 private:
  static constexpr rte_be32_t kMapped = RTE_BE32(0xffff);

  static IpAddress FromWords(uint64_t first, uint64_t second) {
    IpAddress made;
    std::memcpy(made.bytes.data(), &first, sizeof(first));
    std::memcpy(made.bytes.data() + sizeof(first), &second, sizeof(second));
    return made;
  }
  uint64_t Word(size_t index) const {
    uint64_t word;
    std::memcpy(&word, bytes.data() + index * sizeof(word), sizeof(word));
    return word;
  }
};

}  // namespace groupcast
