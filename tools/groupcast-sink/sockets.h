// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/file_descriptor.h"
#include "tools/recipients.h"

namespace groupcast {

// A UDP socket bound to `local` (address 0: any). `tell_destination`: with IP_PKTINFO.
absl::StatusOr<FileDescriptor> OpenUdpSocket(const Recipient& local, bool tell_destination,
                                             int receive_buffer_bytes);

// A packet socket that sees what arrives for `recipient`, from the IP header on, without taking it
// from the program that receives it. Fragments are not seen.
absl::StatusOr<FileDescriptor> OpenWatchSocket(const Recipient& recipient,
                                               int receive_buffer_bytes);

// What the kernel dropped at this socket since it was opened.
uint64_t SocketDrops(int fd);

// Makes room for `sockets` descriptors.
absl::Status RaiseOpenFiles(size_t sockets);

// UDP datagrams with a wrong checksum that this network namespace has received.
uint64_t UdpChecksumErrors();

}  // namespace groupcast
