// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>

#include "api/groupcast/sendgroup.h"

namespace groupcast {

inline bool HasBase(const iovec& part) { return part.iov_len == 0 || part.iov_base != nullptr; }

// A caller's giobuf or giobuf6: the shared payload, and recipients that differ by the size of their
// address only. Refers to the caller's memory.
class CallerBuffer {
 public:
  explicit CallerBuffer(const giobuf* buf)
      : shared_(buf == nullptr ? nullptr : &buf->shared),
        recipient_size_(sizeof(giovec)),
        address_len_(sizeof(sockaddr_in)) {}
  explicit CallerBuffer(const giobuf6* buf)
      : shared_(buf == nullptr ? nullptr : &buf->shared),
        recipient_size_(sizeof(giovec6)),
        address_len_(sizeof(sockaddr_in6)) {}

  // The most of time to live or hop limit that a datagram may leave with; 0: as the socket says.
  void SetHopLimit(uint8_t most) { hop_limit_ = most; }
  uint8_t hop_limit() const { return hop_limit_; }

  // By the kernel nothing is waited for, whatever the call's flags say.
  void SetNoWaitInKernel() { kernel_flags_ = MSG_DONTWAIT; }
  int kernel_flags() const { return kernel_flags_; }

  // Then nothing else may be asked.
  bool IsNull() const { return shared_ == nullptr; }
  const iovec& shared() const { return *shared_; }

  // A sockaddr_in or a sockaddr_in6, by the caller's choice of structure; its sa_family is the
  // caller's, too, and may be anything.
  const sockaddr* Address(size_t index) const {
    return reinterpret_cast<const sockaddr*>(Recipient(index));
  }
  socklen_t address_len() const { return address_len_; }
  const iovec& Prepend(size_t index) const { return *Private(index); }
  const iovec& Append(size_t index) const { return *(Private(index) + 1); }

 private:
  static_assert(offsetof(giobuf, recinfo) == sizeof(iovec));
  static_assert(offsetof(giobuf6, recinfo) == sizeof(iovec));
  static_assert(offsetof(giovec, giov_prepend) == sizeof(giovec) - 2 * sizeof(iovec));
  static_assert(offsetof(giovec6, giov_prepend) == sizeof(giovec6) - 2 * sizeof(iovec));
  static_assert(offsetof(giovec, giov_append) == sizeof(giovec) - sizeof(iovec));
  static_assert(offsetof(giovec6, giov_append) == sizeof(giovec6) - sizeof(iovec));

  const char* Recipient(size_t index) const {
    return reinterpret_cast<const char*>(shared_ + 1) + index * recipient_size_;
  }
  const iovec* Private(size_t index) const {
    return reinterpret_cast<const iovec*>(Recipient(index + 1)) - 2;
  }

  const iovec* shared_;
  size_t recipient_size_;
  socklen_t address_len_;
  uint8_t hop_limit_ = 0;
  int kernel_flags_ = 0;
};

}  // namespace groupcast
