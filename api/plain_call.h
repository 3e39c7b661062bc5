// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/caller_buffer.h"

namespace groupcast {

// sendgroup() without its checks of the call: the descriptor is a UDP socket, `buf` is in order.
// Counts recipients by their path, not the call itself. `call`: number of an earlier call of this
// thread that this one belongs to, so that it does not wait for that one's requests; 0: none.
// Returns how many were sent.
size_t PlainCall(int sd, const CallerBuffer& buf, size_t recnum, int flags, uint64_t call,
                 int* gerrno);

}  // namespace groupcast
