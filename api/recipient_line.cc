// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/recipient_line.h"

#include <netinet/in.h>

namespace groupcast {

bool KnowsHopLimit(const UdpSocket& socket, const Destination& to, const Route& route) {
  return to.address.IsIpv4() || socket.own_hop_limit || route.hop_limit == 0 ||
         route.hop_limit == socket.hop_limit;
}

uint32_t MtuOf(const UdpSocket& socket, const Destination& to, const Route& route) {
  static_assert(IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE);
  const int discover = to.address.IsIpv4() ? socket.mtu_discover : socket.mtu_discover6;
  return discover >= IP_PMTUDISC_PROBE ? route.device_mtu : route.path_mtu;
}

void WriteLine(const UdpSocket& socket, const Destination& to, const Route& route,
               HeaderLine* line) {
  const IpAddress& source = socket.source.IsUnspecified() ? route.source : socket.source;
  if (to.address.IsIpv4()) {
    const bool dont_fragment = socket.mtu_discover == IP_PMTUDISC_DO ||
                               socket.mtu_discover == IP_PMTUDISC_PROBE ||
                               (socket.mtu_discover == IP_PMTUDISC_WANT && !route.mtu_locked);
    WriteIpv4Line({.source = source.Ipv4(),
                   .source_port = socket.source_port,
                   .ttl = socket.ttl,
                   .tos = socket.tos,
                   .dont_fragment = dont_fragment},
                  to.address.Ipv4(), to.udp_port, line);
  } else {
    WriteIpv6Line({.source = source,
                   .source_port = socket.source_port,
                   .hop_limit = socket.hop_limit,
                   .traffic_class = socket.traffic_class,
                   .flow_label = FlowLabel(socket.flow_labels, source, socket.source_port,
                                           to.address, to.udp_port)},
                  to.address, to.udp_port, line);
  }
  line->next_hop = route.next_hop;
  line->next_hop_tag = route.next_hop_tag;
  line->scope = to.scope;
  line->path_mtu = static_cast<uint16_t>(MtuOf(socket, to, route));
}

void WriteAddressOnly(const Destination& to, HeaderLine* line) {
  if (to.address.IsIpv4()) {
    WriteIpv4Line({}, to.address.Ipv4(), to.udp_port, line);
  } else {
    WriteIpv6Line({}, to.address, to.udp_port, line);
  }
  line->scope = to.scope;
}

}  // namespace groupcast
