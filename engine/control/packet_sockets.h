// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <set>

#include "engine/datapath/port.h"

namespace groupcast {

// net_af_packet's own sockets. The driver hides them, but a port needs them: their send buffer must
// hold the whole ring, or the tail of a groupcast stays in it until later traffic (DESIGN 2.4).

// The AF_PACKET sockets of this process now; taken before a port is probed.
std::set<int> PacketSockets();

// Of the sockets that are new since `before`, those bound to `interface`: raises their send buffers
// to `ring_bytes`, and keeps incoming frames out of their receive rings.
absl::StatusOr<KickSockets> AdoptPacketSockets(const std::set<int>& before, uint32_t interface,
                                               uint64_t ring_bytes);

}  // namespace groupcast
