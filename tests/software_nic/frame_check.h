// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace groupcast {

// Of all that one recipient received, in its order: another order is another hash.
struct Received {
  uint64_t datagrams = 0;
  uint64_t hash = 14695981039346656037U;

  void Add(std::string_view payload);
  bool operator==(const Received&) const = default;
};

std::string TextOf(int family, const void* address);

// Address as text and UDP port.
using FrameDestination = std::pair<std::string, uint16_t>;

struct CheckedFrame {
  FrameDestination to;
  uint16_t vlan;             // 0: untagged
  std::string_view payload;  // in the frame
};

// Looks at every header of a whole frame and at its checksums. Returns what is wrong; null if
// nothing is.
const char* CheckFrame(std::string_view frame, CheckedFrame* checked);

// What a consumer has received so far.
struct Account {
  uint64_t frames = 0;
  uint64_t bad = 0;  // of them
  std::string first_bad;
  std::map<FrameDestination, Received> recipients;
  std::map<unsigned, uint64_t> vlans;        // good frames by their tag, 0: untagged
  std::map<unsigned, uint64_t> descriptors;  // frames by how many descriptors each came in

  void Add(std::string_view frame);
};

}  // namespace groupcast
