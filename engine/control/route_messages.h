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
  IpAddress gateway = {};         // unspecified: on-link
  IpAddress source = {};          // that the kernel would choose; unspecified: none is told
  bool foreign_next_hop = false;  // RTA_VIA: a next hop of another family
  bool encapsulated = false;      // RTA_ENCAP
  uint32_t mtu = 0;               // 0: the interface's
  bool mtu_locked = false;
  uint32_t hop_limit = 0;              // 0: the route has none of its own
  std::optional<uint32_t> expires_ms;  // of a path MTU exception
};

// Of a VLAN interface.
struct VlanTag {
  rte_be16_t protocol;  // EtherType: 802.1Q or 802.1ad
  uint16_t id;
};

struct LinkMessage {
  bool gone = false;
  uint32_t interface = 0;
  bool up = false;
  bool running = false;
  bool no_arp = false;
  uint32_t mtu = 0;
  // What IPv6 makes of it (net.ipv6.conf.X); 0: there is no IPv6 on it.
  uint32_t mtu6 = 0;
  uint8_t hop_limit6 = 0;
  rte_ether_addr mac{};
  uint32_t lower = 0;  // the interface that this one sits on; 0: none of this namespace
  std::optional<VlanTag> vlan = {};
};

struct NeighbourMessage {
  bool gone = false;
  uint32_t interface = 0;
  IpAddress address = {};
  uint16_t state = 0;  // NUD_…
  rte_ether_addr mac{};
};

// The interface that a socket of `profile` asks for; 0: any.
uint32_t AskedInterface(const RouteProfile& profile, const Destination& destination);

// RTM_GETROUTE for `destination`, as a socket of `profile` would be routed; the profile's source is
// of the destination's family, or unspecified. `room` has kRouteMessageBytes.
nlmsghdr* PutRouteQuestion(void* room, uint32_t sequence, const RouteProfile& profile,
                           const Destination& destination);
// RTM_NEWNEIGH with NTF_USE: resolve, or confirm if stale.
nlmsghdr* PutNeighbourUse(void* room, uint32_t interface, const IpAddress& address);
nlmsghdr* PutLinkQuestion(void* room, uint32_t sequence, uint32_t interface);
nlmsghdr* PutLinkDump(void* room);
nlmsghdr* PutNeighbourDump(void* room);  // of both families

RouteAnswer ParseRouteAnswer(const nlmsghdr* message);
// Empty for messages of another kind or family. IPv6's own announcements of a link are not links.
std::optional<LinkMessage> ParseLink(const nlmsghdr* message);
std::optional<NeighbourMessage> ParseNeighbour(const nlmsghdr* message);

}  // namespace groupcast
