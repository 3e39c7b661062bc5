// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A static port in a VLAN: the tag is part of the Ethernet header, and nothing else differs.
#include <pcap/pcap.h>

#include <filesystem>

#include "tests/wire/dual_stack.h"

namespace groupcast {
namespace {

constexpr uint16_t kVlan = 2748;  // both bytes of the id count

class VlanTest : public DualStackTest {
 protected:
  // Sends to `count` recipients, half of each family, with every shape; compares all frames.
  void SendAndCompare(const std::string& bytes, uint32_t count, uint16_t vlan) {
    TestGroup6 group(count);
    group.SetPayload(bytes);
    for (uint32_t i = 0; i < count; i++) {
      const Shape& shape = kShapes[i % std::size(kShapes)];
      group.at(i).giov_dest = Either(i).address();
      group.SetPrivate(i, Bytes(shape.prepend, static_cast<uint8_t>(i)),
                       Bytes(shape.append, static_cast<uint8_t>(100 + i)));
    }
    StartCounting();
    ASSERT_EQ(sendgroup6(sd6(), group.buf(), count, 0, nullptr), static_cast<int>(count));
    uint64_t frame_bytes = 0;
    for (const auto& [number, frame] : TakeByNumber(count)) {
      EXPECT_EQ(FrameOf(frame), Expected(Either(number), group.Datagram(number), vlan))
          << "recipient " << number;
      frame_bytes += frame->pkt_len;
      Free(frame);
    }
    EXPECT_EQ(Counted("packets"), count);
    EXPECT_EQ(Counted("bytes"), frame_bytes);
    EXPECT_EQ(Counted("engine_recipients"), count);
    EXPECT_EQ(Counted("kernel_recipients"), 0U);
  }

  // Payloads around the largest one that `to`'s family leaves room for in 1500 bytes.
  void ExpectMtu1500(const Recipient& to, size_t largest) {
    for (const size_t len : {largest, largest + 1}) {
      TestGroup6 group(1);
      group.SetPayload(Bytes(len, 1));
      group.at(0).giov_dest = to.address();
      int error = -1;
      StartCounting();
      EXPECT_EQ(sendgroup6(sd6(), group.buf(), 1, 0, &error), len == largest ? 1 : 0);
      EXPECT_EQ(error, len == largest ? 0 : KernelError(to, len));
      EXPECT_EQ(Counted("kernel_mtu"), len == largest ? 0U : 1U);
      for (rte_mbuf* frame : TakeAll(len == largest ? 1 : 0)) {
        EXPECT_EQ(frame->pkt_len, 1518U);
        EXPECT_EQ(FrameOf(frame), Expected(to, group.Datagram(0), kVlan));
        Free(frame);
      }
    }
  }
};

TEST_F(VlanTest, TheTagIsInTheEthernetHeader) {
  Attach("net_ring0", "", {.vlan = kVlan});
  for (const size_t payload : {0, 1, 255, 256, 257, 1000, 1251}) {
    SCOPED_TRACE(payload);
    SendAndCompare(Bytes(payload, 3), 100, kVlan);
  }
}

TEST_F(VlanTest, SmallestAndLargestId) {
  for (const uint16_t vlan : {1, 4094}) {
    Attach("net_ring0", "", {.vlan = vlan});
    SendAndCompare(Bytes(300, 3), 20, vlan);
    Detach();
  }
}

// The tag is no part of the IP packet.
TEST_F(VlanTest, TheMtuIsAsWithoutIt) {
  Attach("net_ring0", "", {.vlan = kVlan});
  ExpectMtu1500(Four(0), 1472);
  ExpectMtu1500(Six(1), 1452);
}

// net_ring can't insert it.
TEST_F(VlanTest, AnOffloadThatTheDriverLacksIsDoneInSoftware) {
  Attach("net_ring0", "    tx_offloads: [vlan_insert]\n", {.vlan = kVlan});
  for (const size_t payload : {100, 1000}) SendAndCompare(Bytes(payload, 3), 100, kVlan);
  ExpectMtu1500(Six(1), 1452);
}

TEST_F(VlanTest, AGroupOfBothFamilies) {
  constexpr uint32_t kMembers = 1000;
  Attach("net_ring0", "", {.vlan = kVlan});
  Group group = Must(Group::Create(sd6()));
  ASSERT_TRUE(group.Add(Many(kMembers)).ok());
  for (const size_t payload_len : {256, 300, 1452}) {
    const std::string bytes = Bytes(payload_len, 9);
    const Payload payload = Must(Payload::Copy(SpanOf(bytes)));
    ASSERT_EQ(Must(group.Send(payload)).sent, kMembers);
    for (const auto& [number, frame] : TakeByNumber(kMembers)) {
      EXPECT_EQ(FrameOf(frame), Expected(Either(number), bytes, kVlan)) << "member " << number;
      EXPECT_EQ(frame->nb_segs, payload_len == 256 ? 1 : 2);
      Free(frame);
    }
  }
}

TEST_F(VlanTest, CaptureFileHoldsTaggedFramesOfBothFamilies) {
  const std::string file = std::filesystem::temp_directory_path() /
                           ("groupcast-vlan-" + std::to_string(getpid()) + ".pcap");
  constexpr uint32_t kRecipients = 300;
  Attach("net_pcap0,tx_pcap=" + file, "", {.vlan = kVlan});
  TestGroup6 group(kRecipients);
  group.SetPayload(Bytes(700, 1));
  for (uint32_t i = 0; i < kRecipients; i++) {
    group.at(i).giov_dest = Either(i).address();
    group.SetPrivate(i, Bytes(i % 5, 7), Bytes(i % 3, 8));
  }
  ASSERT_EQ(sendgroup6(sd6(), group.buf(), kRecipients, 0, nullptr), static_cast<int>(kRecipients));
  Detach();
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* capture = pcap_open_offline(file.c_str(), error.data());
  ASSERT_NE(capture, nullptr) << error.data();
  EXPECT_EQ(pcap_datalink(capture), DLT_EN10MB);
  // libpcap's own understanding of a tag, both families and UDP.
  bpf_program filter{};
  const std::string text = "vlan " + std::to_string(kVlan) + " and udp";
  ASSERT_EQ(pcap_compile(capture, &filter, text.c_str(), 1, PCAP_NETMASK_UNKNOWN), 0)
      << pcap_geterr(capture);
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  uint32_t frames = 0;
  for (; pcap_next_ex(capture, &header, &bytes) == 1; frames++) {
    EXPECT_NE(pcap_offline_filter(&filter, header, bytes), 0) << frames;
    EXPECT_EQ(header->caplen, header->len);
    const std::string frame(reinterpret_cast<const char*>(bytes), header->caplen);
    const uint32_t number = NumberOf(frame);
    ASSERT_LT(number, kRecipients);
    EXPECT_EQ(frame, Expected(Either(number), group.Datagram(number), kVlan)) << number;
  }
  EXPECT_EQ(frames, kRecipients);
  pcap_freecode(&filter);
  pcap_close(capture);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace groupcast
