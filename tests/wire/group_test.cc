// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Registered groups: what leaves, to whom, and from which memory.
#include <rte_ether.h>
#include <rte_ip.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "tests/wire/group_wire.h"

namespace groupcast {
namespace {

using GroupTest = GroupWireTest;

TEST_F(GroupTest, FramesAreThoseOfSendgroup) {
  ASSERT_TRUE(group().Add(Members(0, 1000)).ok());
  const std::string bytes = Bytes(700, 3);
  const Payload payload = Must(Payload::Copy(SpanOf(bytes)));
  const SendResult result = Must(group().Send(payload));
  EXPECT_EQ(result.members, 1000U);
  EXPECT_EQ(result.sent, 1000U);
  EXPECT_EQ(result.revision, 1U);
  std::set<uint32_t> seen;
  for (rte_mbuf* frame : TakeAll(1000)) {
    const std::string got = FrameOf(frame);
    const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(got.data() + sizeof(rte_ether_hdr));
    const uint32_t number = ntohl(ip->dst_addr) - 0x0a010000;
    seen.insert(number);
    EXPECT_EQ(got, ExpectedFrame(from(), Member(number).ipv4(), 64, 0, true, 0, bytes));
    EXPECT_EQ(rte_mbuf_check(frame, 1, nullptr), 0);
    Free(frame);
  }
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_EQ(Counted("payload_copies"), 0U) << "the payload was copied when it was made";
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
  EXPECT_EQ(Counted("engine_recipients"), 1000U);
}

TEST_F(GroupTest, EachMemberHasPrivateBytesOfItsOwn) {
  constexpr uint32_t kMembers = 1000;
  ASSERT_TRUE(group().Add(Members(0, kMembers)).ok());
  for (const size_t payload_len : {0, 1, 255, 999}) {
    const std::string bytes = Bytes(payload_len, 9);
    const Payload payload = Must(Payload::Copy(SpanOf(bytes)));
    std::string prepend, append;  // one buffer for all
    std::vector<int> asked(kMembers);
    SendOptions options;
    options.private_bytes = [&](const Recipient& member, PrivateBytes* out) {
      asked[member.tag()]++;
      prepend = Bytes(member.tag() % 101, static_cast<uint8_t>(member.tag()));
      append = Bytes(member.tag() % 8, static_cast<uint8_t>(member.tag() + 1));
      out->prepend = {prepend.data(), prepend.size()};
      out->append = {append.data(), append.size()};
    };
    ASSERT_EQ(Must(group().Send(payload, options)).sent, kMembers);
    std::fill(prepend.begin(), prepend.end(), 'x');
    for (rte_mbuf* frame : TakeAll(kMembers)) {
      const std::string got = FrameOf(frame);
      const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(got.data() + sizeof(rte_ether_hdr));
      const uint32_t n = ntohl(ip->dst_addr) - 0x0a010000;
      const std::string datagram = Bytes(n % 101, static_cast<uint8_t>(n)) + bytes +
                                   Bytes(n % 8, static_cast<uint8_t>(n + 1));
      EXPECT_EQ(got, ExpectedFrame(from(), Member(n).ipv4(), 64, 0, true, 0, datagram));
      Free(frame);
    }
    EXPECT_TRUE(std::all_of(asked.begin(), asked.end(), [](int n) { return n == 1; }));
  }
}

TEST_F(GroupTest, ChangesAreOneEach) {
  EXPECT_EQ(Must(group().Add(Members(0, 10))), 1U);
  EXPECT_EQ(Must(group().Remove(Members(2, 3))), 2U);
  const Payload payload = Must(Payload::Copy(SpanOf("tick")));
  SendResult result = Must(group().Send(payload));
  EXPECT_EQ(result.revision, 2U);
  EXPECT_EQ(result.members, 7U);
  std::set<uint32_t> seen;
  for (const auto& [number, bytes] : TakeDatagrams(7)) seen.insert(number);
  EXPECT_EQ(seen, (std::set<uint32_t>{0, 1, 5, 6, 7, 8, 9}));
  EXPECT_EQ(Must(group().Replace(Members(8, 3))), 3U);
  EXPECT_EQ(group().size(), 3U);
  seen.clear();
  for (const Recipient& member : group().Members()) {
    seen.insert(static_cast<uint32_t>(member.tag()));
  }
  EXPECT_EQ(seen, (std::set<uint32_t>{8, 9, 10}));
  Must(group().Send(payload));
  EXPECT_EQ(TakeDatagrams(3).size(), 3U);
  // The same member again: its tag changes, it is not sent to twice.
  EXPECT_EQ(Must(group().Add({Recipient(Member(8).address(), 77)})), 4U);
  EXPECT_EQ(group().size(), 3U);
  EXPECT_EQ(Must(group().Replace({})), 5U);
  EXPECT_EQ(Must(group().Send(payload)).members, 0U);
}

TEST_F(GroupTest, WrongMembersChangeNothing) {
  ASSERT_TRUE(group().Add(Members(0, 5)).ok());
  const auto refused = [&](const Recipient& wrong, const char* why) {
    const auto added = group().Add({Member(9), wrong});
    EXPECT_EQ(added.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(added.status().message().find(why), std::string::npos) << added.status();
    EXPECT_FALSE(group().Replace({wrong}).ok());
    EXPECT_EQ(group().size(), 5U);
    EXPECT_EQ(group().revision(), 1U);
  };
  refused(Recipient(), "is empty");
  refused(Recipient(Address("10.0.0.1", 0)), "UDP port 0");
  refused(Must(Recipient::Parse("[2001:db8::1]:9")), "AF_INET");
  EXPECT_FALSE(Group::Create(-1).ok());
  EXPECT_FALSE(Group::Create(0).ok());
}

TEST_F(GroupTest, BorrowedMemoryIsSentWithoutACopyAndHandedBackWhenDone) {
  constexpr uint32_t kMembers = 200;
  ASSERT_TRUE(group().Add(Members(0, kMembers)).ok());
  std::string own = Bytes(1200, 5);
  const std::string before = own;
  const Memory memory = Must(Memory::Register(own.data(), own.size()));
  const iovec pieces[] = {{own.data(), 300}, {own.data() + 700, 500}};
  Payload payload = Must(Payload::Borrow(memory, pieces));
  EXPECT_EQ(payload.size(), 800U);
  ASSERT_EQ(Must(group().Send(payload)).sent, kMembers);
  EXPECT_TRUE(payload.in_use());
  EXPECT_TRUE(memory.in_use());
  const std::vector<rte_mbuf*> frames = TakeAll(kMembers);
  for (size_t i = 0; i < frames.size(); i++) {
    ASSERT_EQ(frames[i]->nb_segs, 3);
    EXPECT_EQ(rte_pktmbuf_mtod(frames[i]->next, const char*), own.data());
    EXPECT_EQ(rte_pktmbuf_mtod(frames[i]->next->next, const char*), own.data() + 700);
    EXPECT_EQ(FrameOf(frames[i]).substr(42), before.substr(0, 300) + before.substr(700));
    EXPECT_TRUE(payload.in_use()) << "frame " << i << " still refers to it";
    Free(frames[i]);
  }
  EXPECT_TRUE(Eventually([&] { return !payload.in_use(); }));
  EXPECT_FALSE(memory.in_use());
  EXPECT_EQ(Counted("payload_copies"), 0U);
  EXPECT_EQ(Counted("chained"), kMembers);
  own.assign(own.size(), 'z');  // ours again
  ASSERT_EQ(Must(group().Send(payload)).sent, kMembers);
  for (const auto& [number, bytes] : TakeDatagrams(kMembers)) {
    EXPECT_EQ(bytes, std::string(800, 'z'));
  }
}

TEST_F(GroupTest, BorrowedMemoryOutlivesItsHandles) {
  ASSERT_TRUE(group().Add(Members(0, 100)).ok());
  std::string own = Bytes(900, 5);
  {
    const Memory memory = Must(Memory::Register(own.data(), own.size()));
    const iovec whole = {own.data(), own.size()};
    const Payload payload = Must(Payload::Borrow(memory, {&whole, 1}));
    ASSERT_EQ(Must(group().Send(payload)).sent, 100U);
  }
  for (const auto& [number, bytes] : TakeDatagrams(100)) EXPECT_EQ(bytes, own);
}

TEST_F(GroupTest, WrongMemoryIsRefused) {
  std::string own(100, 'x');
  EXPECT_FALSE(Memory::Register(nullptr, 10).ok());
  EXPECT_FALSE(Memory::Register(own.data(), 0).ok());
  EXPECT_FALSE(Memory::Register(own.data(), SIZE_MAX).ok());
  void* gone = mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_TRUE(Memory::Register(gone, 8192).ok());
  munmap(static_cast<char*>(gone) + 4096, 4096);
  EXPECT_EQ(Memory::Register(gone, 8192).status().code(), absl::StatusCode::kInvalidArgument);
  munmap(gone, 4096);

  const Memory memory = Must(Memory::Register(own.data(), own.size()));
  const auto borrow = [&](char* base, size_t len) {
    const iovec piece = {base, len};
    return Payload::Borrow(memory, {&piece, 1}).status().code();
  };
  EXPECT_EQ(borrow(own.data() - 1, 10), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(borrow(own.data() + 91, 10), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(borrow(nullptr, 10), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(borrow(own.data(), SIZE_MAX), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(borrow(own.data() + 100, 0), absl::StatusCode::kOk);
  std::vector<iovec> many(Payload::kMostPieces + 1, {own.data(), 1});
  EXPECT_FALSE(Payload::Borrow(memory, many).ok());
  many.pop_back();
  EXPECT_TRUE(Payload::Borrow(memory, many).ok());
}

TEST_F(GroupTest, AReleasedPayloadIsSaidToBeSo) {
  ASSERT_TRUE(group().Add(Members(0, 3)).ok());
  Payload payload = Must(Payload::Copy(SpanOf("once")));
  EXPECT_TRUE(payload.Release().ok());
  EXPECT_EQ(payload.Release().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(group().Send(payload).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(payload.data(), nullptr);
  EXPECT_FALSE(Payload::Copy(SpanOf(std::string(kLongestPayload + 1, 'x'))).ok());
  EXPECT_FALSE(Payload::Allocate(kLongestPayload + 1).ok());
}

TEST_F(GroupTest, EngineMemoryIsWrittenInPlace) {
  ASSERT_TRUE(group().Add(Members(0, 50)).ok());
  Payload payload = Must(Payload::Allocate(1000));
  for (uint8_t round = 0; round < 3; round++) {
    const std::string bytes = Bytes(1000, round);
    ASSERT_FALSE(payload.in_use());
    std::memcpy(payload.data(), bytes.data(), bytes.size());
    ASSERT_EQ(Must(group().Send(payload)).sent, 50U);
    std::vector<rte_mbuf*> frames = TakeAll(50);
    for (rte_mbuf* frame : frames) {
      EXPECT_EQ(rte_pktmbuf_mtod(frame->next, uint8_t*), payload.data());
      EXPECT_EQ(FrameOf(frame).substr(42), bytes);
      Free(frame);
    }
    ASSERT_TRUE(Eventually([&] { return !payload.in_use(); }));
  }
}

TEST_F(GroupTest, StrategyIsTheSenders) {
  ASSERT_TRUE(group().Add(Members(0, 20)).ok());
  const Payload small = Must(Payload::Copy(SpanOf(Bytes(100, 1))));
  const Payload large = Must(Payload::Copy(SpanOf(Bytes(1000, 1))));
  const auto segments = [&](const Payload& payload, Strategy strategy) {
    SendOptions options;
    options.strategy = strategy;
    EXPECT_EQ(Must(group().Send(payload, options)).sent, 20U);
    std::set<uint16_t> different;
    for (rte_mbuf* frame : TakeAll(20)) {
      different.insert(frame->nb_segs);
      EXPECT_EQ(FrameOf(frame).substr(42), Bytes(payload.size(), 1));
      Free(frame);
    }
    return different;
  };
  EXPECT_EQ(segments(small, Strategy::kAuto), std::set<uint16_t>{1});
  EXPECT_EQ(segments(small, Strategy::kChain), std::set<uint16_t>{2});
  EXPECT_EQ(segments(large, Strategy::kAuto), std::set<uint16_t>{2});
  EXPECT_EQ(segments(large, Strategy::kCopy), std::set<uint16_t>{1});
}

TEST_F(GroupTest, RotationServesAnotherOneFirst) {
  constexpr uint32_t kMembers = 700;
  ASSERT_TRUE(group().Add(Members(0, kMembers)).ok());
  const Payload payload = Must(Payload::Copy(SpanOf("turn")));
  const auto first_of = [&](bool rotate) {
    SendOptions options;
    options.rotate = rotate;
    EXPECT_EQ(Must(group().Send(payload, options)).sent, kMembers);
    uint32_t first = 0;
    std::set<uint32_t> seen;
    for (rte_mbuf* frame : TakeAll(kMembers)) {
      const auto* ip = rte_pktmbuf_mtod_offset(frame, rte_ipv4_hdr*, sizeof(rte_ether_hdr));
      const uint32_t number = ntohl(ip->dst_addr) - 0x0a010000;
      if (seen.empty()) first = number;
      seen.insert(number);
      Free(frame);
    }
    EXPECT_EQ(seen.size(), kMembers) << "everybody, once";
    return first;
  };
  EXPECT_EQ(first_of(false), first_of(false));
  std::set<uint32_t> firsts;
  for (int i = 0; i < 20; i++) firsts.insert(first_of(true));
  EXPECT_EQ(firsts.size(), 20U);
}

// What the callback sends itself goes by the kernel, and the engine can't be stopped in there: also
// for a member that has no line to go by (behind loopback).
TEST_F(GroupTest, PrivateBytesAreAskedForWithinTheUse) {
  std::vector<Recipient> members = Members(0, 3);
  members.emplace_back(Address("127.0.0.1", 9), 3);
  ASSERT_TRUE(group().Add(members).ok());
  TestGroup inner(1);
  inner.SetPayload("inner");
  inner.at(0).giov_dest = Address("10.1.0.9", 5000);
  std::map<uint64_t, int> detached;
  SendOptions options;
  options.private_bytes = [&](const Recipient& member, PrivateBytes*) {
    sendgroup(sd(), inner.buf(), 1, 0, nullptr);
    detached[member.tag()] = groupcast_detach() == 0 ? 0 : errno;
  };
  StartCounting();
  EXPECT_EQ(Must(group().Send(Must(Payload::Copy(SpanOf(Bytes(300, 1)))), options)).members, 4U);
  EXPECT_EQ(detached,
            (std::map<uint64_t, int>{{0, EDEADLK}, {1, EDEADLK}, {2, EDEADLK}, {3, EDEADLK}}));
  EXPECT_EQ(Counted("engine_recipients"), 3U);
  EXPECT_EQ(TakeDatagrams(3).size(), 3U);
}

TEST_F(GroupTest, FailuresNameTheirMembers) {
  std::vector<Recipient> members = Members(0, 600);
  members.push_back(Recipient(Address("192.0.2.1", 9), 1000));  // no route in this namespace
  members.push_back(Recipient(Address("192.0.2.2", 9), 1001));
  ASSERT_TRUE(group().Add(members).ok());
  const Payload payload = Must(Payload::Copy(SpanOf("hello")));
  std::vector<MemberError> errors;
  SendOptions options;
  options.errors = &errors;
  const SendResult result = Must(group().Send(payload, options));
  EXPECT_EQ(result.members, 602U);
  EXPECT_EQ(result.sent, 600U);
  ASSERT_EQ(errors.size(), 2U);
  std::set<uint64_t> tags;
  for (const MemberError& error : errors) {
    EXPECT_EQ(error.error, ENETUNREACH);
    tags.insert(error.member.tag());
  }
  EXPECT_EQ(tags, (std::set<uint64_t>{1000, 1001}));
  EXPECT_EQ(TakeDatagrams(600).size(), 600U);
  // Above the MTU: by the kernel, which has no route.
  const Payload large = Must(Payload::Copy(SpanOf(Bytes(1473, 1))));
  errors.clear();
  EXPECT_EQ(Must(group().Send(large, options)).sent, 0U);
  EXPECT_EQ(errors.size(), 602U);
}

// Also those whose private bytes turn out to be none.
TEST_F(GroupTest, AboveTheMtuGoesByTheKernel) {
  ASSERT_TRUE(group().Add(Members(0, 3)).ok());
  const size_t fits = 1472;
  std::vector<MemberError> errors;
  SendOptions options;
  options.errors = &errors;
  options.private_bytes = [&](const Recipient& member, PrivateBytes* out) {
    static char bytes[1] = {'p'};
    if (member.tag() == 2) out->prepend = {bytes, 1};
  };
  StartCounting();
  // The kernel has no route there.
  EXPECT_EQ(Must(group().Send(Must(Payload::Copy(SpanOf(Bytes(fits + 1, 1)))), options)).sent, 0U);
  ASSERT_EQ(errors.size(), 3U);
  for (const MemberError& error : errors) EXPECT_EQ(error.error, ENETUNREACH);
  EXPECT_EQ(Counted("kernel_mtu"), 3U);
  errors.clear();
  EXPECT_EQ(Must(group().Send(Must(Payload::Copy(SpanOf(Bytes(fits, 1)))), options)).sent, 2U);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].member.tag(), 2U);
  EXPECT_EQ(TakeDatagrams(2).size(), 2U);
}

TEST_F(GroupTest, LinesFollowTheSocketOnRefreshOnly) {
  ASSERT_TRUE(group().Add(Members(0, 600)).ok());
  const Payload payload = Must(Payload::Copy(SpanOf("hello")));
  const int ttl = 9;
  setsockopt(sd(), IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
  const auto ttls = [&] {
    EXPECT_EQ(Must(group().Send(payload)).sent, 600U);
    std::set<uint8_t> different;
    for (rte_mbuf* frame : TakeAll(600)) {
      different.insert(rte_pktmbuf_mtod_offset(frame, rte_ipv4_hdr*, 14)->time_to_live);
      Free(frame);
    }
    return different;
  };
  EXPECT_EQ(ttls(), std::set<uint8_t>{64});
  ASSERT_TRUE(group().Refresh().ok());
  EXPECT_EQ(ttls(), std::set<uint8_t>{9});
}

TEST_F(GroupTest, SurvivesTheEngineAndUsesTheNextOne) {
  ASSERT_TRUE(group().Add(Members(0, 600)).ok());
  const Payload payload = Must(Payload::Copy(SpanOf(Bytes(600, 1))));
  ASSERT_EQ(Must(group().Send(payload)).sent, 600U);
  EXPECT_EQ(TakeDatagrams(600).size(), 600U);
  Detach();
  EXPECT_EQ(Must(group().Send(payload)).sent, 0U) << "the kernel has no route here";
  ASSERT_TRUE(group().Add(Members(600, 10)).ok());
  Attach("net_ring0");
  StartCounting();
  // At once as well as when its lines are made anew.
  for (int i = 0; i < 20; i++) {
    ASSERT_EQ(Must(group().Send(payload)).sent, 610U);
    EXPECT_EQ(TakeDatagrams(610).size(), 610U);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LT(Counted("payload_copies"), 20U) << "in the end by its own lines";
}

}  // namespace
}  // namespace groupcast
