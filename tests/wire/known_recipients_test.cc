// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// sendgroup() again and again with the same recipients, whose lines the thread knows by then, and
// with everything that may change from one call to the next: each frame is what this call says.
#include <rte_ip.h>

#include <cstring>
#include <map>

#include "tests/wire/wire.h"

namespace groupcast {
namespace {

constexpr size_t kRecipients = 150;  // two windows and a bit

class KnownRecipientsTest : public WireTest {
 protected:
  void SetUp() override {
    WireTest::SetUp();
    Attach("net_ring0");
    for (size_t i = 0; i < kRecipients; i++) {
      call_.at(i).giov_dest = Address("10.7.0." + std::to_string(i + 1), 5000);
    }
    call_.SetPayload(Bytes(400, 1));
    // The first ones of their kind, and one that knows them.
    for (int i = 0; i < 3; i++) SendAndCompare();
  }

  // All recipients but those of `failed` get exactly their frame.
  void SendAndCompare(const std::map<size_t, int>& failed = {}, uint8_t ttl = 64) {
    std::vector<int> errors(kRecipients, -1);
    EXPECT_EQ(sendgroup(sd(), call_.buf(), kRecipients, 0, errors.data()),
              static_cast<int>(kRecipients - failed.size()));
    std::map<uint32_t, std::string> frames;
    for (rte_mbuf* frame : TakeAll(kRecipients - failed.size())) {
      const std::string bytes = FrameOf(frame);
      const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(bytes.data() + 14);
      const uint32_t to = ip->dst_addr;
      EXPECT_TRUE(frames.emplace(to, bytes).second);
      Free(frame);
    }
    for (size_t i = 0; i < kRecipients; i++) {
      const auto error = failed.find(i);
      EXPECT_EQ(errors[i], error == failed.end() ? 0 : error->second) << "recipient " << i;
      if (error != failed.end()) continue;
      const sockaddr_in& to = call_.at(i).giov_dest;
      EXPECT_EQ(frames[to.sin_addr.s_addr],
                ExpectedFrame(from(), to, ttl, 0, true, 0, call_.Datagram(i)))
          << "recipient " << i;
    }
  }

  TestGroup call_{kRecipients};
};

TEST_F(KnownRecipientsTest, AgainAndAgainByTheEngine) {
  StartCounting();
  for (int i = 0; i < 5; i++) SendAndCompare();
  EXPECT_EQ(Counted("engine_recipients"), 5 * kRecipients);
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
  EXPECT_EQ(Counted("routes_asked"), 0U);
}

TEST_F(KnownRecipientsTest, AnotherRecipientInItsPlace) {
  call_.at(70).giov_dest = Address("10.8.0.1", 5000);
  SendAndCompare();
  call_.at(149).giov_dest.sin_port = htons(6000);
  SendAndCompare();
  SendAndCompare();
}

TEST_F(KnownRecipientsTest, PrivateBytesOfEachCall) {
  for (size_t round = 0; round < 20; round++) {
    for (size_t i = 0; i < kRecipients; i++) {
      const size_t prepend = round % 4 == 0 ? 12 : (i * round) % 40;
      const size_t append = round % 3 == 0 ? 0 : round % 3 == 1 ? 16 : (i + round) % 30;
      call_.SetPrivate(i, Bytes(prepend, static_cast<uint8_t>(i)),
                       Bytes(append, static_cast<uint8_t>(i + 1)));
    }
    call_.SetPayload(Bytes(round * 37, static_cast<uint8_t>(round)));
    SendAndCompare();
  }
}

TEST_F(KnownRecipientsTest, SocketOptions) {
  const int ttl = 7;
  ASSERT_EQ(setsockopt(sd(), IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
  groupcast_refresh(sd());
  for (int i = 0; i < 3; i++) SendAndCompare({}, 7);
}

TEST_F(KnownRecipientsTest, AnotherSocket) {
  const int other = BoundSocket();
  EXPECT_EQ(sendgroup(other, call_.buf(), kRecipients, 0, nullptr), static_cast<int>(kRecipients));
  EXPECT_EQ(sendgroup(other, call_.buf(), kRecipients, 0, nullptr), static_cast<int>(kRecipients));
  EXPECT_EQ(sendgroup(other, call_.buf(), kRecipients, 0, nullptr), static_cast<int>(kRecipients));
  sockaddr_in source{};
  socklen_t len = sizeof(source);
  getsockname(other, reinterpret_cast<sockaddr*>(&source), &len);
  for (rte_mbuf* frame : TakeAll(3 * kRecipients)) {
    const std::string bytes = FrameOf(frame);
    EXPECT_EQ(std::memcmp(bytes.data() + 34, &source.sin_port, sizeof(source.sin_port)), 0);
    Free(frame);
  }
  close(other);
  SendAndCompare();
}

TEST_F(KnownRecipientsTest, MoreKindsOfCallsThanAreKept) {
  for (size_t n = 1; n < 12; n++) {
    for (int i = 0; i < 3; i++) {
      EXPECT_EQ(sendgroup(sd(), call_.buf(), n, 0, nullptr), static_cast<int>(n));
      for (rte_mbuf* frame : TakeAll(n)) Free(frame);
    }
  }
  SendAndCompare();
}

TEST_F(KnownRecipientsTest, WhatIsWrongWithOne) {
  // The kernel is asked, and has no route here.
  const sockaddr_in good = call_.at(5).giov_dest;
  call_.at(5).giov_dest.sin_port = 0;
  SendAndCompare({{5, EINVAL}});
  call_.at(5).giov_dest = good;
  call_.at(5).giov_dest.sin_family = AF_INET6;
  SendAndCompare({{5, EAFNOSUPPORT}});
  call_.at(5).giov_dest = good;
  call_.at(5).giov_prepend = {nullptr, 3};
  SendAndCompare({{5, ENETUNREACH}});
  call_.SetPrivate(5, std::string(1200, 'x'), "");
  SendAndCompare({{5, ENETUNREACH}});
  call_.SetPrivate(5, "", "");
  SendAndCompare();
}

}  // namespace
}  // namespace groupcast
