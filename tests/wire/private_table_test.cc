// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Private bytes that lie in an array of the application.
#include <rte_ether.h>
#include <rte_ip.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "tests/wire/group_wire.h"

namespace groupcast {
namespace {

constexpr uint32_t kMembers = 700;

class PrivateTableTest : public GroupWireTest {
 protected:
  // Rows of such lengths for the first `rows` tags, `stride` bytes apart.
  SendOptions& UseTable(size_t prepend_len, size_t append_len, size_t stride, size_t rows) {
    bytes_ = Bytes(stride * (rows - 1) + prepend_len + append_len, 77);
    options_.private_table = {bytes_.data(), rows, stride, prepend_len, append_len};
    options_.errors = &errors_;
    errors_.clear();
    return options_;
  }
  std::string Datagram(uint32_t tag, const std::string& payload) const {
    const PrivateTable& table = options_.private_table;
    const size_t at = tag * table.stride;
    return bytes_.substr(at, table.prepend_len) + payload +
           bytes_.substr(at + table.prepend_len, table.append_len);
  }
  void ExpectFrames(size_t count, const std::string& payload) {
    for (rte_mbuf* frame : TakeAll(count)) {
      const std::string got = FrameOf(frame);
      const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(got.data() + sizeof(rte_ether_hdr));
      const uint32_t n = ntohl(ip->dst_addr) - 0x0a010000;
      EXPECT_EQ(got, ExpectedFrame(from(), Member(n).ipv4(), 64, 0, true, 0, Datagram(n, payload)));
      Free(frame);
    }
  }

  std::string bytes_;
  SendOptions options_;
  std::vector<MemberError> errors_;
};

TEST_F(PrivateTableTest, EachMemberHasTheRowOfItsTag) {
  ASSERT_TRUE(group().Add(Members(0, kMembers)).ok());
  struct Lengths {
    size_t prepend, append, stride;
  };
  // Odd ones, both kinds, longer than a head's slack, rows that overlap or are one for all.
  for (const Lengths& l : {Lengths{12, 0, 12},
                           {0, 5, 8},
                           {7, 9, 16},
                           {8, 0, 8},
                           {16, 0, 64},
                           {3, 0, 3},
                           {33, 1, 40},
                           {101, 0, 101},
                           {12, 0, 1},
                           {9, 2, 0}}) {
    for (const size_t payload_len : {0, 1, 300, 999}) {
      const std::string bytes = Bytes(payload_len, 9);
      const Payload payload = Must(Payload::Copy(SpanOf(bytes)));
      const SendOptions& options = UseTable(l.prepend, l.append, l.stride, kMembers);
      ASSERT_EQ(Must(group().Send(payload, options)).sent, kMembers);
      // The array is the application's again.
      const std::string before = bytes_;
      std::fill(bytes_.begin(), bytes_.end(), 'x');
      bytes_ = before;
      ExpectFrames(kMembers, bytes);
    }
  }
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
}

TEST_F(PrivateTableTest, ATagWithoutARowFailsAlone) {
  std::vector<Recipient> members = Members(0, kMembers);
  const std::set<uint32_t> without = {0, 1, 63, 64, 200, kMembers - 1};
  for (const uint32_t n : without) members[n] = Recipient(Member(n).ipv4(), kMembers + n);
  ASSERT_TRUE(group().Add(members).ok());
  const std::string bytes = Bytes(500, 2);
  const Payload payload = Must(Payload::Copy(SpanOf(bytes)));
  const SendOptions& options = UseTable(12, 0, 12, kMembers);
  EXPECT_EQ(Must(group().Send(payload, options)).sent, kMembers - without.size());
  ExpectFrames(kMembers - without.size(), bytes);
  std::set<uint32_t> failed;
  for (const MemberError& error : errors_) {
    EXPECT_EQ(error.error, EINVAL);
    failed.insert(static_cast<uint32_t>(error.member.tag()) - kMembers);
  }
  EXPECT_EQ(failed, without);
  EXPECT_EQ(errors_.size(), without.size());
  // Asynchronously, and all of them.
  CompletionQueue queue = Must(CompletionQueue::Create());
  UseTable(12, 0, 12, 1);
  options_.private_table.rows = 1;
  ASSERT_TRUE(group().SendAsync(payload, queue, 7, Stage::kAccepted, options_).ok());
  std::vector<CompletedSend> completed;
  ASSERT_TRUE(Eventually([&] { return queue.Poll(10, &completed) > 0; }));
  EXPECT_EQ(completed[0].sent, 0U);
  EXPECT_EQ(completed[0].errors.size(), kMembers);
  EXPECT_TRUE(Take(1).empty());
}

TEST_F(PrivateTableTest, AsynchronousSendsHaveThemToo) {
  ASSERT_TRUE(group().Add(Members(0, 10)).ok());
  const std::string bytes = Bytes(400, 3);
  const Payload payload = Must(Payload::Copy(SpanOf(bytes)));
  CompletionQueue queue = Must(CompletionQueue::Create());
  const SendOptions& options = UseTable(12, 3, 20, 10);
  for (uint64_t i = 0; i < 20; i++) {
    const Stage stage = i % 2 == 0 ? Stage::kAccepted : Stage::kDone;
    ASSERT_TRUE(group().SendAsync(payload, queue, i, stage, options).ok());
  }
  ExpectFrames(200, bytes);
  std::vector<CompletedSend> completed;
  ASSERT_TRUE(
      Eventually([&] { return queue.Poll(100, &completed) > 0 && completed.size() == 20; }));
  for (const CompletedSend& send : completed) {
    EXPECT_EQ(send.members, 10U);
    EXPECT_EQ(send.sent, 10U);
    EXPECT_EQ(send.revision, 1U);
    EXPECT_TRUE(send.errors.empty());
  }
  EXPECT_FALSE(payload.in_use());
}

TEST_F(PrivateTableTest, WhatNoDatagramHoldsFailsAsInSendgroup) {
  ASSERT_TRUE(group().Add(Members(0, 3)).ok());
  const Payload payload = Must(Payload::Copy(SpanOf("x")));
  UseTable(12, 0, 12, 3).private_table.base = nullptr;
  EXPECT_EQ(Must(group().Send(payload, options_)).sent, 0U);
  ASSERT_EQ(errors_.size(), 3U);
  for (const MemberError& error : errors_) EXPECT_EQ(error.error, EFAULT);
  UseTable(70'000, 0, 0, 3);
  EXPECT_EQ(Must(group().Send(payload, options_)).sent, 0U);
  ASSERT_EQ(errors_.size(), 3U);
  for (const MemberError& error : errors_) EXPECT_EQ(error.error, EMSGSIZE);
  options_.private_bytes = [](const Recipient&, PrivateBytes*) {};
  EXPECT_EQ(group().Send(payload, options_).status().code(), absl::StatusCode::kInvalidArgument);
  CompletionQueue queue = Must(CompletionQueue::Create());
  EXPECT_EQ(group().SendAsync(payload, queue, 1, Stage::kAccepted, options_).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(queue.outstanding(), 0U);
}

}  // namespace
}  // namespace groupcast
