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

// Of the packet sockets that are new since `before` (OpenDescriptors() before the port was probed),
// those bound to `interface`: raises their send buffers to `ring_bytes`, keeps incoming frames out
// of their receive rings, and has them closed on exec().
absl::StatusOr<KickSockets> AdoptPacketSockets(const std::set<int>& before, uint32_t interface,
                                               uint64_t ring_bytes);

}  // namespace groupcast
