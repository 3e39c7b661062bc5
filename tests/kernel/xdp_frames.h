// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Frames for tests of our XDP program.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/datapath/ingress.h"

namespace groupcast {

using Bytes = std::vector<uint8_t>;

inline constexpr uint8_t kAddress[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 99, 0, 1};
inline constexpr uint8_t kAddress6[16] = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
inline constexpr uint16_t kUdpPort = 5004;
inline constexpr size_t kIp = 14;  // where it begins

inline IngressClaim::Key Key(const uint8_t (&address)[16], uint16_t udp_port = kUdpPort) {
  IngressClaim::Key key;
  std::memcpy(key.address.bytes.data(), address, sizeof(address));
  key.udp_port = htons(udp_port);
  return key;
}

inline void Put16(Bytes* frame, size_t at, uint16_t value) {
  (*frame)[at] = static_cast<uint8_t>(value >> 8);
  (*frame)[at + 1] = static_cast<uint8_t>(value);
}

inline void PutUdp(Bytes* frame, size_t at, uint16_t udp_port, size_t payload) {
  Put16(frame, at, 4000);
  Put16(frame, at + 2, udp_port);
  Put16(frame, at + 4, static_cast<uint16_t>(payload + 8));
}

// A datagram to kAddress. `options` are bytes of the IP header behind its first 20.
inline Bytes Ipv4(size_t payload, size_t options = 0, uint16_t udp_port = kUdpPort) {
  Bytes frame(kIp + 20 + options + 8 + payload);
  frame[0] = 2;
  Put16(&frame, 12, 0x0800);
  frame[kIp] = static_cast<uint8_t>(0x45 + options / 4);
  Put16(&frame, kIp + 2, static_cast<uint16_t>(frame.size() - kIp));
  frame[kIp + 9] = IPPROTO_UDP;
  std::memcpy(&frame[kIp + 16], kAddress + 12, 4);
  PutUdp(&frame, kIp + 20 + options, udp_port, payload);
  return frame;
}

// One to kAddress6. `fragment`: with a fragment header of this offset field.
inline Bytes Ipv6(size_t payload, int fragment = -1) {
  const size_t extension = fragment < 0 ? 0 : 8;
  Bytes frame(kIp + 40 + extension + 8 + payload);
  Put16(&frame, 12, 0x86dd);
  frame[kIp] = 0x60;
  Put16(&frame, kIp + 4, static_cast<uint16_t>(frame.size() - kIp - 40));
  frame[kIp + 6] = IPPROTO_UDP;
  std::memcpy(&frame[kIp + 24], kAddress6, 16);
  if (fragment >= 0) {
    frame[kIp + 6] = IPPROTO_FRAGMENT;
    frame[kIp + 40] = IPPROTO_UDP;
    Put16(&frame, kIp + 42, static_cast<uint16_t>(fragment));
  }
  PutUdp(&frame, kIp + 40 + extension, kUdpPort, payload);
  return frame;
}

}  // namespace groupcast
