// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Payloads that are several mbufs: cut for a driver that reads short segments, or borrowed in
// pieces. What leaves is the same, and every mbuf comes back (WireTest::Detach()).
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/wire/dual_stack.h"

namespace groupcast {
namespace {

constexpr size_t kSegment = 600;
constexpr size_t kJumbo = 8900;
constexpr unsigned kPieces = 15;  // of kJumbo bytes
static_assert(kPieces == (kJumbo + kSegment - 1) / kSegment);

class SegmentsTest : public DualStackTest {
 protected:
  // A port whose driver's profile says so.
  void AttachCutting(size_t segment_bytes, unsigned max_segments, uint32_t mtu = 9000) {
    folder_ =
        std::filesystem::temp_directory_path() / ("groupcast-drivers-" + std::to_string(getpid()));
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ + "/net_ring.yaml")
        << "driver: net_ring\nchains: always\nmax_segments: " << max_segments
        << "\nsegment_bytes: " << segment_bytes
        << "\ncopybreak: 256\ncompletion: consumer\nmemory: any\n";
    ASSERT_EQ(setenv("GROUPCAST_DRIVERS", folder_.c_str(), 1), 0);
    Attach("net_ring0", "", {.mtu = mtu});
  }
  void TearDown() override {
    DualStackTest::TearDown();
    unsetenv("GROUPCAST_DRIVERS");
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  static std::string PrependOf(uint32_t number) {
    return Bytes(number % 14, static_cast<uint8_t>(number));
  }
  static std::string AppendOf(uint32_t number) {
    return number % 3 == 0 ? Bytes(1 + number % 8, static_cast<uint8_t>(number + 1)) : "";
  }

  // To both families, every third with an append; compares all frames, and of how many mbufs the
  // packets without and with an append are.
  void SendAndCompare(size_t payload, uint32_t count, unsigned segments, unsigned with_append) {
    SCOPED_TRACE(payload);
    TestGroup6 group(count);
    group.SetPayload(Bytes(payload, 3));
    for (uint32_t i = 0; i < count; i++) {
      group.at(i).giov_dest = Either(i).address();
      group.SetPrivate(i, PrependOf(i), AppendOf(i));
    }
    StartCounting();
    ASSERT_EQ(sendgroup6(sd6(), group.buf(), count, 0, nullptr), static_cast<int>(count));
    for (const auto& [number, frame] : TakeByNumber(count)) {
      EXPECT_EQ(FrameOf(frame), Expected(Either(number), group.Datagram(number)))
          << "recipient " << number;
      EXPECT_EQ(frame->nb_segs, AppendOf(number).empty() ? segments : with_append)
          << "recipient " << number;
      Free(frame);
    }
    EXPECT_EQ(Counted("kernel_recipients"), 0U);
    EXPECT_EQ(Counted("payload_copies"), 1U);
    const uint32_t appended = (count + 2) / 3;
    EXPECT_EQ(Counted("appended"), with_append > 1 ? appended : 0);
    EXPECT_EQ(Counted("copied"),
              (segments == 1 ? count - appended : 0) + (with_append == 1 ? appended : 0));
  }

 private:
  std::string folder_;
};

TEST_F(SegmentsTest, AJumboPayloadIsOneMbuf) {
  Attach("net_ring0", "", {.mtu = 9000});
  for (const size_t payload : {1500, 8900, 8901}) SendAndCompare(payload, 60, 2, 3);
  SendAndCompare(256, 60, 1, 1);
}

TEST_F(SegmentsTest, AJumboMtuIsUsedToTheLastByte) {
  Attach("net_ring0", "", {.mtu = 9000});
  TestGroup6 group(4);
  group.SetPayload(Bytes(8952, 3));
  for (uint32_t i = 0; i < 4; i++) group.at(i).giov_dest = Either(i).address();
  group.SetPrivate(0, Bytes(20, 5), "");
  group.SetPrivate(2, "", Bytes(21, 5));
  std::vector<int> errors(4, -1);
  EXPECT_EQ(sendgroup6(sd6(), group.buf(), 4, 0, errors.data()), 3);
  EXPECT_EQ(errors, std::vector<int>({0, 0, ENETUNREACH, 0}));
  for (const auto& [number, frame] : TakeByNumber(3)) {
    EXPECT_EQ(frame->pkt_len, 9014U);
    EXPECT_EQ(FrameOf(frame), Expected(Either(number), group.Datagram(number)));
    Free(frame);
  }
}

TEST_F(SegmentsTest, PayloadsAreCutToWhatTheDriverReads) {
  AttachCutting(kSegment, 65535);
  SendAndCompare(kJumbo, 60, 1 + kPieces, 2 + kPieces);
  SendAndCompare(257, 60, 2, 3);
  SendAndCompare(kSegment, 60, 2, 3);
  SendAndCompare(kSegment + 1, 60, 3, 4);
  SendAndCompare(2 * kSegment - 1, 60, 3, 4);
  SendAndCompare(256, 60, 1, 1);
}

TEST_F(SegmentsTest, OddSegmentsSumUp) {
  AttachCutting(601, 65535);
  SendAndCompare(kJumbo, 60, 1 + kPieces, 2 + kPieces);
  SendAndCompare(1203, 60, 4, 5);
}

TEST_F(SegmentsTest, WhatIsTooLongAChainIsCopied) {
  AttachCutting(kSegment, 4);
  SendAndCompare(3 * kSegment, 60, 4, 1);  // an append would be the fifth
  SendAndCompare(3 * kSegment + 1, 60, 1, 1);
  SendAndCompare(2 * kSegment, 60, 3, 4);
  SendAndCompare(kJumbo, 60, 1, 1);
}

// However many a driver takes.
TEST_F(SegmentsTest, PiecesAreAtMostThirtyTwo) {
  AttachCutting(64, 65535);
  SendAndCompare(32 * 64, 60, 33, 34);
  SendAndCompare(32 * 64 + 1, 60, 1, 1);
}

// More mbufs on payloads than there are: packets wait for those that come back.
TEST_F(SegmentsTest, ALargeGroupWithAppendsWaitsForMbufs) {
  constexpr uint32_t kRecipients = 5000, kCalls = 4;
  AttachCutting(kSegment, 65535);
  TestGroup6 group(kRecipients);
  group.SetPayload(Bytes(kJumbo, 3));
  for (uint32_t i = 0; i < kRecipients; i++) {
    group.at(i).giov_dest = Either(i).address();
    group.SetPrivate(i, PrependOf(i), Bytes(3, static_cast<uint8_t>(i)));
  }
  std::atomic<bool> stop{false};
  std::vector<uint32_t> seen(kRecipients);
  uint32_t different = 0, most_references = 0;
  std::thread taker([&] {
    for (bool last = false; !last;) {
      last = stop.load();
      for (std::vector<rte_mbuf*> frames; !(frames = Take(64)).empty();) {
        for (rte_mbuf* frame : frames) {
          const std::string bytes = FrameOf(frame);
          const uint32_t number = NumberOf(bytes);
          if (number < kRecipients) seen[number]++;
          if (bytes != Expected(Either(number), group.Datagram(number))) different++;
          if (frame->nb_segs != 2 + kPieces) different++;
          most_references = std::max<uint32_t>(most_references, rte_mbuf_refcnt_read(frame->next));
          Free(frame);
        }
      }
      std::this_thread::yield();
    }
  });
  for (uint32_t call = 0; call < kCalls; call++) {
    EXPECT_EQ(sendgroup6(sd6(), group.buf(), kRecipients, 0, nullptr),
              static_cast<int>(kRecipients));
  }
  stop = true;
  taker.join();
  EXPECT_EQ(different, 0U);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), kCalls), kRecipients);
  EXPECT_EQ(most_references, 1U) << "an indirect mbuf is its packet's own";
  EXPECT_EQ(Counted("appended"), kRecipients * kCalls);
}

// Pieces of one borrowed payload, as they are and cut.
class BorrowedSegmentsTest : public SegmentsTest {
 protected:
  static constexpr size_t kMost = Payload::kMostPieces;
  static constexpr size_t kLengths[kMost] = {1, 599, 600, 601, 1200, 7, 1201, 3000};
  static constexpr uint32_t kMembers = 500;

  void SendPieces(unsigned segments) {
    std::string own = Bytes(20'000, 11);
    const Memory memory = Must(Memory::Register(own.data(), own.size()));
    std::vector<iovec> pieces;
    std::string bytes;
    size_t at = own.size();
    for (const size_t len : kLengths) {  // backwards, and with gaps
      at -= len + 3;
      pieces.push_back({own.data() + at, len});
      bytes += own.substr(at, len);
    }
    Group group = Must(Group::Create(sd6()));
    ASSERT_TRUE(group.Add(Many(kMembers)).ok());
    const Payload payload = Must(Payload::Borrow(memory, pieces));
    SendOptions options;
    std::string prepend, append;
    options.private_bytes = [&](const Recipient& member, PrivateBytes* out) {
      prepend = PrependOf(static_cast<uint32_t>(member.tag()));
      append = AppendOf(static_cast<uint32_t>(member.tag()));
      out->prepend = {prepend.data(), prepend.size()};
      out->append = {append.data(), append.size()};
    };
    for (int round = 0; round < 3; round++) {
      StartCounting();
      std::thread sender([&] { EXPECT_EQ(Must(group.Send(payload, options)).sent, kMembers); });
      for (const auto& [number, frame] : TakeByNumber(kMembers)) {
        EXPECT_EQ(FrameOf(frame),
                  Expected(Either(number), PrependOf(number) + bytes + AppendOf(number)))
            << "member " << number;
        const bool append_segment = !AppendOf(number).empty();
        EXPECT_EQ(frame->nb_segs, segments + (append_segment ? 1 : 0)) << "member " << number;
        EXPECT_TRUE(payload.in_use());
        Free(frame);
      }
      sender.join();
      EXPECT_EQ(Counted("payload_copies"), 0U);
      EXPECT_EQ(Counted("copied"), 0U);
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (payload.in_use() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
      }
      EXPECT_FALSE(payload.in_use());
      EXPECT_FALSE(memory.in_use());
    }
  }
};

TEST_F(BorrowedSegmentsTest, EachPieceIsAnMbuf) {
  Attach("net_ring0", "", {.mtu = 9000});
  SendPieces(1 + kMost);
}

TEST_F(BorrowedSegmentsTest, PiecesAreCutEachByItself) {
  AttachCutting(kSegment, 65535);
  SendPieces(1 + 1 + 1 + 1 + 2 + 2 + 1 + 3 + 5);
}

}  // namespace
}  // namespace groupcast
