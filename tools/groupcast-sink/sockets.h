// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/recipients.h"

namespace groupcast {

// A descriptor that is closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();

  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A UDP socket bound to `local` (address 0: any). `tell_destination`: with IP_PKTINFO.
absl::StatusOr<Descriptor> OpenUdpSocket(const Recipient& local, bool tell_destination,
                                         int receive_buffer_bytes);

// A packet socket that sees what arrives for `recipient`, from the IP header on, without taking it
// from the program that receives it. Fragments are not seen.
absl::StatusOr<Descriptor> OpenWatchSocket(const Recipient& recipient, int receive_buffer_bytes);

// What the kernel dropped at this socket since it was opened.
uint64_t SocketDrops(int fd);

// Makes room for `sockets` descriptors.
absl::Status RaiseOpenFiles(size_t sockets);

// UDP datagrams with a wrong checksum that this network namespace has received.
uint64_t UdpChecksumErrors();

}  // namespace groupcast
