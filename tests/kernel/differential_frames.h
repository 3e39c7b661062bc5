// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {

// One datagram as it came: a frame, or all its fragments in their order.
struct Packet {
  int interface;
  std::vector<std::string> frames;
};

// What of flow labels, which are a secret hash, is compared.
enum class Labels {
  kNothing,
  kPresence,
  kRange  // whether there is one, and its highest bit: net.ipv6.flowlabel_state_ranges
};

// What frames are compared as: without the IP id (and the checksum over it, which is verified), the
// IPv6 fragment id, and which flow label it is.
std::string Comparable(const std::string& frame, Labels labels);
bool HasLabel(const std::string& frame);

// Datagrams by their UDP source port.
using Packets = std::map<uint16_t, std::vector<Packet>>;

// All UDP over IP that arrives at a namespace's interfaces, or at one of them.
class FrameCapture {
 public:
  FrameCapture(const NetworkNamespace& where, const std::string& device = {});

  // Takes what is there, in the order of arrival.
  void Take(Packets* packets);
  // Frames that found no room since the last call.
  unsigned Lost();

  uint64_t frames = 0;         // taken
  uint64_t bad_checksums = 0;  // of IP headers
  uint64_t strays = 0;         // fragments without a first one

 private:
  void Take(const char* bytes, size_t length, int interface, Packets* packets);

  static constexpr size_t kAtOnce = 64, kFrameBytes = 65536 + 64;
  Socket sd_{-1};
  std::vector<char> room_;
  std::array<iovec, kAtOnce> parts_;
  // The datagram whose fragments have this interface, addresses and id: its port and place there.
  std::map<std::string, std::pair<uint16_t, size_t>> fragmented_;
};

// "sendmsg: … sendgroup: …", both in hexadecimal, with the first place where they differ.
std::string Difference(const Packet* kernel, const Packet* ours, Labels labels);

}  // namespace groupcast
