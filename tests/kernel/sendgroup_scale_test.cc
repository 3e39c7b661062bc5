// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Large groups, and links that are slower than the sender.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;

class SendgroupScale : public TwoHosts {};

// 20,000 addresses over 4,000 UDP ports; each recipient finds its own number before the shared
// payload.
TEST_F(SendgroupScale, TwentyThousandRecipientsReceiveEachMessageOnce) {
  constexpr size_t kRecipients = 20000, kUdpPorts = 4000;
  constexpr uint16_t kFirstUdpPort = 20000;
  rlimit files;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = std::max<rlim_t>(files.rlim_cur, kUdpPorts + 200);
  files.rlim_max = std::max(files.rlim_max, files.rlim_cur);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0) << std::strerror(errno);
  Attach();

  std::vector<std::unique_ptr<Sink>> sinks;
  for (uint16_t i = 0; i < kUdpPorts; i++) {
    sinks.push_back(std::make_unique<Sink>(rx(), static_cast<uint16_t>(kFirstUdpPort + i)));
  }
  auto recipient = [](uint32_t i) {
    return Endpoint(kBehindGateway + 1 + i, static_cast<uint16_t>(kFirstUdpPort + i % kUdpPorts));
  };
  Socket sd = BoundSocket(0, 4000);
  std::vector<std::string> messages = {Pattern(100, 1), Pattern(1000, 2), Pattern(1, 3)};
  Counted counted;
  for (const std::string& message : messages) {
    Groupcast groupcast(message);
    for (uint32_t i = 0; i < kRecipients; i++) {
      groupcast.Add(recipient(i), std::to_string(i) + ":");
    }
    ASSERT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
    ASSERT_EQ(groupcast.errnos, std::vector<int>(kRecipients, 0));
  }
  EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(messages.size() * kRecipients));
  EXPECT_EQ(counted("packets"), static_cast<int64_t>(messages.size() * kRecipients));

  size_t lost = 0, doubled = 0, strayed = 0;
  for (size_t udp_port = 0; udp_port < kUdpPorts; udp_port++) {
    std::map<std::string, size_t> copies;
    const size_t expected = kRecipients / kUdpPorts * messages.size();
    for (Datagram& datagram : sinks[udp_port]->ReceiveSoFar(expected)) {
      ++copies[std::to_string(datagram.to) + "/" + datagram.payload];
    }
    for (size_t i = udp_port; i < kRecipients; i += kUdpPorts) {
      for (const std::string& message : messages) {
        auto found = copies.find(std::to_string(kBehindGateway + 1 + i) + "/" + std::to_string(i) +
                                 ":" + message);
        if (found == copies.end()) {
          ++lost;
          continue;
        }
        if (found->second > 1) ++doubled;
        copies.erase(found);
      }
    }
    strayed += copies.size();
  }
  EXPECT_EQ(lost, 0u) << SoftnetDrops();
  EXPECT_EQ(doubled, 0u);
  EXPECT_EQ(strayed, 0u) << "datagrams that nobody sent to there";
}

// On-link recipients have a neighbour entry each. 300 stay far below the host's gc_thresh.
TEST_F(SendgroupScale, OnLinkRecipientsAreResolvedEach) {
  constexpr size_t kRecipients = 300;
  Attach();
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  const std::string payload = Pattern(600);
  Groupcast groupcast(payload);
  groupcast.AddRange(kOnLink + 1, kRecipients, kUdpPort);
  ASSERT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
  ExpectExactlyOnce(sink.Receive(kRecipients), kOnLink + 1, kRecipients, payload);
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
  ExpectExactlyOnce(sink.Receive(kRecipients), kOnLink + 1, kRecipients, payload);
  EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(kRecipients));
}

struct Shape {
  const char* name;
  const char* qdisc;

  friend void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }
};

class ShapedLink : public TwoHosts, public testing::WithParamInterface<Shape> {};

// A link that holds packets stops net_af_packet in the middle of a burst (its send buffer is full,
// or the queue drops); the rest must leave without any later traffic.
TEST_P(ShapedLink, OneGroupcastArrivesWithoutLaterTraffic) {
  constexpr size_t kRecipients = 1000;
  tx().Shell(std::string("tc qdisc add dev v0 root ") + GetParam().qdisc);
  Attach(",qdisc_bypass=0");
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  for (size_t length : {1000, 100}) {
    SCOPED_TRACE(length);
    const std::string payload = Pattern(length);
    Groupcast groupcast(payload);
    groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort);
    Counted counted;
    ASSERT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
    ExpectExactlyOnce(sink.Receive(kRecipients), kBehindGateway + 1, kRecipients, payload);
    EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(kRecipients));
  }
}

INSTANTIATE_TEST_SUITE_P(Tbf, ShapedLink,
                         testing::Values(Shape{"Queues", "tbf rate 200mbit burst 4kb limit 4mb"},
                                         Shape{"Drops", "tbf rate 200mbit burst 4kb limit 30kb"},
                                         Shape{"QueuesSlowly",
                                               "tbf rate 20mbit burst 2kb limit 4mb"}),
                         [](const auto& row) { return row.param.name; });

class NoCarrier : public TwoHosts {};

TEST_F(NoCarrier, IsTheErrnoOfEachRecipient) {
  constexpr size_t kRecipients = 50;
  Attach();
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  Groupcast groupcast(Pattern(300));
  groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort);
  ASSERT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
  ASSERT_EQ(sink.Receive(kRecipients).size(), kRecipients);

  rx().Shell("ip link set v1 down");
  // The engine hears of it over netlink, so it may need a moment.
  ASSERT_TRUE(Eventually([&] { return groupcast.Send(sd) == 0; }));
  EXPECT_EQ(groupcast.errnos, std::vector<int>(kRecipients, ENETDOWN));
  Counted counted;
  EXPECT_EQ(groupcast.Send(sd), 0);
  EXPECT_EQ(groupcast.error, Groupcast::kUntouched);
  EXPECT_EQ(groupcast.errnos, std::vector<int>(kRecipients, ENETDOWN));
  EXPECT_EQ(counted("packets"), 0);
  EXPECT_EQ(counted("link_down"), static_cast<int64_t>(kRecipients));

  rx().Shell(
      "ip link set v1 up && ip route add local 10.200.0.0/16 dev v1 &&"
      "ip route add local 10.99.128.0/17 dev v1");
  ASSERT_TRUE(Eventually([&] { return groupcast.Send(sd) == static_cast<int>(kRecipients); }));
  EXPECT_GE(sink.Receive(kRecipients).size(), kRecipients);
}

}  // namespace
}  // namespace groupcast
