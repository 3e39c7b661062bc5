// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_byteorder.h>
#include <rte_ether.h>

#include <cstddef>
#include <cstdint>

#include "engine/datapath/ip_address.h"

namespace groupcast {

// What a received frame turned out to be.
enum class FrameKind : uint8_t {
  kDatagram,
  kForeign,      // not UDP, not to this port's MAC or a multicast one, or from this port itself
  kMalformed,    // cut, a fragment, with IP options, or lengths that contradict each other
  kBadChecksum,  // of UDP: the kernel would drop it, too
};

// A whole UDP datagram in a frame.
struct IngressFrame {
  IpAddress source;
  IpAddress destination;
  rte_be16_t source_port;
  rte_be16_t udp_port;
  uint16_t payload_offset;  // in the frame
  uint16_t payload_len;
  uint16_t payload_sum;  // folded
  uint8_t hop_limit;
};

// Reads an untagged Ethernet frame of `len` bytes that came in by the interface with `mac`. The UDP
// checksum is held against the bytes unless `checksum_known`; the sum of a pseudo header alone, as
// the kernel leaves it to a device that then never sees the packet (veth), counts as right.
// `frame` is read only where `len` says there is something.
FrameKind ReadFrame(const uint8_t* frame, size_t len, const rte_ether_addr& mac,
                    bool checksum_known, IngressFrame* out);

}  // namespace groupcast
