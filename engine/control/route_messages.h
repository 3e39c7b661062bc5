// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <linux/netlink.h>
#include <rte_byteorder.h>
#include <rte_ether.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/control/resolver.h"

namespace groupcast {

// rtnetlink's messages, as far as the resolver needs them: built from and parsed into plain values.
// Pure functions.

// Room that one question or request needs at most, netlink header included.
inline constexpr size_t kRouteMessageBytes = 128;

// What the kernel says to one route question.
struct RouteAnswer {
  bool answered = false;
  int error = 0;     // errno; what is below then says nothing
  uint8_t type = 0;  // RTN_UNICAST, RTN_LOCAL, …
  uint32_t interface = 0;
  rte_be32_t gateway = 0;         // 0: on-link
  rte_be32_t source = 0;          // that the kernel would choose; 0: the one that was asked with
  bool foreign_next_hop = false;  // RTA_VIA: a next hop of another family
  bool encapsulated = false;      // RTA_ENCAP
  uint32_t mtu = 0;               // 0: the interface's
  bool mtu_locked = false;
  bool hop_limit = false;              // the route has a TTL of its own
  std::optional<uint32_t> expires_ms;  // of a path MTU exception
};

struct LinkMessage {
  bool gone = false;
  uint32_t interface = 0;
  bool up = false;
  bool running = false;
  bool no_arp = false;
  uint32_t mtu = 0;
  rte_ether_addr mac{};
};

struct NeighbourMessage {
  bool gone = false;
  uint32_t interface = 0;
  rte_be32_t address = 0;
  uint16_t state = 0;  // NUD_…
  rte_ether_addr mac{};
};

// RTM_GETROUTE for `destination`, as a socket of `profile` would be routed. `room` has
// kRouteMessageBytes.
nlmsghdr* PutRouteQuestion(void* room, uint32_t sequence, const RouteProfile& profile,
                           const Destination& destination);
// RTM_NEWNEIGH with NTF_USE: resolve, or confirm if stale.
nlmsghdr* PutNeighbourUse(void* room, uint32_t interface, rte_be32_t address);
nlmsghdr* PutLinkQuestion(void* room, uint32_t sequence, uint32_t interface);
nlmsghdr* PutLinkDump(void* room);
nlmsghdr* PutNeighbourDump(void* room);

RouteAnswer ParseRouteAnswer(const nlmsghdr* message);
// Empty for messages of another kind or family.
std::optional<LinkMessage> ParseLink(const nlmsghdr* message);
std::optional<NeighbourMessage> ParseNeighbour(const nlmsghdr* message);

}  // namespace groupcast
