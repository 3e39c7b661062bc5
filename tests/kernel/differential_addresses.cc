// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_addresses.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>
#include <numeric>
#include <span>

namespace groupcast {
namespace {

constexpr uint32_t kN = kNeighbours, kMany = 1 << 16;
constexpr Answers kSilent = Answers::kNothing;

// What World makes of them is in differential_world.cc.
const AddressClass kIpv4Classes[] = {
    {"on-link, permanent neighbour", 12, "10.0.64.0", kN},
    {"on-link of l1", 8, "10.1.64.0", kN},
    {"on-link of l2", 8, "10.2.64.0", kN, kSilent, true},
    {"on-link, resolved", 12, "10.0.128.0", kN},
    {"on-link of l1, resolved", 8, "10.1.128.0", kN},
    {"behind a gateway", 24, "10.100.0.0", kMany},
    {"behind a gateway of l1", 16, "10.101.0.0", kMany},
    {"behind a gateway of l2", 16, "10.102.0.0", kMany, kSilent, true},
    {"behind a permanent gateway", 8, "10.110.0.0", kMany},
    {"on-link, unanswered", 2, "10.0.32.0", 4, Answers::kNeighbours},
    {"behind an unanswered gateway", 2, "10.120.0.0", 64, Answers::kNeighbours},
    {"out of no port", 3, "10.3.64.0", kN},
    {"behind a gateway out of no port", 3, "10.103.0.0", kMany},
    {"route with an MTU of 1300", 4, "10.130.0.0", kMany},
    {"route with a locked MTU of 1000", 4, "10.131.0.0", kMany},
    {"route with an MTU of 600", 4, "10.132.0.0", kMany, kSilent, true},
    {"on-link route with a locked MTU of 1200", 3, "10.1.70.0", kN},
    {"route with a hop limit", 3, "10.134.0.0", kMany},
    {"route with a source", 5, "10.135.0.0", kMany},
    {"route for a TOS", 5, "10.136.0.0", kMany},
    {"route over two links", 5, "10.137.0.0", kMany},
    {"route by a policy", 10, "10.138.0.0", kMany},
    {"blackhole", 2, "10.201.0.0", kMany},
    {"unreachable", 2, "10.202.0.0", kMany},
    {"prohibit", 2, "10.203.0.0", kMany},
    {"throw", 2, "10.204.0.0", kMany},
    {"no route but a default one", 4, "192.0.2.0", 256},
    {"class E", 1, "240.0.0.1", 16},
    {"loopback", 1, "127.0.0.1", kMany, Answers::kErrors},
    {"own address", 1, "10.0.0.1", 1, Answers::kErrors},
    {"own address of l2", 1, "10.2.0.1", 1, Answers::kErrors},
    {"this host", 1, "0.0.0.0", 1, Answers::kErrors},
    {"this network", 1, "0.1.2.0", 8},
    {"limited broadcast", 2, "255.255.255.255", 1},
    {"broadcast", 2, "10.0.255.255", 1},
    {"broadcast of l1", 1, "10.1.255.255", 1},
    {"broadcast out of no port", 1, "10.3.255.255", 1},
    {"address of the network", 1, "10.0.0.0", 1, Answers::kNeighbours},
    {"multicast with a route", 2, "239.1.2.0", 8},
    {"multicast on the link", 1, "224.0.0.5", 2},
    {"multicast", 1, "233.5.5.0", 8},
};

const AddressClass kIpv6Classes[] = {
    {"on-link, permanent neighbour", 12, "fd00::2:0", kN},
    {"on-link of l1", 8, "fd00:1::2:0", kN},
    {"on-link of l2", 8, "fd00:2::2:0", kN, kSilent, true},
    {"on-link, resolved", 12, "fd00::1:0", kN},
    {"on-link of l1, resolved", 8, "fd00:1::1:0", kN},
    {"behind a gateway", 24, "fd01::", kMany},
    {"behind a gateway of l1", 16, "fd01:1::", kMany},
    {"behind a gateway of l2", 16, "fd01:2::", kMany, kSilent, true},
    {"behind a permanent gateway", 8, "fd02::", kMany},
    {"behind a link-local gateway", 8, "fd03::", kMany},
    {"link-local", 8, "fe80::2:0", kN, kSilent, false, "l0"},
    {"link-local of l1", 6, "fe80::2:0", kN, kSilent, false, "l1"},
    {"link-local of l2", 6, "fe80::2:0", kN, kSilent, true, "l2"},
    {"link-local, resolved", 4, "fe80::fe", 1, kSilent, false, "l1"},
    {"link-local out of no port", 2, "fe80::2:0", kN, kSilent, false, "l3"},
    {"link-local without a scope", 2, "fe80::2:0", kN, kSilent, true},
    {"link-local of an unknown scope", 1, "fe80::2:0", kN, kSilent, true, "none"},
    {"on-link with a scope", 3, "fd00::2:0", kN, kSilent, false, "l0"},
    {"on-link with another's scope", 2, "fd00::2:0", kN, kSilent, false, "l1"},
    {"on-link, unanswered", 2, "fd00::3:0", 4, Answers::kNeighbours},
    {"behind an unanswered gateway", 2, "fd04::", 64, Answers::kNeighbours},
    {"out of no port", 3, "fd00:3::2:0", kN},
    {"behind a gateway out of no port", 3, "fd01:3::", kMany},
    {"route with an MTU of 1300", 4, "fd10::", kMany},
    {"route with a locked MTU of 1280", 4, "fd11::", kMany},
    {"route with an MTU of 1400", 4, "fd12::", kMany, kSilent, true},
    {"on-link route with an MTU of 1290", 3, "fd13::", kN},
    {"route with a hop limit", 3, "fd14::", kMany},
    {"route with a source", 5, "fd15::", kMany},
    {"route over two links", 5, "fd17::", kMany},
    {"route by a policy", 10, "fd18::", kMany},
    {"blackhole", 2, "fd21::", kMany},
    {"unreachable", 2, "fd22::", kMany},
    {"prohibit", 2, "fd23::", kMany},
    {"throw", 2, "fd24::", kMany},
    {"no route but a default one", 4, "2001:db8::", 256},
    {"loopback", 1, "::1", 1, Answers::kErrors},
    {"own address", 1, "fd00::1", 1, Answers::kErrors},
    {"own address of l2", 1, "fd00:2::1", 1, Answers::kErrors},
    {"own link-local address", 1, "fe80::1", 1, Answers::kErrors, false, "l0"},
    {"this host", 1, "::", 1, Answers::kErrors},
    {"IPv4-compatible", 1, "::10.100.0.1", 8},
    {"multicast on the link", 2, "ff02::1:5", 8, kSilent, false, "l0"},
    {"multicast on the link of l1", 2, "ff02::1:5", 8, kSilent, false, "l1"},
    {"multicast without a scope", 2, "ff05::1:5", 8, kSilent, true},
    {"global multicast", 1, "ff0e::1:5", 8, kSilent, true},
};

std::span<const AddressClass> Classes(int family) {
  if (family == AF_INET6) return kIpv6Classes;
  return kIpv4Classes;
}

}  // namespace

Address Address::Plus(uint32_t offset, uint16_t udp_port) const {
  Address sum = *this;
  if (!IsSix()) {
    sum.four()->sin_addr.s_addr = htonl(ntohl(sum.four()->sin_addr.s_addr) + offset);
  } else {
    uint32_t& last = sum.six()->sin6_addr.s6_addr32[3];
    last = htonl(ntohl(last) + offset);
  }
  // In the same place for both families.
  sum.four()->sin_port = htons(udp_port);
  return sum;
}

Address Address::Mapped() const {
  if (IsSix()) return *this;
  Address from = *this, mapped = MakeAddress("::ffff:0:0");
  mapped.six()->sin6_addr.s6_addr32[3] = from.four()->sin_addr.s_addr;
  mapped.six()->sin6_port = from.four()->sin_port;
  return mapped;
}

Address MakeAddress(const std::string& text, uint16_t udp_port, uint32_t scope) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), &address.four()->sin_addr) == 1) {
    address.bytes.ss_family = AF_INET;
    address.length = sizeof(sockaddr_in);
  } else {
    address = {};
    inet_pton(AF_INET6, text.c_str(), &address.six()->sin6_addr);
    address.bytes.ss_family = AF_INET6;
    address.six()->sin6_scope_id = scope;
    address.length = sizeof(sockaddr_in6);
  }
  address.four()->sin_port = htons(udp_port);
  return address;
}

std::string Show(const Address& address) {
  Address shown = address;
  char text[INET6_ADDRSTRLEN] = "?";
  std::string all;
  if (address.IsSix()) {
    inet_ntop(AF_INET6, &shown.six()->sin6_addr, text, sizeof(text));
    all = "[" + std::string(text) + "]";
    if (shown.six()->sin6_scope_id != 0) all += "%" + std::to_string(shown.six()->sin6_scope_id);
    if (shown.six()->sin6_flowinfo != 0) {
      all += " flowinfo " + std::to_string(ntohl(shown.six()->sin6_flowinfo));
    }
  } else {
    inet_ntop(AF_INET, &shown.four()->sin_addr, text, sizeof(text));
    all = text;
  }
  all += ":" + std::to_string(ntohs(shown.four()->sin_port));
  if (shown.bytes.ss_family != (address.IsSix() ? AF_INET6 : AF_INET)) {
    all += " family " + std::to_string(shown.bytes.ss_family);
  }
  return all;
}

const AddressClass& RandomClass(Random* random, int family) {
  const std::span<const AddressClass> classes = Classes(family);
  const unsigned total =
      std::accumulate(classes.begin(), classes.end(), 0u,
                      [](unsigned sum, const AddressClass& one) { return sum + one.weight; });
  unsigned place = random->Below(total);
  for (const AddressClass& one : classes) {
    if (place < one.weight) return one;
    place -= one.weight;
  }
  return classes.front();
}

Address RandomAddress(Random* random, const AddressClass& kind, uint16_t udp_port) {
  constexpr uint32_t kUnknownScope = 9999;
  uint32_t scope = 0;
  if (kind.scope != nullptr) scope = if_nametoindex(kind.scope);
  if (kind.scope != nullptr && scope == 0) scope = kUnknownScope;
  return MakeAddress(kind.first, 0, scope).Plus(random->Below(kind.count), udp_port);
}

}  // namespace groupcast
