// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>

#include "api/udp_socket.h"
#include "engine/control/resolver.h"
#include "engine/datapath/header_line.h"

namespace groupcast {

// What a socket's options make of a route to a recipient.

// Whether the socket's datagrams to `to` have the hop limit that the kernel would give them:
// whether a socket has one of its own can't be told, and on some routes it makes a difference.
bool KnowsHopLimit(const UdpSocket& socket, const Destination& to, const Route& route);

// The longest IP packet, in bytes, that the kernel would neither fragment nor refuse.
uint32_t MtuOf(const UdpSocket& socket, const Destination& to, const Route& route);

// The line of a datagram from `socket` by this route, which is the engine's.
void WriteLine(const UdpSocket& socket, const Destination& to, const Route& route,
               HeaderLine* line);

// A line that says who the recipient is, and no more.
void WriteAddressOnly(const Destination& to, HeaderLine* line);

}  // namespace groupcast
