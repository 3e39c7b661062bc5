// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/plain_members.h"

#include "api/caller_buffer.h"
#include "api/kernel_path.h"
#include "api/plain_call.h"

namespace groupcast {
namespace {

// Of either kind, with the payload.
CallerBuffer BufferOf(std::vector<uint64_t>* memory, bool six, const iovec& shared,
                      uint8_t hop_limit) {
  auto* buf6 = reinterpret_cast<giobuf6*>(memory->data());
  buf6->shared = shared;  // at the same place in both
  CallerBuffer buffer =
      six ? CallerBuffer(buf6) : CallerBuffer(reinterpret_cast<giobuf*>(memory->data()));
  buffer.SetHopLimit(hop_limit);
  return buffer;
}

}  // namespace

PlainMembers::PlainMembers(int sd, bool six, size_t most)
    : sd_(sd),
      six_(six),
      memory_((sizeof(giobuf6) + most * sizeof(giovec6)) / sizeof(uint64_t) + 1) {}

void PlainMembers::Add(const Recipient& member, const iovec& prepend, const iovec& append) {
  if (six_) {
    auto* buf = reinterpret_cast<giobuf6*>(memory_.data());
    buf->recinfo[size_] = {member.address(), prepend, append};
  } else {
    auto* buf = reinterpret_cast<giobuf*>(memory_.data());
    buf->recinfo[size_] = {member.ipv4(), prepend, append};
  }
  size_++;
}

size_t PlainMembers::Send(const iovec& shared, uint8_t hop_limit, int flags, uint64_t call,
                          int* errors) {
  return PlainCall(sd_, BufferOf(&memory_, six_, shared, hop_limit), size_, flags, call, errors);
}

size_t PlainMembers::SendWithoutRoom(const iovec& shared, uint8_t hop_limit, int* errors) {
  CallerBuffer buffer = BufferOf(&memory_, six_, shared, hop_limit);
  buffer.SetNoWaitInKernel();
  return PlainCall(sd_, buffer, size_, 0, 0, errors);
}

size_t PlainMembers::SendByKernelNow(const iovec& shared, uint8_t hop_limit, int* errors) {
  return SendByKernel(sd_, BufferOf(&memory_, six_, shared, hop_limit), size_, MSG_DONTWAIT,
                      errors);
}

}  // namespace groupcast
