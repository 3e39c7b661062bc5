// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Relayed datagrams: a capture file is what comes in, another one what leaves for each member.
#include <net/if.h>
#include <pcap/pcap.h>
#include <rte_ether.h>
#include <rte_udp.h>
#include <sys/ioctl.h>

#include <cstring>
#include <filesystem>

#include "api/groupcast/ingress.h"
#include "tests/wire/group_wire.h"

namespace groupcast {
namespace {

constexpr uint16_t kPort = 6000;
constexpr uint32_t kMembers = 700;  // more than one chunk

class IngressTest : public WireTest {
 protected:
  void SetUp() override {
    WireTest::SetUp();
    const std::string base =
        std::filesystem::temp_directory_path() / ("groupcast-ingress-" + std::to_string(getpid()));
    in_ = base + "-in.pcap";
    out_ = base + "-out.pcap";
  }
  void TearDown() override {
    ingress_.reset();
    group_.reset();
    WireTest::TearDown();
    std::filesystem::remove(in_);
    std::filesystem::remove(out_);
  }

  // What comes in, all at once, when the first address is claimed.
  void Open(const std::vector<std::string>& frames, const IngressOptions& options = {},
            uint32_t members = kMembers) {
    pcap_t* dead = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t* dumper = pcap_dump_open(dead, in_.c_str());
    ASSERT_NE(dumper, nullptr);
    for (const std::string& frame : frames) {
      pcap_pkthdr header{};
      header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
      pcap_dump(reinterpret_cast<u_char*>(dumper), &header,
                reinterpret_cast<const u_char*>(frame.data()));
    }
    pcap_dump_close(dumper);
    pcap_close(dead);
    Attach("net_pcap0,rx_pcap=" + in_ + ",tx_pcap=" + out_, more_);
    group_.emplace(Must(Group::Create(sd())));
    ASSERT_TRUE(group_->Add(Members(0, members)).ok());
    ingress_.emplace(Must(Ingress::Create(*group_, options)));
    frames_ = frames.size();
  }

  // A socket on `address`, for the ingress to claim.
  void Claim(const char* address, std::vector<in6_addr> sources = {}) {
    const int claim = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in at = Address(address, kPort);
    ASSERT_EQ(bind(claim, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    const absl::Status status = ingress_->Add(claim, sources);
    EXPECT_TRUE(status.ok()) << status;
    close(claim);
  }

  bool Settles() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!ingress_->settled() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return ingress_->settled();
  }

  // Until all frames were looked at and `packets` left; then what left, by member.
  std::map<uint32_t, std::vector<std::string>> Sent(uint64_t packets) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline &&
           (Counted("ingress_frames") < frames_ || Counted("packets") < packets)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    statistics_ = ingress_->statistics();
    EXPECT_EQ(Counted("ingress_frames"), frames_);
    EXPECT_EQ(Counted("packets"), packets);
    EXPECT_EQ(Counted("payload_copies"), 0U);
    Detach();
    std::map<uint32_t, std::vector<std::string>> sent;
    std::array<char, PCAP_ERRBUF_SIZE> error;
    pcap_t* capture = pcap_open_offline(out_.c_str(), error.data());
    EXPECT_NE(capture, nullptr) << error.data();
    if (capture == nullptr) return sent;
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    uint64_t frames = 0;
    for (; pcap_next_ex(capture, &header, &bytes) == 1; frames++) {
      const std::string frame(reinterpret_cast<const char*>(bytes), header->caplen);
      const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(bytes + sizeof(rte_ether_hdr));
      sent[ntohl(ip->dst_addr) - 0x0a010000].push_back(frame);
    }
    pcap_close(capture);
    EXPECT_EQ(frames, packets);
    return sent;
  }

  std::string in_, out_;
  std::string more_;  // of the configuration
  size_t frames_ = 0;
  std::optional<Group> group_;
  std::optional<Ingress> ingress_;
  IngressStatistics statistics_;
};

// A frame to the port, from a producer in its network.
std::string Incoming(const std::string& datagram, uint8_t ttl = 64, const char* to = "10.0.0.1",
                     const char* from = "10.0.0.9") {
  std::string frame =
      ExpectedFrame(Address(from, 9000), Address(to, kPort), ttl, 0, false, htons(7), datagram);
  std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
  return frame;
}

rte_ipv4_hdr* IpOf(std::string* frame) {
  return reinterpret_cast<rte_ipv4_hdr*>(frame->data() + sizeof(rte_ether_hdr));
}
rte_udp_hdr* UdpOf(std::string* frame) { return reinterpret_cast<rte_udp_hdr*>(IpOf(frame) + 1); }

TEST_F(IngressTest, EachMemberGetsEachDatagram) {
  std::vector<std::string> datagrams, frames;
  for (const size_t len : {0, 1, 2, 18, 100, 255, 256, 257, 999, 1000, 1471, 1472}) {
    datagrams.push_back(Bytes(len, static_cast<uint8_t>(len)));
    frames.push_back(Incoming(datagrams.back()));
  }
  // As the kernel leaves a checksum to a device that is none; and none at all.
  *UdpOf(&frames[3]) = {htons(9000), htons(kPort), UdpOf(&frames[3])->dgram_len,
                        rte_ipv4_phdr_cksum(IpOf(&frames[3]), 0)};
  UdpOf(&frames[4])->dgram_cksum = 0;
  frames[1].append(20, 'p');  // the padding of a short frame
  Open(frames);
  Claim("0.0.0.0");
  const auto sent = Sent(datagrams.size() * kMembers);
  ASSERT_EQ(sent.size(), kMembers);
  for (const auto& [number, got] : sent) {
    ASSERT_EQ(got.size(), datagrams.size());
    for (size_t i = 0; i < got.size(); i++) {
      EXPECT_EQ(got[i], ExpectedFrame(from(), Member(number).ipv4(), 63, 0, true, 0, datagrams[i]))
          << "datagram " << i << " for member " << number;
    }
  }
  EXPECT_EQ(statistics_.engine_datagrams, datagrams.size());
  EXPECT_EQ(statistics_.sent_by_engine, datagrams.size() * kMembers);
  EXPECT_TRUE(statistics_.errors.empty());
}

TEST_F(IngressTest, WhatIsNotForItGoesNowhere) {
  const std::string datagram = Bytes(300, 1);
  std::vector<std::string> frames(14, Incoming(datagram));
  frames[0][0] ^= 4;                                // to another host
  std::fill_n(frames[1].begin(), 6, '\xff');        // to all
  frames[2].replace(6, 6, frames[2].substr(0, 6));  // from ourselves
  frames[3].resize(200);                            // cut
  frames[4].resize(20);                             // in the IP header
  frames[5].resize(7);                              // in the Ethernet header
  IpOf(&frames[6])->fragment_offset = htons(RTE_IPV4_HDR_MF_FLAG);
  IpOf(&frames[7])->fragment_offset = htons(100);
  IpOf(&frames[8])->version_ihl = 0x46;  // with options
  UdpOf(&frames[9])->dgram_len = htons(4);
  UdpOf(&frames[10])->dgram_len = htons(309);  // longer than the packet
  IpOf(&frames[11])->next_proto_id = IPPROTO_TCP;
  UdpOf(&frames[12])->dgram_cksum ^= 0x0100;
  frames[13][60] ^= 1;                                   // a byte of the payload
  frames.push_back(Incoming(datagram, 64, "10.0.0.2"));  // to another address
  frames.push_back(Incoming(datagram, 1));               // which has no hop left
  frames.push_back(Incoming(datagram));
  Open(frames);
  Claim("0.0.0.0");
  for (const auto& [number, got] : Sent(kMembers)) {
    EXPECT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0], ExpectedFrame(from(), Member(number).ipv4(), 63, 0, true, 0, datagram));
  }
  EXPECT_EQ(Counted("ingress_foreign"), 5U);
  EXPECT_EQ(Counted("ingress_malformed"), 8U);
  EXPECT_EQ(Counted("ingress_bad_checksum"), 2U);
  EXPECT_EQ(statistics_.bad_checksum, 2U);
  EXPECT_EQ(statistics_.expired, 1U);
  EXPECT_EQ(statistics_.engine_datagrams, 1U);
}

TEST_F(IngressTest, OnlyNamedSources) {
  const std::string datagram = Bytes(300, 1);
  Open({Incoming(datagram, 64, "10.0.0.1", "10.0.0.8"), Incoming(datagram)});
  in6_addr source = IN6ADDR_ANY_INIT;
  source.s6_addr16[5] = 0xffff;
  source.s6_addr32[3] = Address("10.0.0.9", 0).sin_addr.s_addr;
  Claim("0.0.0.0", {source});
  EXPECT_EQ(Sent(kMembers).size(), kMembers);
  EXPECT_EQ(statistics_.filtered, 1U);
}

// What a multicast datagram's time to live was says nothing of ours.
TEST_F(IngressTest, Multicast) {
  const std::string datagram = Bytes(300, 1);
  std::string frame = Incoming(datagram, 1, "239.1.2.3");
  const char mac[] = {'\x01', '\0', '\x5e', '\x01', '\x02', '\x03'};
  frame.replace(0, 6, mac, 6);
  Open({frame});
  Claim("239.1.2.3");
  for (const auto& [number, got] : Sent(kMembers)) {
    EXPECT_EQ(got[0], ExpectedFrame(from(), Member(number).ipv4(), 64, 0, true, 0, datagram));
  }
}

// The second one has neither a group nor a queue.
TEST_F(IngressTest, MoreLcoresThanQueues) {
  more_ = "lcores: [0, 1]\n";
  const std::string datagram = Bytes(300, 1);
  Open({Incoming(datagram)});
  Claim("0.0.0.0");
  for (const auto& [number, got] : Sent(kMembers)) {
    EXPECT_EQ(got[0], ExpectedFrame(from(), Member(number).ipv4(), 63, 0, true, 0, datagram));
  }
  EXPECT_EQ(Counted("ingress_handed_over"), 0U);
}

// In chains and in copies the same.
TEST_F(IngressTest, Copied) {
  const std::string datagram = Bytes(1000, 1);
  Open({Incoming(datagram)}, {.strategy = Strategy::kCopy});
  Claim("0.0.0.0");
  for (const auto& [number, got] : Sent(kMembers)) {
    EXPECT_EQ(got[0], ExpectedFrame(from(), Member(number).ipv4(), 63, 0, true, 0, datagram));
  }
  EXPECT_EQ(Counted("copied"), kMembers);
}

// Members that no port leads to are served by Forward().
TEST_F(IngressTest, OthersAreLeft) {
  Open({Incoming(Bytes(300, 1)), Incoming(Bytes(300, 2))});
  ASSERT_TRUE(group_->Add({Recipient(Address("192.0.2.1", 7), 1)}).ok());
  Claim("0.0.0.0");
  size_t forwarded = 0;
  std::vector<MemberError> errors;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (forwarded < 2 && std::chrono::steady_clock::now() < deadline) {
    forwarded += ingress_->Forward(10, &errors);
  }
  ASSERT_EQ(errors.size(), 2U);
  for (const MemberError& error : errors) {
    EXPECT_EQ(error.error, ENETUNREACH);
    EXPECT_EQ(error.member.ToString(), "192.0.2.1:7");
  }
  const IngressStatistics statistics = ingress_->statistics();
  EXPECT_EQ(statistics.errors, (std::map<int, uint64_t>{{ENETUNREACH, 2}}));
  EXPECT_EQ(Counted("payload_copies"), 2U);
}

std::string RtpPacket(uint32_t source, uint16_t sequence, uint32_t timestamp) {
  std::string packet = Bytes(500, static_cast<uint8_t>(sequence));
  packet[0] = '\x80';
  packet[1] = '\x60';
  const rte_be16_t sequence_be = htons(sequence);
  const rte_be32_t timestamp_be = htonl(timestamp), source_be = htonl(source);
  packet.replace(2, 2, reinterpret_cast<const char*>(&sequence_be), 2);
  packet.replace(4, 4, reinterpret_cast<const char*>(&timestamp_be), 4);
  packet.replace(8, 4, reinterpret_cast<const char*>(&source_be), 4);
  return packet;
}

TEST_F(IngressTest, EachMemberHasAnRtpStreamOfItsOwn) {
  std::vector<std::string> packets;
  for (uint16_t i = 0; i < 10; i++) packets.push_back(RtpPacket(77, 65530 + i, 1000 + i * 3000));
  // The source is started again.
  for (uint16_t i = 0; i < 10; i++) packets.push_back(RtpPacket(99, 200 + i, 5 + i * 3000));
  std::vector<std::string> frames;
  for (const std::string& packet : packets) frames.push_back(Incoming(packet));
  frames.push_back(Incoming("no RTP"));
  Open(frames, {.rtp = Rtp{}});
  Claim("0.0.0.0");
  std::set<std::string> sources;
  for (const auto& [number, got] : Sent(packets.size() * kMembers)) {
    ASSERT_EQ(got.size(), packets.size());
    const std::string first = got[0].substr(42, 12);
    sources.insert(first.substr(8));
    for (size_t i = 0; i < got.size(); i++) {
      const std::string header = got[i].substr(42, 12);
      const auto number_at = [&](size_t at) {
        return static_cast<uint16_t>(static_cast<uint8_t>(header[at]) << 8 |
                                     static_cast<uint8_t>(header[at + 1]));
      };
      const auto begins = static_cast<uint16_t>(static_cast<uint8_t>(first[2]) << 8 |
                                                static_cast<uint8_t>(first[3]));
      EXPECT_EQ(static_cast<uint16_t>(number_at(2) - begins), i);
      EXPECT_EQ(header.substr(8), first.substr(8));
      // Checksums, and all but the header as it came.
      const std::string datagram = header + packets[i].substr(12);
      EXPECT_EQ(got[i], ExpectedFrame(from(), Member(number).ipv4(), 63, 0, true, 0, datagram));
    }
  }
  EXPECT_EQ(sources.size(), kMembers);
  EXPECT_EQ(statistics_.not_rtp, 1U);
  EXPECT_EQ(statistics_.rtp_restarts, 1U);
}

TEST_F(IngressTest, PacedPacketsTakeTheirTime) {
  // 300 members, 1,042 bytes each: 2.5 Mbit, of which 64 KiB at once.
  const std::string datagram = Bytes(1000, 1);
  Open({Incoming(datagram)}, {.pacing = {.bits_per_s = 20e6}}, 300);
  const auto begin = std::chrono::steady_clock::now();
  Claim("0.0.0.0");
  EXPECT_EQ(Sent(300).size(), 300U);
  // (312,600 - 65,536) bytes at 20 Mbit/s.
  EXPECT_GT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(98));
}

TEST_F(IngressTest, MoreThanCanWait) {
  std::vector<std::string> frames(600, Incoming(Bytes(1000, 1)));
  Open(frames, {.pacing = {.bits_per_s = 1e6, .burst_bytes = 64}}, 10);
  Claim("0.0.0.0");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (Counted("ingress_frames") < 600 && std::chrono::steady_clock::now() < deadline) {
  }
  const IngressStatistics statistics = ingress_->statistics();
  EXPECT_GT(statistics.queue_full, 300U);
  EXPECT_EQ(statistics.engine_datagrams + statistics.queue_full, 600U);
  // What waits is given up, and every mbuf comes back.
  ingress_.reset();
  Detach();
}

TEST_F(IngressTest, SettlesOnceWhatCameBeforeIsForwarded) {
  Open({}, {}, /*members=*/3);
  EXPECT_TRUE(Settles());  // without a socket
  const int claim = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq loopback = {};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  ASSERT_EQ(ioctl(claim, SIOCSIFFLAGS, &loopback), 0) << std::strerror(errno);
  const sockaddr_in at = Address("127.0.0.1", kPort);
  ASSERT_EQ(bind(claim, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
  ASSERT_EQ(sendto(claim, "b", 1, 0, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 1);
  // After a second it is not waited for any more.
  const auto added = std::chrono::steady_clock::now();
  const auto waited = [&] { return std::chrono::steady_clock::now() - added; };
  ASSERT_TRUE(ingress_->Add(claim).ok());
  bool early = false;
  while (!early && waited() < std::chrono::milliseconds(100)) {
    early = ingress_->settled() && waited() < std::chrono::milliseconds(900);
  }
  EXPECT_FALSE(early);
  EXPECT_EQ(ingress_->Forward(10), 1U);
  EXPECT_TRUE(Settles());
  EXPECT_EQ(ingress_->statistics().sent, 3U);
  Detach();
  EXPECT_TRUE(ingress_->settled());
  close(claim);
}

TEST_F(IngressTest, WrongUse) {
  Open({});
  EXPECT_EQ(Ingress::Create(*group_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ingress_->Add(-1).code(), absl::StatusCode::kInvalidArgument);
  const int unbound = socket(AF_INET, SOCK_DGRAM, 0);
  EXPECT_EQ(ingress_->Add(unbound).code(), absl::StatusCode::kInvalidArgument);
  close(unbound);
  const Group other = Must(Group::Create(sd()));
  EXPECT_EQ(Ingress::Create(other, {.pacing = {.bits_per_s = 999}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Ingress::Create(other, {.rtp = Rtp{.clock_rate = 0}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Ingress::Create(other).ok());
}

}  // namespace
}  // namespace groupcast
