// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "api/groupcast/group.h"
#include "api/private_part.h"

namespace groupcast {

inline iovec PiecesOf(const uint8_t* bytes, size_t len) {
  // Nobody writes to an iovec's bytes here.
  return {const_cast<uint8_t*>(bytes), len};
}

// The private bytes of whom has this tag. False: there are none.
inline bool RowOf(const PrivateTable& table, uint64_t tag, PrivateBytes* bytes) {
  if (tag >= table.rows) return false;
  const uint8_t* row = nullptr;
  if (table.base != nullptr) row = static_cast<const uint8_t*>(table.base) + tag * table.stride;
  bytes->prepend = PiecesOf(row, table.prepend_len);
  bytes->append = PiecesOf(row == nullptr ? nullptr : row + table.prepend_len, table.append_len);
  return true;
}

// One's complement, so that what is above the upper half comes in again below.
inline uint16_t FoldWords(uint64_t first, uint64_t second) {
  uint64_t sum = first + second;
  sum += sum < second;
  const auto half = static_cast<uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return static_cast<uint16_t>((half + std::rotl(half, 16)) >> 16);
}

// Rows of some members of a request that is being made, one behind the other. They have a base, and
// one length of at most UINT16_MAX.
class PrivateRows {
 public:
  PrivateRows(const PrivateTable& table, size_t payload_len, Request* request)
      : base_(static_cast<const uint8_t*>(table.base)),
        rows_(table.rows),
        stride_(table.stride),
        prepend_len_(table.prepend_len),
        append_len_(table.append_len),
        payload_len_(payload_len),
        sums_(request->own_sums),
        bytes_(request->own_private_bytes) {}

  // Up to the first tag that has no row; how many are before it.
  uint16_t Copy(const uint64_t* tags, uint16_t n) const {
    const size_t len = prepend_len_ + append_len_;
    const bool in_words = append_len_ == 0 && len >= sizeof(uint64_t) && len <= kPrivateSlack;
    return in_words ? CopyInWords(tags, n) : CopyAny(tags, n);
  }

 private:
  // In two words, as CopyAndSum() does it, but what is the same for all is done once.
  uint16_t CopyInWords(const uint64_t* tags, uint16_t n) const {
    const size_t len = prepend_len_, to_last = len - sizeof(uint64_t);
    const auto twice = static_cast<unsigned>(8 * (kPrivateSlack - len));  // bits in both words
    uint8_t* to = bytes_;
    for (uint16_t i = 0; i < n; i++, to += len) {
      if (tags[i] >= rows_) return i;
      const uint8_t* row = base_ + tags[i] * stride_;
      uint64_t first, last;
      std::memcpy(&first, row, sizeof(first));
      std::memcpy(&last, row + to_last, sizeof(last));
      // In two steps: all 64 bits are twice if there are 8 bytes.
      last = last >> twice / 2 >> (twice - twice / 2);
      std::memcpy(to, &first, sizeof(first));
      std::memcpy(to + sizeof(first), &last, sizeof(last));
      sums_[i] = FoldWords(first, last);
    }
    return n;
  }

  uint16_t CopyAny(const uint64_t* tags, uint16_t n) const {
    const auto len = static_cast<uint32_t>(prepend_len_ + append_len_);
    for (uint16_t i = 0; i < n; i++) {
      if (tags[i] >= rows_) return i;
      const uint8_t* row = base_ + tags[i] * stride_;
      sums_[i] = PutPrivate(PiecesOf(row, prepend_len_), PiecesOf(row + prepend_len_, append_len_),
                            payload_len_, bytes_, i * len)
                     .sum;
    }
    return n;
  }

  const uint8_t* const base_;
  const size_t rows_;
  const size_t stride_;
  const size_t prepend_len_;
  const size_t append_len_;
  const size_t payload_len_;
  uint16_t* const sums_;
  uint8_t* const bytes_;
};

}  // namespace groupcast
