// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Large groups, and links that are slower than the sender.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

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

// A slow link behind a queue: whoever may not wait for room is told so, and what was accepted
// arrives.
class NoRoom : public TwoHosts, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    tx().Shell("tc qdisc add dev v0 root tbf rate 100kbit burst 4kb limit 8mb");
    if (GetParam()) Attach(",qdisc_bypass=0");
    sd_ = BoundSocket(0, 4000);
    sd_.Set(SOL_SOCKET, SO_SNDBUF, 8192);
  }

  static void ExpectToArrive(Sink* sink, size_t accepted) {
    tx().Shell("tc qdisc change dev v0 root tbf rate 1gbit burst 64kb limit 8mb");
    EXPECT_EQ(sink->Receive(accepted).size(), accepted);
  }

  Socket sd_{-1};
};

INSTANTIATE_TEST_SUITE_P(By, NoRoom, testing::Bool(), [](const auto& row) {
  return row.param ? std::string("Engine") : std::string("Kernel");
});

TEST_P(NoRoom, WithoutWaiting) {
  for (bool by_flag : {true, false}) {
    SCOPED_TRACE(by_flag ? "MSG_DONTWAIT" : "O_NONBLOCK");
    ASSERT_EQ(fcntl(sd_, F_SETFL, by_flag ? 0 : O_NONBLOCK), 0);
    ASSERT_EQ(groupcast_refresh(sd_), 0);
    tx().Shell("tc qdisc change dev v0 root tbf rate 100kbit burst 4kb limit 8mb");
    Sink sink(rx(), kUdpPort);
    Groupcast groupcast(Pattern(1000));
    groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
    size_t accepted = 0, refused = 0;
    // More than all rings and buffers on the way hold.
    for (int i = 0; i < 1000 && refused == 0; i++) {
      const int sent = groupcast.Send(sd_, by_flag ? MSG_DONTWAIT : 0);
      ASSERT_GE(sent, 0);
      accepted += static_cast<size_t>(sent);
      for (int error : groupcast.errnos) {
        if (error == 0) continue;
        EXPECT_EQ(error, EAGAIN);
        ++refused;
      }
    }
    EXPECT_GT(refused, 0u);
    ExpectToArrive(&sink, accepted);
  }
}

TEST_P(NoRoom, SendTimeOut) {
  constexpr int kRecipients = 30;
  timeval limit = {.tv_sec = 0, .tv_usec = 50000};
  // A datagram takes 1.15 s, far more than the limit. (With twice the limit some kernels lose
  // none.)
  tx().Shell("tc qdisc change dev v0 root tbf rate 10kbit burst 4kb limit 8mb");
  ASSERT_EQ(setsockopt(sd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
  Sink sink(rx(), kUdpPort);
  Groupcast groupcast(Pattern(1400));
  groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort);
  const int sent = groupcast.Send(sd_);
  // The engine's ring may have room for all of them.
  if (!GetParam()) {
    EXPECT_LT(sent, kRecipients);
  }
  EXPECT_EQ(std::count(groupcast.errnos.begin(), groupcast.errnos.end(), 0), sent);
  EXPECT_EQ(std::count(groupcast.errnos.begin(), groupcast.errnos.end(), EAGAIN),
            kRecipients - sent);
  ExpectToArrive(&sink, static_cast<size_t>(sent));
}

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

  rx().Shell("ip link set v1 up");
  ASSERT_TRUE(Eventually([&] { return groupcast.Send(sd) == static_cast<int>(kRecipients); }));
  EXPECT_GE(sink.Receive(kRecipients).size(), kRecipients);
}

}  // namespace
}  // namespace groupcast
