// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// IPv4 from AF_INET6 sockets: sendgroup6() to mapped addresses, sendgroup() to plain ones, and both
// families in one call. The frames are those of sendmsg() but for the IP id and its checksum.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/kernel/hosts6.h"
#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;
constexpr uint32_t kRecipients = 8;

class SendgroupMapped : public TwoHosts6 {
 protected:
  void SetUp() override {
    TwoHosts6::SetUp();
    if (IsSkipped()) return;
    Attach();
  }

  static std::vector<std::string> Comparable(std::vector<std::string> frames) {
    constexpr size_t kIpIdOffset = 18, kIpChecksumOffset = 24;
    for (std::string& frame : frames) {
      frame.replace(kIpIdOffset, 2, 2, 0);
      frame.replace(kIpChecksumOffset, 2, 2, 0);
    }
    std::sort(frames.begin(), frames.end());
    return frames;
  }

  template <typename Call>
  static void Compare(int sd, BasicGroupcast<Call>* groupcast, bool engine) {
    Capture capture(rx(), "v1");
    Sink6 sink(rx(), kUdpPort);
    for (size_t i = 0; i < groupcast->size(); i++) ASSERT_EQ(groupcast->KernelSend(sd, i), 0);
    const auto kernel = Comparable(capture.Take(groupcast->size()));
    Counted counted;
    ASSERT_EQ(groupcast->Send(sd), static_cast<int>(groupcast->size()));
    const auto ours = Comparable(capture.Take(groupcast->size()));
    ASSERT_EQ(kernel.size(), groupcast->size());
    EXPECT_EQ(counted("engine_recipients"), engine ? static_cast<int64_t>(kernel.size()) : 0);
    EXPECT_TRUE(ours == kernel);
  }

  // Of both kinds of call.
  static void CompareBoth(int sd, bool engine = true) {
    Groupcast6 mapped(Pattern(700));
    Groupcast plain(Pattern(700));
    for (uint32_t i = 0; i < kRecipients; i++) {
      const uint32_t address = (i % 2 == 0 ? kBehindGateway : kOnLink) + 1 + i;
      mapped.Add(Mapped(address, kUdpPort), Pattern(i), Pattern(2 * i));
      plain.Add(Endpoint(address, kUdpPort), Pattern(i), Pattern(2 * i));
    }
    Compare(sd, &mapped, engine);
    Compare(sd, &plain, engine);
  }
};

TEST_F(SendgroupMapped, AreTheKernelsFrames) {
  for (const char* bound : {"::", "::ffff:10.99.0.1", "::ffff:0.0.0.0"}) {
    SCOPED_TRACE(bound);
    CompareBoth(BoundSocket6(bound, 4000));
  }
}

TEST_F(SendgroupMapped, HaveTheIpv4OptionsOfTheSocket) {
  Socket sd = BoundSocket6("::", 4001);
  sd.Set(IPPROTO_IP, IP_TTL, 9);
  sd.Set(IPPROTO_IP, IP_TOS, 0x28);
  sd.Set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  sd.Set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 11);
  sd.Set(IPPROTO_IPV6, IPV6_TCLASS, 0xe0);
  CompareBoth(sd);
}

TEST_F(SendgroupMapped, OfAConnectedSocket) {
  Socket sd = BoundSocket6("::", 4002);
  const sockaddr_in6 peer = Mapped(kBehindGateway + 999, 9);
  ASSERT_EQ(connect(sd, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)), 0);
  CompareBoth(sd);
}

TEST_F(SendgroupMapped, BothFamiliesInOneCall) {
  Socket sd = BoundSocket6("::", 4003);
  Sink6 sink(rx(), kUdpPort);
  Groupcast6 groupcast(Pattern(600));
  std::vector<std::string> expected;
  for (uint32_t i = 1; i <= 100; i++) {
    const sockaddr_in6 to =
        i % 3 == 0 ? Mapped(kBehindGateway + i, kUdpPort) : Endpoint6(kBehindGateway6, kUdpPort, i);
    groupcast.Add(to, Pattern(i), Pattern(100 - i));
    expected.push_back(Text(to.sin6_addr) + Pattern(i) + Pattern(600) + Pattern(100 - i));
  }
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd), 100);
  EXPECT_EQ(counted("engine_recipients"), 100);
  std::vector<std::string> received;
  for (const Datagram6& datagram : sink.Receive(100)) {
    received.push_back(datagram.to + datagram.payload);
    EXPECT_EQ(datagram.from.sin6_port, htons(4003));
  }
  std::sort(expected.begin(), expected.end());
  std::sort(received.begin(), received.end());
  EXPECT_TRUE(received == expected);
}

}  // namespace
}  // namespace groupcast
