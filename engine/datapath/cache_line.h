// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace groupcast {

// Memory for what wants to begin with a cache line, by the line.
struct alignas(64) CacheLine {
  uint8_t bytes[64];
};
using CacheLines = std::unique_ptr<CacheLine[]>;

inline constexpr size_t LinesFor(size_t bytes) {
  return (bytes + sizeof(CacheLine) - 1) / sizeof(CacheLine);
}

}  // namespace groupcast
