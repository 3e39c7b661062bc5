// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/datapath/arena.h"
#include "engine/datapath/request.h"

namespace groupcast {

// What a request has room for.
struct RequestShape {
  uint16_t nb_recipients;
  bool own_lines;  // with lines and indices; else they are a registered group's
  bool privates;   // sums or PrivateParts, and `private_len` bytes
  size_t private_len;
  bool one_length = false;  // everybody's private bytes: without PrivateParts
};

// Asks for what the next request in the arena is likely to be written to, which lcores had last.
// The arena's owner only.
void PrefetchNextRequest(const Arena& arena);

// Bytes of a request of this shape without its private bytes.
size_t RequestLen(const RequestShape& shape);

// A request in the arena with its arrays in place and zero errors, for StartRequest(); null for no
// room. The arena's owner only.
Request* AllocateRequest(Arena* arena, const RequestShape& shape, bool caller_waits);

}  // namespace groupcast
