// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include "tools/file_descriptor.h"
#include "tools/groupcastd/config.h"

namespace groupcast {

// What one group receives and sends with.
struct GroupSockets {
  FileDescriptor ingress;
  FileDescriptor own_egress;  // invalid where the group sends from its ingress address
  int receive_buffer_bytes = 0;

  int egress() const { return own_egress.valid() ? own_egress.get() : ingress.get(); }
};

// What the ingress socket asks for.
inline constexpr int kReceiveBufferBytes = 16 << 20;

// Opens and binds both. The message names the place in the file, the address and what to do.
absl::StatusOr<GroupSockets> OpenGroupSockets(const RelayConfig& config, const RelayGroup& group);

// Datagrams that a socket's own buffer lost since it was opened (modulo 2^32).
uint32_t DroppedDatagrams(int socket);

}  // namespace groupcast
