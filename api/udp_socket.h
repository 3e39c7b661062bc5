// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <span>

#include "engine/control/engine.h"
#include "engine/control/resolver.h"
#include "engine/datapath/header_line.h"

namespace groupcast {

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
  int mtu_discover = 0;         // IP_PMTUDISC_*
  int64_t send_timeout_ns = 0;  // SO_SNDTIMEO; 0: none
  uint64_t send_buffer = 0;     // SO_SNDBUF, bytes
  Ipv4Sender sender{};          // source may be 0: chosen by the route
  uint32_t profile = 0;         // Resolver::Intern()
};

// The state of `sd` as this thread last read it: at most 10 ms old, and from after the last
// groupcast_refresh(). Returns null with errno EBADF, ENOTSOCK, or EOPNOTSUPP (not a UDP socket).
UdpSocket* ReadSocket(int sd, Engine* engine);

// Only that check, for calls that go by the kernel anyway. 0 or an errno.
int CheckUdpSocket(int sd);

// SO_SNDTIMEO; 0: none.
int64_t SendTimeoutNs(int sd);

// All threads read their sockets again.
void RefreshSockets();

// Whether an error is pending on `sd` (ICMP answers on a connected socket, or with IP_RECVERR).
bool ErrorPending(int sd);

}  // namespace groupcast
