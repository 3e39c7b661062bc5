// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <string>

namespace groupcast {

// Reads the ring that a vhost-user peer transmits on, beside the driver.
class DescriptorsSeen {
 public:
  DescriptorsSeen(std::string socket_path, uint16_t queue)
      : socket_path_(std::move(socket_path)), vring_(static_cast<uint16_t>(queue * 2 + 1)) {}

  // In how many descriptors the next packet comes, those of an indirect table counted one by one;
  // 0 if there is none.
  unsigned Next();

 private:
  std::string socket_path_;
  uint16_t vring_;
};

}  // namespace groupcast
