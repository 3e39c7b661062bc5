// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>

#include <cstring>

#include "api/groupcast/recipient.h"
#include "engine/datapath/line_chunk.h"

namespace groupcast {

// The member of a line.
inline Recipient RecipientOf(const LineChunk& chunk, uint16_t place) {
  const HeaderLine& line = chunk.lines[place];
  if (!IsIpv6(line)) {
    const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(line.headers);
    const auto* udp = reinterpret_cast<const rte_udp_hdr*>(ip + 1);
    return Recipient(sockaddr_in{AF_INET, udp->dst_port, {ip->dst_addr}, {}}, chunk.tags[place]);
  }
  const auto* ip = reinterpret_cast<const rte_ipv6_hdr*>(line.headers);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = UdpPortOf(line);
  std::memcpy(&address.sin6_addr, ip->dst_addr, sizeof(address.sin6_addr));
  address.sin6_scope_id = line.scope;
  return Recipient(address, chunk.tags[place]);
}

}  // namespace groupcast
