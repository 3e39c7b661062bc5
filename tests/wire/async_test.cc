// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Asynchronous sends: when they count as complete, how that is learnt, what ends them.
#include <poll.h>
#include <unistd.h>

#include <set>

#include "tests/wire/group_wire.h"

namespace groupcast {
namespace {

class AsyncTest : public GroupWireTest {
 protected:
  void SetUp() override {
    GroupWireTest::SetUp();
    // Several sends are to fit in what the socket may have unsent.
    const int bytes = 16 << 20;
    ASSERT_EQ(setsockopt(sd(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)), 0);
    ASSERT_TRUE(group().Refresh().ok());
    ASSERT_TRUE(group().Add(Members(0, kMembers)).ok());
  }

  static std::vector<CompletedSend> Collect(CompletionQueue* queue) {
    std::vector<CompletedSend> completed;
    queue->Poll(1000, &completed);
    return completed;
  }

  // net_ring0 holds 1024 frames.
  static constexpr uint32_t kMembers = 600;
};

TEST_F(AsyncTest, CompletesWhenAccepted) {
  CompletionQueue queue = Must(CompletionQueue::Create());
  const Payload payload = Must(Payload::Copy(SpanOf(Bytes(800, 1))));
  ASSERT_TRUE(group().SendAsync(payload, queue, 42).ok());
  std::vector<CompletedSend> completed;
  ASSERT_TRUE(Eventually([&] { return queue.Poll(10, &completed) > 0; }));
  ASSERT_EQ(completed.size(), 1U);
  EXPECT_EQ(completed[0].user_data, 42U);
  EXPECT_EQ(completed[0].members, kMembers);
  EXPECT_EQ(completed[0].sent, kMembers);
  EXPECT_EQ(completed[0].revision, 1U);
  EXPECT_EQ(queue.outstanding(), 0U);
  EXPECT_EQ(TakeDatagrams(kMembers).size(), kMembers);
}

TEST_F(AsyncTest, DoneIsWhenNobodyReadsThePayload) {
  CompletionQueue queue = Must(CompletionQueue::Create());
  std::string own = Bytes(800, 1);
  const Memory memory = Must(Memory::Register(own.data(), own.size()));
  const iovec piece = {own.data(), own.size()};
  const Payload payload = Must(Payload::Borrow(memory, {&piece, 1}));
  ASSERT_TRUE(group().SendAsync(payload, queue, 1, Stage::kDone).ok());
  std::vector<rte_mbuf*> frames = TakeAll(kMembers);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  for (rte_mbuf* frame : frames) {
    EXPECT_TRUE(Collect(&queue).empty()) << "a frame still refers to it";
    EXPECT_TRUE(payload.in_use());
    EXPECT_EQ(FrameOf(frame).substr(42), own);
    Free(frame);
  }
  std::vector<CompletedSend> completed;
  ASSERT_TRUE(Eventually([&] { return queue.Poll(10, &completed) > 0; }));
  EXPECT_FALSE(payload.in_use());
  EXPECT_EQ(completed[0].sent, kMembers);
}

TEST_F(AsyncTest, AnEventfdTells) {
  CompletionQueue queue = Must(CompletionQueue::Create());
  const int fd = queue.event_fd();
  const Payload payload = Must(Payload::Copy(SpanOf(Bytes(800, 1))));
  pollfd readable = {fd, POLLIN, 0};
  for (uint64_t round = 0; round < 20; round++) {
    EXPECT_EQ(poll(&readable, 1, 0), 0) << "nothing is under way";
    ASSERT_TRUE(group().SendAsync(payload, queue, round).ok());
    ASSERT_EQ(poll(&readable, 1, 5000), 1);
    uint64_t count;
    ASSERT_EQ(read(fd, &count, sizeof(count)), static_cast<ssize_t>(sizeof(count)));
    const std::vector<CompletedSend> completed = Collect(&queue);
    ASSERT_EQ(completed.size(), 1U);
    EXPECT_EQ(completed[0].user_data, round);
    EXPECT_EQ(TakeDatagrams(kMembers).size(), kMembers);
  }
}

TEST_F(AsyncTest, WhatIsNotCollectedIsBounded) {
  CompletionQueue queue = Must(CompletionQueue::Create(3));
  const Payload payload = Must(Payload::Copy(SpanOf("x")));
  ASSERT_TRUE(group().Replace(Members(0, 5)).ok());
  for (uint64_t i = 0; i < 3; i++) ASSERT_TRUE(group().SendAsync(payload, queue, i).ok());
  EXPECT_EQ(group().SendAsync(payload, queue, 3).code(), absl::StatusCode::kResourceExhausted);
  for (rte_mbuf* frame : TakeAll(15)) Free(frame);
  EXPECT_TRUE(Take(1).empty()) << "the refused one was not sent";
  ASSERT_TRUE(Eventually([&] { return !Collect(&queue).empty(); }));
  EXPECT_TRUE(group().SendAsync(payload, queue, 4).ok());
  for (rte_mbuf* frame : TakeAll(5)) Free(frame);
  EXPECT_FALSE(CompletionQueue::Create(0).ok());
  EXPECT_FALSE(CompletionQueue::Create(SIZE_MAX).ok());
}

TEST_F(AsyncTest, ErrorsOnDemand) {
  CompletionQueue queue = Must(CompletionQueue::Create());
  ASSERT_TRUE(group().Add({Recipient(Address("192.0.2.1", 9), 5000)}).ok());
  const Payload payload = Must(Payload::Copy(SpanOf("x")));
  std::vector<MemberError> wanted;
  SendOptions options;
  ASSERT_TRUE(group().SendAsync(payload, queue, 1, Stage::kAccepted, options).ok());
  options.errors = &wanted;
  ASSERT_TRUE(group().SendAsync(payload, queue, 2, Stage::kAccepted, options).ok());
  std::vector<CompletedSend> completed;
  // The ring holds less than both together.
  EXPECT_EQ(TakeDatagrams(kMembers).size(), kMembers);
  EXPECT_EQ(TakeDatagrams(kMembers).size(), kMembers);
  ASSERT_TRUE(Eventually([&] { return queue.Poll(10, &completed), completed.size() == 2; }));
  for (const CompletedSend& send : completed) {
    EXPECT_EQ(send.members, kMembers + 1);
    EXPECT_EQ(send.sent, kMembers);
    ASSERT_EQ(send.errors.size(), send.user_data == 2 ? 1U : 0U);
    if (send.user_data != 2) continue;
    EXPECT_EQ(send.errors[0].member.tag(), 5000U);
    EXPECT_EQ(send.errors[0].error, ENETUNREACH);
  }
}

// Nobody takes frames: the first send fills the ring, the others wait behind it.
TEST_F(AsyncTest, AnEngineClosedWithSendsInFlightEndsThem) {
  CompletionQueue queue = Must(CompletionQueue::Create());
  std::string own = Bytes(800, 1);
  const Memory memory = Must(Memory::Register(own.data(), own.size()));
  const iovec piece = {own.data(), own.size()};
  Payload payload = Must(Payload::Borrow(memory, {&piece, 1}));
  std::vector<MemberError> wanted;
  SendOptions options;
  options.errors = &wanted;
  constexpr uint64_t kSends = 4;
  size_t begun = 0;
  for (uint64_t i = 0; i < kSends; i++) {
    begun += group().SendAsync(payload, queue, i, Stage::kAccepted, options).ok() ? 1 : 0;
  }
  ASSERT_EQ(begun, kSends);
  ASSERT_EQ(groupcast_detach(), 0);
  const std::vector<CompletedSend> completed = Collect(&queue);
  ASSERT_EQ(completed.size(), kSends);
  size_t sent = 0, cancelled = 0;
  for (const CompletedSend& send : completed) {
    sent += send.sent;
    EXPECT_EQ(send.sent + send.errors.size(), kMembers);
    for (const MemberError& error : send.errors) {
      EXPECT_TRUE(error.error == ECANCELED || error.error == EAGAIN) << error.error;
      cancelled++;
    }
  }
  EXPECT_EQ(sent + cancelled, kSends * kMembers);
  EXPECT_GT(cancelled, 0U);
  EXPECT_GE(sent, 1000U) << "what the ring took counts as sent";
  std::vector<rte_mbuf*> frames;
  size_t taken = 0;
  while (!(frames = Take(64)).empty()) {
    for (rte_mbuf* frame : frames) Free(frame);
    taken += frames.size();
  }
  EXPECT_EQ(taken, sent);
  EXPECT_TRUE(Eventually([&] { return !payload.in_use(); }));
  Attach("net_ring0");
}

TEST_F(AsyncTest, AGroupAndAQueueMayGoWhileSendsAreInFlight) {
  std::string own = Bytes(800, 1);
  const Memory memory = Must(Memory::Register(own.data(), own.size()));
  const iovec piece = {own.data(), own.size()};
  Payload payload = Must(Payload::Borrow(memory, {&piece, 1}));
  {
    CompletionQueue queue = Must(CompletionQueue::Create());
    std::vector<MemberError> wanted;
    SendOptions options;
    options.errors = &wanted;
    ASSERT_TRUE(group().SendAsync(payload, queue, 1, Stage::kDone, options).ok());
    ASSERT_TRUE(group().SendAsync(payload, queue, 2, Stage::kAccepted, options).ok());
    group_.reset();
  }
  for (uint32_t i = 0; i < 2; i++) {
    for (rte_mbuf* frame : TakeAll(kMembers)) {
      EXPECT_EQ(FrameOf(frame).substr(42), own);
      Free(frame);
    }
  }
  EXPECT_TRUE(Eventually([&] { return !payload.in_use(); }));
}

}  // namespace
}  // namespace groupcast
