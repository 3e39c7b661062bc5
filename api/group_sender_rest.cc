// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// GroupSender's members that do not go by their lines.
#include <algorithm>
#include <cerrno>

#include "api/caller_buffer.h"
#include "api/group_sender.h"
#include "api/line_member.h"
#include "api/plain_members.h"

namespace groupcast {
namespace {

constexpr size_t kRestBatch = 256;

}  // namespace

void GroupSender::ToRest(Run run) {
  for (uint16_t i = run.from; i < run.to; i++) rest_.push_back({run.chunk, i, false, 0, 0, 0});
}

void GroupSender::ToRest(const LineChunk& chunk, uint16_t place, const iovec& prepend,
                         const iovec& append) {
  Rest rest{&chunk, place, true, rest_bytes_.size(), prepend.iov_len, append.iov_len};
  // What the kernel would refuse for its length, or have no base for, is not copied.
  if (!HasBase(prepend) || !HasBase(append)) {
    Fail(RecipientOf(chunk, place), EFAULT);
    return;
  }
  if (prepend.iov_len > kLongestPayload || append.iov_len > kLongestPayload) {
    Fail(RecipientOf(chunk, place), EMSGSIZE);
    return;
  }
  rest_bytes_.append(static_cast<const char*>(prepend.iov_base), prepend.iov_len);
  rest_bytes_.append(static_cast<const char*>(append.iov_base), append.iov_len);
  rest_.push_back(rest);
}

// The private bytes of those that were not asked for theirs yet.
void GroupSender::AskRest() {
  CancellationEnds();
  std::vector<Rest> members;
  members.swap(rest_);
  for (const Rest& member : members) {
    if (member.asked) {
      rest_.push_back(member);
      continue;
    }
    PrivateBytes bytes;
    if (!PrivateOf(*member.chunk, member.place, &bytes)) continue;
    ToRest(*member.chunk, member.place, bytes.prepend, bytes.append);
  }
}

void GroupSender::SendRest() {
  if (rest_.empty()) return;
  CancellationEnds();
  std::string whole;
  iovec shared{};
  const std::span<const PayloadSegment> segments = body_.segments();
  if (segments.size() == 1) {
    shared = {const_cast<uint8_t*>(segments[0].data), segments[0].len};
  } else if (segments.size() > 1) {
    for (const PayloadSegment& segment : segments) {
      whole.append(reinterpret_cast<const char*>(segment.data), segment.len);
    }
    shared = {whole.data(), whole.size()};
  }
  for (size_t i = 0; i < rest_.size(); i += kRestBatch) {
    SendSome(std::span(rest_).subspan(i, std::min(kRestBatch, rest_.size() - i)), shared);
  }
}

void GroupSender::SendSome(std::span<const Rest> rest, const iovec& shared) {
  const size_t n = rest.size();
  PlainMembers members(group_.sd(), group_.six(), n);
  for (const Rest& one : rest) {
    char* bytes = rest_bytes_.data() + one.offset;
    members.Add(RecipientOf(*one.chunk, one.place), {bytes, one.prepend_len},
                {bytes + one.prepend_len, one.append_len});
  }
  std::vector<int> errors(n);
  if (async_ != nullptr) {
    // What the engine took in another call would complete unseen.
    CountHere(Counter::kKernelRoute, n);
    members.SendByKernelNow(shared, options_.hop_limit, errors.data());
  } else {
    members.Send(shared, options_.hop_limit, nonblocking_ ? MSG_DONTWAIT : 0, call_, errors.data());
  }
  for (size_t i = 0; i < n; i++) {
    // The plain call has counted it.
    if (errors[i] != 0) NoteFailure(RecipientOf(*rest[i].chunk, rest[i].place), errors[i]);
  }
}

}  // namespace groupcast
