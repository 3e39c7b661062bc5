// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What leaves by the engine, byte for byte, and how its packets are put together.
#include <rte_ether.h>
#include <rte_ip.h>
#include <sys/socket.h>

#include <cstring>
#include <set>

#include "tests/wire/wire.h"

namespace groupcast {
namespace {

struct Shape {
  size_t prepend;
  size_t append;
};

class FramesTest : public WireTest {
 protected:
  void SetUp() override {
    WireTest::SetUp();
    Attach("net_ring0");
  }

  // Sends `group` and compares each frame with what it shall be.
  void SendAndCompare(TestGroup* group, uint8_t ttl = 64, uint8_t tos = 0,
                      bool dont_fragment = true) {
    std::vector<int> errors(group->size(), -1);
    ASSERT_EQ(sendgroup(sd(), group->buf(), group->size(), 0, errors.data()),
              static_cast<int>(group->size()));
    const std::vector<rte_mbuf*> frames = TakeAll(group->size());
    for (size_t i = 0; i < frames.size(); i++) {
      EXPECT_EQ(errors[i], 0);
      const std::string frame = FrameOf(frames[i]);
      const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(frame.data() + sizeof(rte_ether_hdr));
      if (dont_fragment) {
        EXPECT_EQ(ip->packet_id, 0);
      }
      EXPECT_EQ(frame, ExpectedFrame(from(), group->at(i).giov_dest, ttl, tos, dont_fragment,
                                     ip->packet_id, group->Datagram(i)))
          << "recipient " << i;
      EXPECT_EQ(rte_mbuf_check(frames[i], 1, nullptr), 0);
      Free(frames[i]);
    }
  }
};

TEST_F(FramesTest, EveryShapeAndSize) {
  const Shape shapes[] = {{0, 0}, {1, 0},  {12, 0}, {7, 0},    {0, 1},
                          {0, 8}, {7, 10}, {12, 3}, {100, 101}};
  for (const size_t payload : {0, 1, 63, 64, 255, 256, 257, 1000, 1001, 1270, 1472}) {
    TestGroup group(std::size(shapes));
    group.SetPayload(Bytes(payload, 3));
    size_t n = 0;
    for (const Shape& shape : shapes) {
      if (shape.prepend + payload + shape.append > 1472) continue;
      group.at(n).giov_dest =
          Address("10.1.0." + std::to_string(n + 1), static_cast<uint16_t>(5000 + n));
      group.SetPrivate(n, Bytes(shape.prepend, static_cast<uint8_t>(n)),
                       Bytes(shape.append, static_cast<uint8_t>(100 + n)));
      n++;
    }
    TestGroup exact(n);
    exact.SetPayload(Bytes(payload, 3));
    for (size_t i = 0; i < n; i++) {
      exact.at(i).giov_dest = group.at(i).giov_dest;
      exact.SetPrivate(i, group.prepend(i), group.append(i));
    }
    SCOPED_TRACE(payload);
    SendAndCompare(&exact);
  }
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
}

TEST_F(FramesTest, PrivateBytesLongerThanAHead) {
  TestGroup group(3);
  group.SetPayload(Bytes(300, 1));
  for (size_t i = 0; i < 3; i++)
    group.at(i).giov_dest = Address("10.0.0.9", static_cast<uint16_t>(6000 + i));
  group.SetPrivate(0, Bytes(1100, 5), "");
  group.SetPrivate(1, "", Bytes(1100, 6));
  group.SetPrivate(2, Bytes(585, 7), Bytes(587, 8));
  SendAndCompare(&group);
}

TEST_F(FramesTest, SocketOptionsShow) {
  const int ttl = 7, tos = 0xb8, discover = IP_PMTUDISC_DONT;
  setsockopt(sd(), IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
  setsockopt(sd(), IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
  setsockopt(sd(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
  ASSERT_EQ(groupcast_refresh(sd()), 0);
  TestGroup group(100);
  group.SetPayload(Bytes(600, 9));
  for (size_t i = 0; i < group.size(); i++)
    group.at(i).giov_dest = Address("10.2.0.1", static_cast<uint16_t>(1 + i));
  SendAndCompare(&group, 7, 0xb8, false);
}

TEST_F(FramesTest, IpIdsCountWithoutDontFragment) {
  const int discover = IP_PMTUDISC_DONT;
  setsockopt(sd(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
  ASSERT_EQ(groupcast_refresh(sd()), 0);
  TestGroup group(50);
  group.SetPayload("x");
  for (size_t i = 0; i < group.size(); i++)
    group.at(i).giov_dest = Address("10.2.0.1", static_cast<uint16_t>(1 + i));
  ASSERT_EQ(sendgroup(sd(), group.buf(), group.size(), 0, nullptr), 50);
  std::set<uint16_t> ids;
  for (rte_mbuf* frame : TakeAll(50)) {
    ids.insert(rte_pktmbuf_mtod_offset(frame, rte_ipv4_hdr*, sizeof(rte_ether_hdr))->packet_id);
    Free(frame);
  }
  EXPECT_EQ(ids.size(), 50U);
}

TEST_F(FramesTest, LargePayloadIsOneMbufInEveryChain) {
  TestGroup group(100);
  group.SetPayload(Bytes(1000, 1));
  for (size_t i = 0; i < group.size(); i++) {
    group.at(i).giov_dest = Address("10.3.0.1", static_cast<uint16_t>(1 + i));
    group.SetPrivate(i, Bytes(12, static_cast<uint8_t>(i)), "");
  }
  ASSERT_EQ(sendgroup(sd(), group.buf(), group.size(), 0, nullptr), 100);
  std::set<const void*> payloads;
  for (rte_mbuf* frame : TakeAll(100)) {
    EXPECT_EQ(frame->nb_segs, 2);
    payloads.insert(rte_pktmbuf_mtod(frame->next, void*));
    Free(frame);
  }
  EXPECT_EQ(payloads.size(), 1U) << "one copy of the payload";
  EXPECT_EQ(Counted("payload_copies"), 1U);
  EXPECT_EQ(Counted("chained"), 100U);
}

// As packets without a copy cost more, or less (DESIGN 2.2).
TEST_F(FramesTest, SegmentsByPayloadAndRecipients) {
  struct Case {
    size_t recipients, payload;
    const char* append;
    uint16_t segments;
  };
  for (const Case& c : {Case{100, 256, "", 1},
                        {100, 257, "", 2},
                        {1, 256, "", 1},
                        {1, 257, "", 2},
                        {100, 300, "tail", 1},
                        {15, 300, "tail", 3},
                        {100, 1000, "tail", 3}}) {
    SCOPED_TRACE(testing::Message() << c.recipients << " x " << c.payload << c.append);
    TestGroup group(c.recipients);
    group.SetPayload(Bytes(c.payload, 1));
    for (size_t i = 0; i < c.recipients; i++) {
      group.at(i).giov_dest = Address("10.3.0.1", static_cast<uint16_t>(1 + i));
      group.SetPrivate(i, "head", c.append);
    }
    ASSERT_EQ(sendgroup(sd(), group.buf(), c.recipients, 0, nullptr),
              static_cast<int>(c.recipients));
    const std::vector<rte_mbuf*> frames = TakeAll(c.recipients);
    ASSERT_EQ(frames.size(), c.recipients);
    for (rte_mbuf* frame : frames) {
      EXPECT_EQ(frame->nb_segs, c.segments);
      EXPECT_EQ(FrameOf(frame).substr(42), "head" + Bytes(c.payload, 1) + c.append);
      Free(frame);
    }
  }
  EXPECT_EQ(Counted("copied"), 201U);
  EXPECT_EQ(Counted("appended"), 115U);
}

TEST_F(FramesTest, AboveTheMtuGoesByTheKernel) {
  TestGroup group(1);
  group.SetPayload(Bytes(1473, 1));
  group.at(0).giov_dest = Address("10.3.0.1", 9);
  int error = 0;
  EXPECT_EQ(sendgroup(sd(), group.buf(), 1, 0, &error), 0);
  EXPECT_EQ(error, ENETUNREACH);
  EXPECT_EQ(Counted("kernel_mtu"), 1U);
}

TEST_F(FramesTest, TheCallersBytesAreReadBeforeItReturns) {
  TestGroup group(200);
  std::string payload = Bytes(700, 1);
  group.SetPayload(payload);
  for (size_t i = 0; i < group.size(); i++)
    group.at(i).giov_dest = Address("10.4.0.1", static_cast<uint16_t>(1 + i));
  ASSERT_EQ(sendgroup(sd(), group.buf(), group.size(), 0, nullptr), 200);
  std::memset(group.buf()->shared.iov_base, 0xee, group.buf()->shared.iov_len);
  for (rte_mbuf* frame : TakeAll(200)) {
    EXPECT_EQ(FrameOf(frame).substr(42), payload);
    Free(frame);
  }
}

}  // namespace
}  // namespace groupcast
