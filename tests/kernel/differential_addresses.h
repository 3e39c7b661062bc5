// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/kernel/differential_random.h"

namespace groupcast {

// An address of either family, as a call takes it.
struct Address {
  sockaddr_storage bytes = {};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  sockaddr_in* four() { return reinterpret_cast<sockaddr_in*>(&bytes); }
  sockaddr_in6* six() { return reinterpret_cast<sockaddr_in6*>(&bytes); }
  // The structure has this family's size; what sa_family says may be anything.
  bool IsSix() const { return length == sizeof(sockaddr_in6); }

  // The address that many after this one.
  Address Plus(uint32_t offset, uint16_t udp_port) const;
  // ::ffff:a.b.c.d of an IPv4 address; an IPv6 one as it is.
  Address Mapped() const;
};

// Of a text as in "10.0.0.1" or "fe80::1".
Address MakeAddress(const std::string& text, uint16_t udp_port = 0, uint32_t scope = 0);
// "10.0.0.1:5004".
std::string Show(const Address& address);

// What comes back from addresses of a kind.
enum class Answers {
  kNothing,    // datagrams vanish at the receiving host
  kErrors,     // ICMP errors: not for sockets that would hear of them
  kNeighbours  // not even a neighbour: the datagrams wait, and the socket's memory with them
};

// Addresses of one kind: `count` of them from `first` on.
struct AddressClass {
  const char* name;
  unsigned weight;  // how often it is met
  const char* first;
  uint32_t count;
  Answers answers = Answers::kNothing;
  bool link_2 = false;          // may leave by l2
  const char* scope = nullptr;  // name of a link, for sin6_scope_id
};

// One of `family` by their weights.
const AddressClass& RandomClass(Random* random, int family);
Address RandomAddress(Random* random, const AddressClass& kind, uint16_t udp_port);

// There are eight of each kind of neighbour on each link: the kernel collects its neighbours'
// garbage from 128 on.
inline constexpr uint32_t kNeighbours = 8;

}  // namespace groupcast
