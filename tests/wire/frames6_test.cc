// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// IPv6 by the engine, and both families from one socket, byte for byte.
#include <algorithm>

#include "tests/wire/dual_stack.h"

namespace groupcast {
namespace {

constexpr size_t kLargest = 1452;  // of UDP payload in an MTU of 1500

class Frames6Test : public DualStackTest {
 protected:
  void SetUp() override {
    DualStackTest::SetUp();
    Attach("net_ring0");
  }

  // The shapes that fit, each to another recipient; `of` makes those.
  template <typename Of>
  static TestGroup6 EveryShape(size_t payload, const Of& of) {
    const auto fits = [&](const Shape& s) { return s.prepend + payload + s.append <= kLargest; };
    TestGroup6 group(
        static_cast<size_t>(std::count_if(std::begin(kShapes), std::end(kShapes), fits)));
    group.SetPayload(Bytes(payload, 3));
    uint32_t n = 0;
    for (const Shape& shape : kShapes) {
      if (!fits(shape)) continue;
      group.at(n).giov_dest = of(n).address();
      group.SetPrivate(n, Bytes(shape.prepend, static_cast<uint8_t>(n)),
                       Bytes(shape.append, static_cast<uint8_t>(100 + n)));
      n++;
    }
    return group;
  }

  void Send(TestGroup6* group) {
    std::vector<int> errors(group->size(), -1);
    ASSERT_EQ(sendgroup6(sd6(), group->buf(), group->size(), 0, errors.data()),
              static_cast<int>(group->size()));
    EXPECT_EQ(errors, std::vector<int>(group->size(), 0));
  }

  template <typename Of>
  void SendAndCompare(TestGroup6* group, const Of& of) {
    Send(group);
    for (const auto& [number, frame] : TakeByNumber(group->size())) {
      EXPECT_EQ(FrameOf(frame), Expected(of(number), group->Datagram(number)))
          << "recipient " << number;
      Free(frame);
    }
  }
};

TEST_F(Frames6Test, EveryShapeAndSize) {
  for (const size_t payload : {0, 1, 63, 64, 255, 256, 257, 1000, 1001, 1250, 1452}) {
    SCOPED_TRACE(payload);
    TestGroup6 group = EveryShape(payload, Six);
    ASSERT_GE(group.size(), 1U);
    SendAndCompare(&group, Six);
  }
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
}

TEST_F(Frames6Test, BothFamiliesInOneCall) {
  for (const size_t payload : {0, 1, 255, 256, 257, 1001, 1452}) {
    SCOPED_TRACE(payload);
    TestGroup6 group = EveryShape(payload, Either);
    SendAndCompare(&group, Either);
  }
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
}

TEST_F(Frames6Test, PrivateBytesLongerThanAHead) {
  TestGroup6 group(3);
  group.SetPayload(Bytes(300, 1));
  for (uint32_t i = 0; i < 3; i++) group.at(i).giov_dest = Six(i).address();
  group.SetPrivate(0, Bytes(1100, 5), "");
  group.SetPrivate(1, "", Bytes(1100, 6));
  group.SetPrivate(2, Bytes(571, 7), Bytes(577, 8));
  SendAndCompare(&group, Six);
}

// A checksum of zero would mean that there is none: it is sent as 0xffff.
TEST_F(Frames6Test, AChecksumIsNeverZero) {
  for (uint32_t number = 0; number < 20; number++) {
    const Recipient to = Either(number);
    const std::string zeroes = Expected(to, std::string(300, '\0'));
    const size_t checksum_at = zeroes.size() - 300 - 2;
    TestGroup6 group(1);
    group.SetPayload(zeroes.substr(checksum_at, 2) + std::string(298, '\0'));
    group.at(0).giov_dest = to.address();
    Send(&group);
    for (rte_mbuf* frame : TakeAll(1)) {
      EXPECT_EQ(FrameOf(frame).substr(checksum_at, 2), "\xff\xff");
      EXPECT_EQ(FrameOf(frame), Expected(to, group.Datagram(0)));
      Free(frame);
    }
  }
}

TEST_F(Frames6Test, SocketOptionsShow) {
  const int hops = 7, traffic_class = 0xb9, ttl = 9, tos = 0x28;
  setsockopt(sd6(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
  setsockopt(sd6(), IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof(traffic_class));
  setsockopt(sd6(), IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
  setsockopt(sd6(), IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
  ASSERT_EQ(groupcast_refresh(sd6()), 0);
  TestGroup6 group(100);
  group.SetPayload(Bytes(600, 9));
  for (uint32_t i = 0; i < group.size(); i++) group.at(i).giov_dest = Either(i).address();
  Send(&group);
  const sockaddr_in from = Address(kSource, ntohs(from6().sin6_port));
  for (const auto& [number, frame] : TakeByNumber(group.size())) {
    const Recipient to = Either(number);
    EXPECT_EQ(FrameOf(frame),
              to.is_ipv4() ? ExpectedFrame(from, to.ipv4(), 9, 0x28, true, 0, group.Datagram(0))
                           : ExpectedFrame6(from6(), to.address(), 7, 0xb9, 0, group.Datagram(0)));
    Free(frame);
  }
}

TEST_F(Frames6Test, AutomaticFlowLabelsAreAFlowsOwnAndStay) {
  const int on = 1;
  setsockopt(sd6(), IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, &on, sizeof(on));
  ASSERT_EQ(groupcast_refresh(sd6()), 0);
  TestGroup6 group(50);
  group.SetPayload(Bytes(300, 9));
  for (uint32_t i = 0; i < group.size(); i++) group.at(i).giov_dest = Six(i).address();
  std::map<uint32_t, uint32_t> labels;  // by recipient
  for (int call = 0; call < 2; call++) {
    Send(&group);
    for (const auto& [number, frame] : TakeByNumber(group.size())) {
      const auto* ip = rte_pktmbuf_mtod_offset(frame, const rte_ipv6_hdr*, sizeof(rte_ether_hdr));
      const uint32_t label = ntohl(ip->vtc_flow) & RTE_IPV6_HDR_FL_MASK;
      EXPECT_NE(label, 0U);
      EXPECT_EQ(labels.emplace(number, label).first->second, label);
      EXPECT_EQ(FrameOf(frame),
                ExpectedFrame6(from6(), Six(number).address(), 64, 0, label, group.Datagram(0)));
      Free(frame);
    }
  }
  std::vector<uint32_t> different;
  for (const auto& [number, label] : labels) different.push_back(label);
  std::sort(different.begin(), different.end());
  different.erase(std::unique(different.begin(), different.end()), different.end());
  EXPECT_GT(different.size(), 45U);
}

TEST_F(Frames6Test, AboveTheMtuGoesByTheKernel) {
  TestGroup6 group(2);
  group.SetPayload(Bytes(kLargest + 1, 1));
  group.at(0).giov_dest = Four(0).address();
  group.at(1).giov_dest = Six(1).address();
  std::vector<int> errors(2, -1);
  // IPv4's headers are 20 bytes shorter.
  EXPECT_EQ(sendgroup6(sd6(), group.buf(), 2, 0, errors.data()), 1);
  EXPECT_EQ(errors, std::vector<int>({0, KernelError(Six(1), kLargest + 1)}));
  EXPECT_EQ(Counted("kernel_mtu"), 1U);
  for (rte_mbuf* frame : TakeAll(1)) {
    EXPECT_EQ(FrameOf(frame), Expected(Four(0), group.Datagram(0)));
    Free(frame);
  }
}

TEST_F(Frames6Test, AGroupOfBothFamilies) {
  constexpr uint32_t kMembers = 1000;
  Group group = Must(Group::Create(sd6()));
  ASSERT_TRUE(group.Add(Many(kMembers)).ok());
  for (const size_t payload_len : {0, 1, 256, 257, 1000, 1251}) {
    SCOPED_TRACE(payload_len);
    const std::string bytes = Bytes(payload_len, 9);
    const Payload payload = Must(Payload::Copy(SpanOf(bytes)));
    std::string prepend, append;
    SendOptions options;
    options.private_bytes = [&](const Recipient& member, PrivateBytes* out) {
      const Shape& shape = kShapes[member.tag() % std::size(kShapes)];
      prepend = Bytes(shape.prepend, static_cast<uint8_t>(member.tag()));
      append = Bytes(shape.append, static_cast<uint8_t>(member.tag() + 1));
      out->prepend = {prepend.data(), prepend.size()};
      out->append = {append.data(), append.size()};
    };
    ASSERT_EQ(Must(group.Send(payload, options)).sent, kMembers);
    for (const auto& [number, frame] : TakeByNumber(kMembers)) {
      const Shape& shape = kShapes[number % std::size(kShapes)];
      EXPECT_EQ(
          FrameOf(frame),
          Expected(Either(number), Bytes(shape.prepend, static_cast<uint8_t>(number)) + bytes +
                                       Bytes(shape.append, static_cast<uint8_t>(number + 1))))
          << "member " << number;
      Free(frame);
    }
    ASSERT_EQ(Must(group.Send(payload)).sent, kMembers);
    for (const auto& [number, frame] : TakeByNumber(kMembers)) {
      EXPECT_EQ(FrameOf(frame), Expected(Either(number), bytes)) << "member " << number;
      Free(frame);
    }
  }
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
}

}  // namespace
}  // namespace groupcast
