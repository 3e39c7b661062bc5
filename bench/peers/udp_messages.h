// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/socket.h>

#include <vector>

#include "absl/status/statusor.h"
#include "bench/peers/load.h"
#include "tools/file_descriptor.h"

namespace groupcast {

// A bound UDP socket, and one message for each recipient: two parts, private bytes and payload.
class UdpMessages {
 public:
  static absl::StatusOr<UdpMessages> Create(Load* load);

  int sd() const { return socket_.get(); }
  size_t size() const { return messages_.size(); }
  mmsghdr* message(size_t recipient) { return &messages_[recipient]; }

 private:
  UdpMessages(FileDescriptor socket, Load* load);

  FileDescriptor socket_;
  std::vector<iovec> parts_;  // two for each recipient
  std::vector<mmsghdr> messages_;
};

}  // namespace groupcast
