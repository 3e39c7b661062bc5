// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/rtp.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace groupcast {
namespace {

constexpr uint64_t kTicks = 1'000'000;  // a second

std::vector<uint8_t> Packet(uint32_t source, uint16_t sequence, uint32_t timestamp,
                            size_t len = 100) {
  std::vector<uint8_t> packet(len);
  WriteRtp({{0x80, 96}, sequence, timestamp}, {source, 0, 0}, packet.data());
  return packet;
}

class RtpTest : public testing::Test {
 protected:
  RtpPlace Translate(uint32_t source, uint16_t sequence, uint32_t timestamp, uint64_t now = 0) {
    const std::vector<uint8_t> packet = Packet(source, sequence, timestamp);
    RtpPlace place{};
    EXPECT_TRUE(stream_.Translate(packet.data(), packet.size(), now, &place));
    return place;
  }
  bool IsRtp(const std::vector<uint8_t>& packet) {
    RtpPlace place;
    return RtpStream(90000, kTicks).Translate(packet.data(), packet.size(), 0, &place);
  }
  RtpStream stream_{90000, kTicks};
};

TEST_F(RtpTest, OneSourceIsLeftAsItIs) {
  for (uint32_t i = 0; i < 70000; i++) {
    const RtpPlace place = Translate(7, static_cast<uint16_t>(65000 + i), 4294960000u + i * 160);
    ASSERT_EQ(place.sequence, static_cast<uint16_t>(65000 + i));
    ASSERT_EQ(place.timestamp, 4294960000u + i * 160);
  }
  EXPECT_EQ(stream_.restarts(), 0U);
}

TEST_F(RtpTest, LossAndOrderShow) {
  EXPECT_EQ(Translate(7, 100, 0).sequence, 100);
  EXPECT_EQ(Translate(7, 110, 0).sequence, 110);
  EXPECT_EQ(Translate(7, 105, 0).sequence, 105);
  EXPECT_EQ(Translate(7, 111, 0).sequence, 111);
  EXPECT_EQ(stream_.restarts(), 0U);
}

TEST_F(RtpTest, AnotherSourceGoesOn) {
  EXPECT_EQ(Translate(7, 65535, 5000).sequence, 65535);
  // Two seconds later, of its own numbers.
  const RtpPlace first = Translate(8, 40, 77, 2 * kTicks);
  EXPECT_EQ(first.sequence, 0);
  EXPECT_EQ(first.timestamp, 5000U + 2 * 90000);
  const RtpPlace second = Translate(8, 41, 77 + 3000, 2 * kTicks);
  EXPECT_EQ(second.sequence, 1);
  EXPECT_EQ(second.timestamp, first.timestamp + 3000);
  EXPECT_EQ(stream_.restarts(), 1U);
}

TEST_F(RtpTest, AJumpOfOneSourceIsARestart) {
  EXPECT_EQ(Translate(7, 100, 0).sequence, 100);
  EXPECT_EQ(Translate(7, 40000, 0).sequence, 101);
  EXPECT_EQ(Translate(7, 40001, 0).sequence, 102);
  EXPECT_EQ(Translate(7, 20, 0).sequence, 103);
  EXPECT_EQ(stream_.restarts(), 2U);
}

TEST_F(RtpTest, TwoSourcesAtOnceMakeOneStream) {
  uint16_t expected = Translate(7, 5, 0).sequence;
  for (uint16_t i = 0; i < 100; i++) {
    EXPECT_EQ(Translate(8, static_cast<uint16_t>(900 + i), 0).sequence, ++expected);
    EXPECT_EQ(Translate(7, static_cast<uint16_t>(6 + i), 0).sequence, ++expected);
  }
}

TEST_F(RtpTest, WhatIsNoRtp) {
  EXPECT_TRUE(IsRtp(Packet(1, 1, 1, 12)));
  EXPECT_FALSE(IsRtp({}));
  std::vector<uint8_t> packet = Packet(1, 1, 1, 12);
  packet.pop_back();
  EXPECT_FALSE(IsRtp(packet)) << "shorter than a header";
  for (const int version : {0, 1, 3}) {
    packet = Packet(1, 1, 1);
    packet[0] = static_cast<uint8_t>(version << 6);
    EXPECT_FALSE(IsRtp(packet)) << "version " << version;
  }
  for (int type = 0; type < 256; type++) {
    packet = Packet(1, 1, 1);
    packet[1] = static_cast<uint8_t>(type);
    EXPECT_EQ(IsRtp(packet), type < 192 || type > 223) << "RTCP has types from 192 to 223";
  }
  packet = Packet(1, 1, 1, 12 + 15 * 4);
  packet[0] |= 15;  // contributing sources
  EXPECT_TRUE(IsRtp(packet));
  packet.pop_back();
  EXPECT_FALSE(IsRtp(packet));
  packet = Packet(1, 1, 1, 12 + 4 + 8);
  packet[0] |= 0x10;  // an extension of two words
  packet[15] = 2;
  EXPECT_TRUE(IsRtp(packet));
  packet[15] = 3;
  EXPECT_FALSE(IsRtp(packet));
  packet[14] = packet[15] = 0xff;
  EXPECT_FALSE(IsRtp(packet));
  packet.resize(14);
  EXPECT_FALSE(IsRtp(packet));
  packet = Packet(1, 1, 1, 20);
  packet[0] |= 0x20;  // padding
  for (const int padding : {0, 9, 255}) {
    packet.back() = static_cast<uint8_t>(padding);
    EXPECT_FALSE(IsRtp(packet)) << padding << " bytes of padding";
  }
  packet.back() = 8;
  EXPECT_TRUE(IsRtp(packet));
}

// Another thread's packets of the same source have their place between these.
TEST_F(RtpTest, BasesForOthers) {
  RtpBases bases;
  const std::vector<uint8_t> packet = Packet(8, 42, 77 + 6000);
  RtpPlace place{};
  EXPECT_FALSE(bases.Translate(packet.data(), &place));
  Translate(7, 65535, 5000);
  bases.Publish(stream_);
  EXPECT_FALSE(bases.Translate(packet.data(), &place)) << "another source";
  const RtpPlace first = Translate(8, 40, 77, 2 * kTicks);
  bases.Publish(stream_);
  ASSERT_TRUE(bases.Translate(packet.data(), &place));
  EXPECT_EQ(place.sequence, static_cast<uint16_t>(first.sequence + 2));
  EXPECT_EQ(place.timestamp, first.timestamp + 6000);
}

TEST(RtpOffsets, EachRecipientHasItsOwn) {
  std::set<uint32_t> sources;
  std::set<uint16_t> sequences;
  for (uint32_t i = 0; i < 10000; i++) {
    const IpAddress address = IpAddress::FromIpv4(rte_cpu_to_be_32(0x0a000000 + i));
    const RtpOffsets one = RtpOffsetsOf(5, address, 1);
    EXPECT_EQ(one.source, RtpOffsetsOf(5, address, 1).source);
    EXPECT_NE(one.source, RtpOffsetsOf(6, address, 1).source);
    EXPECT_NE(one.source, RtpOffsetsOf(5, address, 2).source);
    sources.insert(one.source);
    sequences.insert(one.sequence);
  }
  EXPECT_EQ(sources.size(), 10000U);
  // 10,000 of 65,536 at random: 9,275 different ones are expected.
  EXPECT_GT(sequences.size(), 9000U);
}

}  // namespace
}  // namespace groupcast
