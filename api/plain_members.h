// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "api/groupcast/recipient.h"

namespace groupcast {

// Members of a group that get a datagram as sendgroup() would send it.
class PlainMembers {
 public:
  // `six`: `sd` is an AF_INET6 socket. At most `most` members.
  PlainMembers(int sd, bool six, size_t most);

  // The iovecs' memory is borrowed.
  void Add(const Recipient& member, const iovec& prepend, const iovec& append);
  size_t size() const { return size_; }

  // One errno per member, 0 where sent, in the order of Add(). `hop_limit`: see
  // SendOptions::hop_limit. `call`: see PlainCall(). Returns how many were sent.
  size_t Send(const iovec& shared, uint8_t hop_limit, int flags, uint64_t call, int* errors);
  // The same, but those that go by the kernel do not wait for room in the socket, which is held by
  // what waits for next hops that do not answer.
  size_t SendWithoutRoom(const iovec& shared, uint8_t hop_limit, int* errors);
  // By the kernel, without waiting.
  size_t SendByKernelNow(const iovec& shared, uint8_t hop_limit, int* errors);

 private:
  int sd_;
  bool six_;
  size_t size_ = 0;
  std::vector<uint64_t> memory_;  // a giobuf or a giobuf6
};

}  // namespace groupcast
