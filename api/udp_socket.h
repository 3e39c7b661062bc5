// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <span>

#include "engine/control/engine.h"
#include "engine/control/resolver.h"
#include "engine/datapath/ip_address.h"

namespace groupcast {

// Which flow labels IPv6 datagrams get.
enum class FlowLabels : uint8_t {
  kNone,
  kAutomatic,
  kAutomaticStateless,  // net.ipv6.flowlabel_state_ranges: with the highest bit set
};

// What was read of a caller's UDP socket: what its own sendmsg() would use.
struct UdpSocket {
  uint64_t cookie = 0;
  int64_t read_ns = 0;     // CLOCK_MONOTONIC
  uint32_t refreshes = 0;  // groupcast_refresh() calls seen
  uint32_t engine = 0;     // Engine::instance() for which `profile` was interned
  // The engine can't send for it as the kernel would: every recipient goes by the kernel.
  bool kernel_only = false;
  bool nonblocking = false;
  // An error may be pending that the kernel would report on the next send.
  bool watch_errors = false;
  // This thread began a datagram with MSG_MORE: the next send belongs to it.
  bool corked = false;
  bool six = false;  // AF_INET6: takes addresses of both families
  // Which destinations, mapped ones being IPv4, the engine may send to.
  bool ipv4 = false;
  bool ipv6 = false;
  int64_t send_timeout_ns = 0;  // SO_SNDTIMEO; 0: none
  uint64_t send_buffer = 0;     // SO_SNDBUF, bytes
  RouteProfile route;
  uint32_t profile = 0;  // Resolver::Intern(route)
  IpAddress source;      // unspecified: chosen by the route
  rte_be16_t source_port = 0;
  // To IPv4 destinations.
  int mtu_discover = 0;  // IP_PMTUDISC_*
  uint8_t ttl = 0;
  uint8_t tos = 0;
  // To IPv6 destinations.
  int mtu_discover6 = 0;  // IPV6_PMTUDISC_*
  uint8_t hop_limit = 0;
  bool own_hop_limit = false;  // it was set for certain, and is not the default of some route
  uint8_t traffic_class = 0;
  bool flow_information = false;  // IPV6_FLOWINFO_SEND: sin6_flowinfo counts
  FlowLabels flow_labels = FlowLabels::kNone;
};

// The address of a sockaddr_in, else of a sockaddr_in6.
IpAddress AddressOf(const sockaddr* address);
// An option of type int; `absent` where it can't be read.
int SocketOption(int sd, int level, int name, int absent = 0);

// The flow label of all datagrams of one flow, in host byte order.
uint32_t FlowLabel(FlowLabels kind, const IpAddress& source, rte_be16_t source_port,
                   const IpAddress& destination, rte_be16_t udp_port);

// The state of `sd` as this thread last read it: at most 10 ms old, and from after the last
// groupcast_refresh(). Returns null with errno EBADF, ENOTSOCK, or EOPNOTSUPP (not a UDP socket).
UdpSocket* ReadSocket(int sd, RunningEngine* engine);

// Only that check, for calls that go by the kernel anyway. 0 or an errno.
int CheckUdpSocket(int sd);

// SO_SNDTIMEO; 0: none.
int64_t SendTimeoutNs(int sd);

// All threads read their sockets again.
void RefreshSockets();

// Whether an error is pending on `sd` (ICMP answers on a connected socket, or with IP_RECVERR).
bool ErrorPending(int sd);

}  // namespace groupcast
