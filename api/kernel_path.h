// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "api/caller_buffer.h"

namespace groupcast {

// Sends one groupcast, or the recipients of it that `indices` names, by sendmmsg() on `sd`, on the
// calling thread. Writes each recipient's errno to `gerrno` unless that is null. Returns how many
// were sent. Blocks as sendmsg() on `sd` would; goes on after a signal.
size_t SendByKernel(int sd, const CallerBuffer& buf, size_t recnum, int flags, int* gerrno);
size_t SendByKernel(int sd, const CallerBuffer& buf, std::span<const uint32_t> indices, int flags,
                    int* gerrno);

}  // namespace groupcast
