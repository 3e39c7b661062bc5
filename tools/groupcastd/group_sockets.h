// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <string>
#include <vector>

#include "tools/file_descriptor.h"
#include "tools/groupcastd/config.h"

namespace groupcast {

// What one group receives and sends with.
struct GroupSockets {
  std::vector<FileDescriptor> ingresses;  // in the order of the configuration
  FileDescriptor own_egress;              // invalid where the group sends from an ingress address
  int shared_egress = -1;                 // the socket of that ingress, or -1
  int receive_buffer_bytes = 0;           // of each ingress

  int egress() const { return own_egress.valid() ? own_egress.get() : shared_egress; }
};

// What an ingress socket asks for.
inline constexpr int kReceiveBufferBytes = 16 << 20;
// What the socket that a group sends from asks for.
inline constexpr int kSendBufferBytes = 16 << 20;

// Opens, binds and joins. An error is a line for `errors` that names the place in the file, the
// address and what to do; then fewer ingresses are open than the group has, or no egress.
void OpenIngresses(const RelayConfig& config, const RelayGroup& group, GroupSockets* sockets,
                   std::vector<std::string>* errors);
void OpenEgress(const RelayConfig& config, const RelayGroup& group, GroupSockets* sockets,
                std::vector<std::string>* errors);

}  // namespace groupcast
