// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/datapath/header_line.h"
#include "engine/datapath/packet_head.h"
#include "engine/datapath/prefetch.h"
#include "engine/datapath/request.h"

namespace groupcast {

// Copies `len` bytes and returns their folded sum, as if they started at an even place. May write
// kPrivateSlack bytes more, and reads none more.
inline uint16_t CopyAndSum(uint8_t* to, const void* from, size_t len) {
  if (len < sizeof(uint64_t) || len > kPrivateSlack) {
    std::memcpy(to, from, len);
    // Not of the copy, which is still on its way to a line that another core had last.
    return SumBytes(from, len);
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

// All recipients' private bytes of a request that is being made, in their order.
class PrivateParts {
 public:
  PrivateParts(Request* request, size_t payload_len)
      : payload_len_(payload_len),
        sums_(request->own_sums),
        parts_(request->own_privates),
        bytes_(request->own_private_bytes) {
    for (size_t at = 0; at < kAhead; at += 64) PrefetchToWrite(bytes_ + at);
  }

  uint16_t count() const { return n_; }
  uint32_t len() const { return len_; }  // bytes so far

  // The next one's.
  void Put(const iovec& prepend, const iovec& append) {
    const PrivatePart part = PutPrivate(prepend, append, payload_len_, bytes_, len_);
    // Compared as one number that is never in memory as two: that would wait for both stores.
    const uint64_t lens = prepend.iov_len << 16 | append.iov_len;
    if (n_ == 0) lens_ = lens;
    if (likely(lens == lens_ && !mixed_)) {
      sums_[n_] = part.sum;
    } else {
      BeMixed();
      parts_[n_] = part;
    }
    n_++;
    const uint32_t own_len = uint32_t{part.prepend_len} + part.append_len;
    PrefetchToWrite(bytes_ + len_ + kAhead);
    for (uint32_t at = 64; unlikely(at < own_len); at += 64) {
      PrefetchToWrite(bytes_ + len_ + kAhead + at);
    }
    len_ += own_len;
  }

  void Finish(Request* request) const {
    if (mixed_) {
      request->privates = parts_;
    } else {
      request->prepend_len = PrependLen();
      request->append_len = AppendLen();
    }
  }

 private:
  // From here on each one has its own lengths.
  void BeMixed() {
    const uint32_t each = uint32_t{PrependLen()} + AppendLen();
    for (uint16_t i = 0; i < n_ && !mixed_; i++) {
      parts_[i] = {i * each, PrependLen(), AppendLen(), sums_[i]};
    }
    mixed_ = true;
  }
  uint16_t PrependLen() const { return static_cast<uint16_t>(lens_ >> 16); }
  uint16_t AppendLen() const { return static_cast<uint16_t>(lens_); }

  static constexpr size_t kAhead = 512;  // bytes, of some recipients
  const size_t payload_len_;
  uint16_t* const sums_;
  PrivatePart* const parts_;
  uint8_t* const bytes_;
  uint32_t len_ = 0;
  uint16_t n_ = 0;
  bool mixed_ = false;
  uint64_t lens_ = 0;  // of the first one's
};

}  // namespace groupcast
