// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/header_line.h"

#include <gtest/gtest.h>
#include <rte_ip.h>

#include <random>
#include <string>

namespace groupcast {
namespace {

// A whole IPv4 datagram made from a line, as the assembler does.
struct Datagram {
  alignas(8) uint8_t bytes[kIpv4Headers + 2048];
  rte_ipv4_hdr* ip() { return reinterpret_cast<rte_ipv4_hdr*>(bytes); }
  rte_udp_hdr* udp() { return reinterpret_cast<rte_udp_hdr*>(ip() + 1); }
  uint16_t WrittenUdpChecksum() { return udp()->dgram_cksum; }
  uint16_t DpdksUdpChecksum() {
    Datagram copy = *this;
    copy.udp()->dgram_cksum = 0;
    return rte_ipv4_udptcp_cksum(copy.ip(), copy.udp());
  }
};

class HeaderLineTest : public testing::Test {
 protected:
  std::string Random(size_t len) {
    std::string bytes(len, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  void Make(const Ipv4Sender& sender, const std::string& prepend, const std::string& payload,
            const std::string& append, uint16_t id, Datagram* datagram) {
    const uint16_t append_sum = SumBytes(append.data(), append.size());
    const uint16_t private_sum = FoldSum(uint32_t{SumBytes(prepend.data(), prepend.size())} +
                                         SumAt(append_sum, prepend.size() + payload.size()));
    HeaderLine line;
    WriteIpv4Line(sender, static_cast<rte_be32_t>(random_()), static_cast<rte_be16_t>(random_()),
                  private_sum, &line);
    std::memcpy(datagram->bytes, line.headers, kIpv4Headers);
    const std::string data = prepend + payload + append;
    std::memcpy(datagram->bytes + kIpv4Headers, data.data(), data.size());
    const uint16_t payload_sum = SumBytes(payload.data(), payload.size());
    FinishIpv4(line, static_cast<uint16_t>(data.size()), SumAt(payload_sum, prepend.size()), id,
               datagram->ip());
  }

  std::mt19937 random_{20080528};
};

// DPDK's own checksum functions are the judge, over random bytes of all small lengths.
TEST_F(HeaderLineTest, ChecksumsAreDpdksOwn) {
  for (int round = 0; round < 20'000; round++) {
    const std::string prepend = Random(random_() % 20), payload = Random(random_() % 1000),
                      append = Random(random_() % 20);
    const Ipv4Sender sender = {static_cast<rte_be32_t>(random_()),
                               static_cast<rte_be16_t>(random_()), static_cast<uint8_t>(random_()),
                               static_cast<uint8_t>(random_()), random_() % 2 == 0};
    Datagram datagram;
    Make(sender, prepend, payload, append, static_cast<uint16_t>(random_()), &datagram);
    ASSERT_EQ(rte_ipv4_cksum(datagram.ip()), 0) << "round " << round;
    ASSERT_EQ(datagram.WrittenUdpChecksum(), datagram.DpdksUdpChecksum())
        << "round " << round << ": " << prepend.size() << "+" << payload.size() << "+"
        << append.size();
    ASSERT_NE(datagram.udp()->dgram_cksum, 0) << "0 would mean: no checksum";
  }
}

// All ones and all zero bytes make the sums that fold to the two zeros of one's complement.
TEST_F(HeaderLineTest, ZeroChecksumIsSentAsAllOnes) {
  const Ipv4Sender sender = {0, 0, 64, 0, true};
  int zeros = 0;
  for (uint32_t first = 0; first <= 0xffff; first++) {
    const std::string payload = {static_cast<char>(first >> 8), static_cast<char>(first)};
    HeaderLine line;
    WriteIpv4Line(sender, 0, 0, 0, &line);
    Datagram datagram;
    std::memcpy(datagram.bytes, line.headers, kIpv4Headers);
    std::memcpy(datagram.bytes + kIpv4Headers, payload.data(), payload.size());
    FinishIpv4(line, 2, SumBytes(payload.data(), 2), 0, datagram.ip());
    ASSERT_EQ(datagram.WrittenUdpChecksum(), datagram.DpdksUdpChecksum()) << first;
    ASSERT_NE(datagram.udp()->dgram_cksum, 0);
    zeros += datagram.udp()->dgram_cksum == 0xffff ? 1 : 0;
  }
  EXPECT_EQ(zeros, 1);
}

TEST(SumAt, SwapsAtOddOffsetsOnly) {
  EXPECT_EQ(SumAt(0x1234, 0), 0x1234);
  EXPECT_EQ(SumAt(0x1234, 7), 0x3412);
}

TEST(WriteEthernet, TagDoesNotReachTheWire) {
  NextHop hop;
  const rte_ether_addr from = {{2, 1, 1, 1, 1, 1}}, to = {{2, 2, 2, 2, 2, 2}};
  hop.SetEthernet(from, to, RTE_BE16(RTE_ETHER_TYPE_IPV4), 0xabcd);
  EXPECT_EQ(hop.Tag(), 0xabcd);
  uint8_t frame[kEthernetHeader + 1] = {};
  frame[kEthernetHeader] = 0x45;
  WriteEthernet(hop.destination_and_tag.load(), hop, frame);
  const uint8_t expected[] = {2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0x08, 0x00, 0x45};
  EXPECT_EQ(std::memcmp(frame, expected, sizeof(expected)), 0);
}

}  // namespace
}  // namespace groupcast
