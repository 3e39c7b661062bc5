// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/datapath/header_line.h"
#include "engine/datapath/packet_head.h"

namespace groupcast {

// Copies `len` bytes and returns their folded sum, as if they started at an even place. May write
// kPrivateSlack bytes more, and reads none more.
inline uint16_t CopyAndSum(uint8_t* to, const void* from, size_t len) {
  if (len < sizeof(uint64_t) || len > kPrivateSlack) {
    std::memcpy(to, from, len);
    return SumBytes(to, len);
  }
  // In two words, of which the second has what the first has not.
  uint64_t first, last;
  std::memcpy(&first, from, sizeof(first));
  std::memcpy(&last, static_cast<const uint8_t*>(from) + len - sizeof(last), sizeof(last));
  const size_t twice = kPrivateSlack - len;  // bytes that are in both
  last = twice < sizeof(last) ? last >> (8 * twice) : 0;
  std::memcpy(to, &first, sizeof(first));
  std::memcpy(to + sizeof(first), &last, sizeof(last));
  const uint64_t halves = (first & UINT32_MAX) + (first >> 32) + (last & UINT32_MAX) + (last >> 32);
  return FoldSum(
      static_cast<uint32_t>((halves & 0xffff) + (halves >> 16 & 0xffff) + (halves >> 32)));
}

// One recipient's private bytes, copied behind `bytes` + `offset`, which have room for
// kPrivateSlack more. `payload_len`: between them.
inline PrivatePart PutPrivate(const iovec& prepend, const iovec& append, size_t payload_len,
                              uint8_t* bytes, uint32_t offset) {
  PrivatePart part{offset, static_cast<uint16_t>(prepend.iov_len),
                   static_cast<uint16_t>(append.iov_len), 0};
  uint8_t* at = bytes + offset;
  if (prepend.iov_len > 0) {
    part.sum = CopyAndSum(at, prepend.iov_base, prepend.iov_len);
    at += prepend.iov_len;
  }
  if (append.iov_len > 0) {
    const uint16_t sum = CopyAndSum(at, append.iov_base, append.iov_len);
    part.sum = FoldSum(uint32_t{part.sum} + SumAt(sum, prepend.iov_len + payload_len));
  }
  return part;
}

}  // namespace groupcast
