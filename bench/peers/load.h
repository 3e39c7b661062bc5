// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tools/recipients.h"

namespace groupcast {

// What every peer sends: to each recipient its own private bytes, and behind them the payload that
// is the same for all. The bytes are a test stream's, as groupcast-sink verifies it.
class Load {
 public:
  Load(std::vector<Recipient> recipients, size_t payload_bytes, size_t prepend_bytes);

  // Those of groupcast `sequence`, in place of the last one's.
  void Write(uint64_t sequence);

  size_t recipients() const { return addresses_.size(); }
  sockaddr_in* address(size_t recipient) { return &addresses_[recipient]; }
  std::span<uint8_t> payload() { return payload_; }
  std::span<uint8_t> prepend(size_t recipient) {
    return std::span(private_bytes_).subspan(recipient * prepend_bytes_, prepend_bytes_);
  }
  size_t prepend_bytes() const { return prepend_bytes_; }
  size_t datagram_bytes() const { return prepend_bytes_ + payload_.size(); }

 private:
  std::vector<Recipient> recipients_;
  size_t prepend_bytes_;
  std::vector<sockaddr_in> addresses_;
  std::vector<uint8_t> payload_;
  std::vector<uint8_t> private_bytes_;  // one recipient's behind the other's
};

}  // namespace groupcast
