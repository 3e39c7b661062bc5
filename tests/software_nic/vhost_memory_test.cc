// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Memory of the application that packets are sent from: when it is handed back, and that nobody
// reads it from then on. The consumer keeps a sum over every byte that each member received, and
// every frame has a checksum.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <thread>

#include "api/groupcast/completion.h"
#include "api/groupcast/group.h"
#include "api/groupcast/payload.h"
#include "tests/software_nic/vhost_pair.h"

namespace groupcast {
namespace {

constexpr uint32_t kMembers = 500;
constexpr size_t kLen = 900;
constexpr uint8_t kGarbage = 0xe5;

template <typename T>
T Must(absl::StatusOr<T> made) {
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

// Payloads of both kinds; `bytes` is where the application writes.
struct Written {
  Payload payload;
  uint8_t* bytes;
};

class VhostMemory : public VhostPair {
 protected:
  void Begin(const Side& side) {
    Connect(side);
    // Several sends are to fit in what the socket may have unsent.
    const int bytes = 64 << 20;
    ASSERT_EQ(setsockopt(sd(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)), 0);
    group_.emplace(Must(Group::Create(sd())));
    std::vector<Recipient> members;
    for (uint32_t i = 0; i < kMembers; i++) members.push_back(MemberOf(i));
    ASSERT_TRUE(group_->Add(members).ok());
    queue_.emplace(Must(CompletionQueue::Create()));
    own_.resize(64 * kLen);
    memory_.emplace(Must(Memory::Register(own_.data(), own_.size())));
  }
  void TearDown() override {
    group_.reset();
    queue_.reset();
    VhostPair::TearDown();
    memory_.reset();
  }

  static Recipient MemberOf(uint32_t number) {
    return Recipient(Address("10.6.0.1", static_cast<uint16_t>(3000 + number)), number);
  }

  // The `place`th piece of our own memory, or memory of the engine's.
  Written Make(bool borrowed, size_t place = 0) {
    if (!borrowed) {
      Payload payload = Must(Payload::Allocate(kLen));
      uint8_t* bytes = payload.data();
      return {std::move(payload), bytes};
    }
    uint8_t* bytes = own_.data() + place * kLen;
    const iovec piece = {bytes, kLen};
    return {Must(Payload::Borrow(*memory_, {&piece, 1})), bytes};
  }

  static void Fill(const Written& written, uint32_t round) {
    const std::string bytes = groupcast::Bytes(kLen, static_cast<uint8_t>(round * 7 + round / 256));
    std::memcpy(written.bytes, bytes.data(), kLen);
    std::memcpy(written.bytes, &round, sizeof(round));
  }
  static void Overwrite(const Written& written) { std::memset(written.bytes, kGarbage, kLen); }

  // Notes that every member shall receive what is there now.
  void ExpectNow(const Written& written) {
    const std::string_view datagram(reinterpret_cast<const char*>(written.bytes), kLen);
    for (uint32_t i = 0; i < kMembers; i++) Expect(DestinationOf(MemberOf(i).ipv4()), datagram);
  }

  void SendAsync(const Written& written, uint64_t user_data) {
    ExpectNow(written);
    ASSERT_TRUE(group_->SendAsync(written.payload, *queue_, user_data, Stage::kDone).ok());
  }

  size_t Collect() {
    std::vector<CompletedSend> completed;
    queue_->Poll(1000, &completed);
    for (const CompletedSend& send : completed) EXPECT_EQ(send.sent, kMembers);
    return completed.size();
  }

  static bool Within(std::chrono::milliseconds patience, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }

  std::optional<Group> group_;
  std::optional<CompletionQueue> queue_;
  std::vector<uint8_t> own_;
  std::optional<Memory> memory_;
};

constexpr std::chrono::milliseconds kSoon(2000);
const Side kVhost = {"Vhost", "net_vhost", "", true};

// Whether it is borrowed memory.
class BothKinds : public VhostMemory, public testing::WithParamInterface<bool> {};

TEST_P(BothKinds, ComesBackOnAnIdlePort) {
  Begin(kVhost);
  EXPECT_THAT(
      start_log(),
      testing::HasSubstr("application memory: handed back when the driver has taken the packets"));
  const Written written = Make(GetParam());
  for (uint32_t round = 0; round < 20; round++) {
    Fill(written, round);
    ExpectNow(written);
    ASSERT_EQ(Must(group_->Send(written.payload)).sent, kMembers);
    // No other traffic, and nobody who asks the engine for anything.
    ASSERT_TRUE(Within(kSoon, [&] { return !written.payload.in_use(); })) << round;
    Overwrite(written);
    Fill(written, 1000 + round);
    SendAsync(written, round);
    ASSERT_TRUE(Within(kSoon, [&] { return Collect() == 1; })) << round;
    EXPECT_FALSE(written.payload.in_use());
    Overwrite(written);
  }
  ExpectAllArrived();
  EXPECT_EQ(Counted("payload_copies"), 0U);
  EXPECT_EQ(Counted("chained"), 40U * kMembers);
}

// The ring is nearly always full: packets wait in the engine while their payload is not done.
TEST_P(BothKinds, OverwrittenWhenDoneNothingElseArrives) {
  constexpr uint32_t kRounds = 300;
  constexpr size_t kUnderWay = 4;
  Begin(kVhost);
  consumer().Ask("pace 50");
  std::vector<Written> written;
  for (size_t i = 0; i < kUnderWay; i++) written.push_back(Make(GetParam(), i));
  std::vector<bool> free(kUnderWay, true);
  uint32_t begun = 0, done = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (done < kRounds) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << done;
    for (size_t i = 0; i < kUnderWay && begun < kRounds; i++) {
      if (!free[i]) continue;
      Fill(written[i], begun++);
      SendAsync(written[i], i);
      free[i] = false;
    }
    std::vector<CompletedSend> completed;
    queue_->Poll(kUnderWay, &completed);
    for (const CompletedSend& send : completed) {
      EXPECT_EQ(send.sent, kMembers);
      Overwrite(written[send.user_data]);
      free[send.user_data] = true;
      done++;
    }
    if (completed.empty()) std::this_thread::yield();
  }
  ExpectAllArrived();
  EXPECT_GT(Counted("tx_full"), 0U);
  EXPECT_EQ(Counted("payload_copies"), 0U);
}

// A ring of 1024 takes two groupcasts of 500; the others wait in the engine.
TEST_P(BothKinds, StaysInUseWhilePacketsWait) {
  constexpr size_t kSends = 4;
  Begin(kVhost);
  consumer().Ask("pause");
  std::vector<Written> written;
  for (size_t i = 0; i < kSends; i++) {
    written.push_back(Make(GetParam(), i));
    Fill(written[i], static_cast<uint32_t>(i));
    SendAsync(written[i], i);
  }
  ASSERT_TRUE(Within(kSoon, [&] { return !written[0].payload.in_use(); }));
  // The guest's memory has it, whenever it looks.
  Overwrite(written[0]);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_TRUE(written[kSends - 2].payload.in_use());
  EXPECT_TRUE(written[kSends - 1].payload.in_use());
  EXPECT_EQ(memory_->in_use(), GetParam());
  EXPECT_LE(Collect(), 2U);
  EXPECT_GE(queue_->outstanding(), 2U);
  consumer().Ask("resume");
  ASSERT_TRUE(Within(kSoon, [&] { return Collect(), queue_->outstanding() == 0; }));
  for (const Written& w : written) {
    EXPECT_FALSE(w.payload.in_use());
    Overwrite(w);
  }
  EXPECT_FALSE(memory_->in_use());
  ExpectAllArrived();
}

INSTANTIATE_TEST_SUITE_P(Vhost, BothKinds, testing::Bool(),
                         [](const auto& row) { return row.param ? "Borrowed" : "Allocated"; });

struct Copied {
  Side side;
  bool borrowed;
};

// net_virtio_user's peer reads DPDK's memory only, and the driver does not tell when.
class CopiedMemory : public VhostMemory, public testing::WithParamInterface<Copied> {};

TEST_P(CopiedMemory, IsCopiedAndComesBackAllTheSame) {
  constexpr uint32_t kRounds = 100;
  Begin(GetParam().side);
  EXPECT_THAT(start_log(), testing::HasSubstr(
                               "application memory: copied: the device reads DPDK's memory only"));
  const Written written = Make(GetParam().borrowed);
  for (uint32_t round = 0; round < kRounds; round++) {
    Fill(written, round);
    ExpectNow(written);
    ASSERT_EQ(Must(group_->Send(written.payload)).sent, kMembers);
    ASSERT_TRUE(Within(kSoon, [&] { return !written.payload.in_use(); })) << round;
    Overwrite(written);
  }
  ExpectAllArrived();
  EXPECT_EQ(Counted("payload_copies"), kRounds);
  EXPECT_EQ(Counted("payload_bytes_copied"), kRounds * kLen);
  EXPECT_EQ(Counted("chained"), kRounds * kMembers) << "the one copy is shared";
}

TEST_P(CopiedMemory, IsDoneOnAnIdlePort) {
  Begin(GetParam().side);
  const Written written = Make(GetParam().borrowed);
  Fill(written, 1);
  SendAsync(written, 1);
  EXPECT_TRUE(Within(kSoon, [&] { return Collect() == 1; }));
  EXPECT_FALSE(written.payload.in_use());
  Overwrite(written);
  ExpectAllArrived();
}

TEST_P(CopiedMemory, IsOursWhileAStoppedConsumerLetsPacketsWait) {
  Begin(GetParam().side);
  consumer().Ask("pause");
  const Written written = Make(GetParam().borrowed);
  for (uint32_t i = 0; i < 4; i++) {
    Fill(written, i);
    SendAsync(written, i);
    EXPECT_TRUE(Within(kSoon, [&] { return !written.payload.in_use(); }));
    Overwrite(written);
  }
  consumer().Ask("resume");
  ExpectAllArrived();
  EXPECT_EQ(Counted("payload_copies"), 4U);
}

INSTANTIATE_TEST_SUITE_P(Virtio, CopiedMemory,
                         testing::Values(Copied{{"Packed", "net_virtio_user", "", false}, true},
                                         Copied{{"Packed", "net_virtio_user", "", false}, false},
                                         Copied{{"Split", "net_virtio_user", ",packed_vq=0", false},
                                                true}),
                         [](const auto& row) {
                           return std::string(row.param.side.name) +
                                  (row.param.borrowed ? "Borrowed" : "Allocated");
                         });

}  // namespace
}  // namespace groupcast
