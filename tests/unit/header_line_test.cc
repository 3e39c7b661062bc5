// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/header_line.h"

#include <gtest/gtest.h>
#include <rte_ip.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "engine/datapath/packet_head.h"

namespace groupcast {
namespace {

// A whole datagram made from a line, as the assembler does.
struct Datagram {
  alignas(8) uint8_t frame[kEthernetHeader + kIpv6Headers + 2048 + kPrivateSlack];
  bool ipv6 = false;
  uint8_t* bytes() { return frame + kEthernetHeader; }
  rte_ipv4_hdr* ip() { return reinterpret_cast<rte_ipv4_hdr*>(bytes()); }
  rte_ipv6_hdr* ip6() { return reinterpret_cast<rte_ipv6_hdr*>(bytes()); }
  rte_udp_hdr* udp() {
    return reinterpret_cast<rte_udp_hdr*>(bytes() + (ipv6 ? kIpv6Headers : kIpv4Headers) -
                                          sizeof(rte_udp_hdr));
  }
  uint16_t WrittenUdpChecksum() { return udp()->dgram_cksum; }
  uint16_t DpdksUdpChecksum() {
    Datagram copy = *this;
    copy.udp()->dgram_cksum = 0;
    return ipv6 ? rte_ipv6_udptcp_cksum(copy.ip6(), copy.udp())
                : rte_ipv4_udptcp_cksum(copy.ip(), copy.udp());
  }
};

class HeaderLineTest : public testing::Test {
 protected:
  std::string Random(size_t len) {
    std::string bytes(len, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  IpAddress RandomAddress() {
    IpAddress address;
    for (uint8_t& byte : address.bytes) byte = static_cast<uint8_t>(random_());
    return address;
  }

  void WriteLine(bool ipv6, HeaderLine* line) {
    const auto source_port = static_cast<rte_be16_t>(random_());
    const auto udp_port = static_cast<rte_be16_t>(random_());
    const auto hops = static_cast<uint8_t>(random_()), tos = static_cast<uint8_t>(random_());
    if (ipv6) {
      const Ipv6Sender sender = {RandomAddress(), source_port, hops, tos,
                                 static_cast<uint32_t>(random_())};
      WriteIpv6Line(sender, RandomAddress(), udp_port, line);
    } else {
      const Ipv4Sender sender = {static_cast<rte_be32_t>(random_()), source_port, hops, tos,
                                 random_() % 2 == 0};
      WriteIpv4Line(sender, static_cast<rte_be32_t>(random_()), udp_port, line);
    }
  }

  void Make(bool ipv6, const std::string& prepend, const std::string& payload,
            const std::string& append, uint16_t id, uint8_t most_hops, Datagram* datagram) {
    const uint16_t append_sum = SumBytes(append.data(), append.size());
    const uint16_t private_sum = FoldSum(uint32_t{SumBytes(prepend.data(), prepend.size())} +
                                         SumAt(append_sum, prepend.size() + payload.size()));
    HeaderLine line;
    WriteLine(ipv6, &line);
    ASSERT_EQ(IsIpv6(line), ipv6);
    datagram->ipv6 = ipv6;
    const HeadForm form(EthernetForm{}, line, static_cast<uint16_t>(prepend.size()),
                        static_cast<uint32_t>(payload.size()), static_cast<uint16_t>(append.size()),
                        SumBytes(payload.data(), payload.size()), most_hops);
    ASSERT_EQ(form.len, kEthernetHeader + IpUdpLen(line) + prepend.size());
    std::string slack = prepend;
    slack.resize(prepend.size() + kPrivateSlack);
    const PrivateBytesOf private_bytes = {reinterpret_cast<const uint8_t*>(slack.data()),
                                          private_sum};
    uint16_t next_id = id;
    WritePacketHead(form, line, private_bytes, &next_id, datagram->frame);
    ASSERT_EQ(next_id, static_cast<uint16_t>(id + form.counts_ids));
    const std::string behind = payload + append;
    std::memcpy(datagram->frame + form.len, behind.data(), behind.size());
    const uint8_t hops = ipv6 ? datagram->ip6()->hop_limits : datagram->ip()->time_to_live;
    const uint8_t own = line.headers[ipv6 ? 7 : 8];
    ASSERT_EQ(hops, most_hops == 0 ? own : std::min(own, most_hops));
    if (ipv6) return;
    ASSERT_EQ(datagram->ip()->packet_id, form.counts_ids ? id : 0);
  }

  std::mt19937 random_{20080528};
};

// DPDK's own checksum functions are the judge, over random bytes of all small lengths.
TEST_F(HeaderLineTest, ChecksumsAreDpdksOwn) {
  for (int round = 0; round < 40'000; round++) {
    const bool ipv6 = round % 2 == 1;
    const std::string prepend = Random(random_() % 20), payload = Random(random_() % 1000),
                      append = Random(random_() % 20);
    Datagram datagram;
    Make(ipv6, prepend, payload, append, static_cast<uint16_t>(random_()),
         random_() % 2 == 0 ? uint8_t{0} : static_cast<uint8_t>(random_()), &datagram);
    const size_t len = prepend.size() + payload.size() + append.size() + sizeof(rte_udp_hdr);
    if (ipv6) {
      ASSERT_EQ(datagram.ip6()->payload_len, rte_cpu_to_be_16(static_cast<uint16_t>(len)));
    } else {
      ASSERT_EQ(rte_ipv4_cksum(datagram.ip()), 0) << "round " << round;
    }
    ASSERT_EQ(datagram.WrittenUdpChecksum(), datagram.DpdksUdpChecksum())
        << "round " << round << ": " << prepend.size() << "+" << payload.size() << "+"
        << append.size();
    ASSERT_NE(datagram.udp()->dgram_cksum, 0) << "0 would mean: no checksum";
  }
}

TEST_F(HeaderLineTest, Ipv6HeaderIsWhatTheSenderSays) {
  Ipv6Sender sender = {RandomAddress(), RTE_BE16(4000), 63, 0xb8, 0xfffabcde};
  const IpAddress destination = RandomAddress();
  HeaderLine line;
  WriteIpv6Line(sender, destination, RTE_BE16(5000), &line);
  const uint8_t first[] = {0x6b, 0x8a, 0xbc, 0xde, 0, 0, IPPROTO_UDP, 63};
  EXPECT_EQ(std::memcmp(line.headers, first, sizeof(first)), 0) << "the label has 20 bits";
  EXPECT_EQ(std::memcmp(line.headers + 8, sender.source.bytes.data(), 16), 0);
  EXPECT_EQ(std::memcmp(line.headers + 24, destination.bytes.data(), 16), 0);
  const uint8_t ports[] = {0x0f, 0xa0, 0x13, 0x88};
  EXPECT_EQ(std::memcmp(line.headers + 40, ports, sizeof(ports)), 0);
}

// All ones and all zero bytes make the sums that fold to the two zeros of one's complement.
TEST_F(HeaderLineTest, ZeroChecksumIsSentAsAllOnes) {
  const Ipv4Sender sender = {0, 0, 64, 0, true};
  int zeros = 0;
  for (uint32_t first = 0; first <= 0xffff; first++) {
    const std::string payload = {static_cast<char>(first >> 8), static_cast<char>(first)};
    HeaderLine line;
    WriteIpv4Line(sender, 0, 0, &line);
    Datagram datagram;
    const HeadForm form(EthernetForm{}, line, 0, 2, 0, SumBytes(payload.data(), 2), 0);
    uint16_t id = 0;
    WritePacketHead(form, line, {nullptr, 0}, &id, datagram.frame);
    std::memcpy(datagram.frame + form.len, payload.data(), payload.size());
    ASSERT_EQ(datagram.WrittenUdpChecksum(), datagram.DpdksUdpChecksum()) << first;
    ASSERT_NE(datagram.udp()->dgram_cksum, 0);
    zeros += datagram.udp()->dgram_cksum == 0xffff ? 1 : 0;
  }
  EXPECT_EQ(zeros, 1);
}

TEST_F(HeaderLineTest, SumOfBytesIsDpdksOwn) {
  for (size_t len = 0; len < 300; len++) {
    for (int round = 0; round < 20; round++) {
      // All ones and all zeros are the two that differ in how they are zero.
      std::string bytes = Random(len + 1);
      if (round < 2) bytes.assign(len + 1, round == 0 ? '\xff' : '\0');
      const char* from = bytes.data() + round % 2;  // odd addresses, too
      const size_t n = len + 1 - static_cast<size_t>(round % 2);
      ASSERT_EQ(SumBytes(from, n), rte_raw_cksum(from, n)) << n << " bytes, round " << round;
    }
  }
  EXPECT_EQ(SumBytes(nullptr, 0), 0);
}

TEST(SumAt, SwapsAtOddOffsetsOnly) {
  EXPECT_EQ(SumAt(0x1234, 0), 0x1234);
  EXPECT_EQ(SumAt(0x1234, 7), 0x3412);
}

// The first bytes of a frame to `hop`.
std::string FrameTo(const NextHop& hop) {
  HeaderLine line;
  WriteIpv4Line({0, 0, 64, 0, true}, 0, 0, &line);
  const HeadForm form(EthernetForm::Of(hop), line, 0, 0, 0, 0, 0);
  uint8_t frame[kEthernetHeader + kVlanTag + kIpv6Headers];
  uint16_t id = 0;
  WritePacketHead(form, line, {nullptr, 0}, &id, frame);
  return {reinterpret_cast<char*>(frame), form.ethernet.len + 1u};
}

TEST(EthernetForm, TagDoesNotReachTheWire) {
  NextHop hop;
  const rte_ether_addr from = {{2, 1, 1, 1, 1, 1}}, to = {{2, 2, 2, 2, 2, 2}};
  hop.SetEthernet(from, to, RTE_BE16(RTE_ETHER_TYPE_IPV4), 0xabcd);
  EXPECT_EQ(hop.Tag(), 0xabcd);
  EXPECT_EQ(EthernetForm::Of(hop).Tag(), 0xabcd);
  const char expected[] = {2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0x08, 0x00, 0x45};
  EXPECT_EQ(FrameTo(hop), std::string(expected, sizeof(expected)));
}

TEST(EthernetForm, VlanTagStandsBeforeTheEtherType) {
  NextHop hop;
  const rte_ether_addr from = {{2, 1, 1, 1, 1, 1}}, to = {{2, 2, 2, 2, 2, 2}};
  hop.SetEthernet(from, to, RTE_BE16(RTE_ETHER_TYPE_IPV4), 0xabcd, 0x0123);
  const uint8_t expected[] = {2, 2, 2,    2,    2,    2,    2,    1,    1,   1,
                              1, 1, 0x81, 0x00, 0x01, 0x23, 0x08, 0x00, 0x45};
  EXPECT_EQ(FrameTo(hop), std::string(reinterpret_cast<const char*>(expected), sizeof(expected)));
}

}  // namespace
}  // namespace groupcast
