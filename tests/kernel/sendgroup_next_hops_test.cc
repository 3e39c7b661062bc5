// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Neighbours that answer late, never, or from another MAC; routes and links that change.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr uint16_t kUdpPort = 5004;
constexpr size_t kRecipients = 1000;
constexpr std::array<uint8_t, 6> kRxMacBytes = {2, 0, 0, 0, 0, 2};

milliseconds Since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// Answers ARP for v1 in place of the kernel, which is told to keep quiet.
class ArpResponder {
 public:
  // Waits `delay` before each answer; answers for the addresses of which `answers` is true.
  ArpResponder(
      const NetworkNamespace& rx, milliseconds delay,
      std::function<bool(uint32_t)> answers = [](uint32_t) { return true; })
      : delay_(delay), answers_(std::move(answers)) {
    rx.Run([&] {
      sd_ = Socket(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP)));
      local_.sll_family = AF_PACKET;
      local_.sll_protocol = htons(ETH_P_ARP);
      local_.sll_ifindex = static_cast<int>(if_nametoindex("v1"));
      ASSERT_EQ(bind(sd_, reinterpret_cast<sockaddr*>(&local_), sizeof(local_)), 0);
    });
    rx.Shell("ip link set v1 arp off");
    thread_ = std::thread([this] { Answer(); });
  }
  ~ArpResponder() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Answer() {
    while (!stop_) {
      pollfd wanted = {.fd = sd_, .events = POLLIN, .revents = 0};
      if (poll(&wanted, 1, 20) <= 0) continue;
      struct {
        ether_header ethernet;
        ether_arp arp;
      } frame;
      if (recv(sd_, &frame, sizeof(frame), MSG_DONTWAIT) < static_cast<ssize_t>(sizeof(frame)))
        continue;
      uint32_t target;
      std::memcpy(&target, frame.arp.arp_tpa, sizeof(target));
      if (frame.arp.arp_op != htons(ARPOP_REQUEST) || !answers_(ntohl(target))) continue;
      std::this_thread::sleep_for(delay_);
      std::memcpy(frame.ethernet.ether_dhost, frame.arp.arp_sha, ETH_ALEN);
      std::memcpy(frame.ethernet.ether_shost, kRxMacBytes.data(), ETH_ALEN);
      std::memcpy(frame.arp.arp_tha, frame.arp.arp_sha, ETH_ALEN);
      std::memcpy(frame.arp.arp_tpa, frame.arp.arp_spa, sizeof(target));
      std::memcpy(frame.arp.arp_sha, kRxMacBytes.data(), ETH_ALEN);
      std::memcpy(frame.arp.arp_spa, &target, sizeof(target));
      frame.arp.arp_op = htons(ARPOP_REPLY);
      EXPECT_EQ(send(sd_, &frame, sizeof(frame), 0), static_cast<ssize_t>(sizeof(frame)));
    }
  }

  const milliseconds delay_;
  const std::function<bool(uint32_t)> answers_;
  Socket sd_{-1};
  sockaddr_ll local_ = {};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class SendgroupNextHops : public TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    Attach();
    sd_ = BoundSocket(0, 4000);
  }

  Socket sd_{-1};
};

TEST_F(SendgroupNextHops, GatewayThatAnswersLate) {
  ArpResponder responder(rx(), milliseconds(100));
  Sink sink(rx(), kUdpPort);
  const std::string payload = Pattern(1000);
  Groupcast groupcast(payload);
  groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort);
  ASSERT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  ExpectExactlyOnce(sink.Receive(kRecipients), kBehindGateway + 1, kRecipients, payload);
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  ExpectExactlyOnce(sink.Receive(kRecipients), kBehindGateway + 1, kRecipients, payload);
  EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(kRecipients));
  EXPECT_EQ(counted("kernel_recipients"), 0);
}

TEST_F(SendgroupNextHops, GatewayThatNeverAnswers) {
  rx().Shell("ip link set v1 arp off");
  // Else the kernel's own sendmsg() waits for what its neighbour entry holds back.
  sd_.Set(SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
  Groupcast groupcast(Pattern(100));
  groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort);
  Counted counted;
  auto start = Clock::now();
  EXPECT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  EXPECT_EQ(groupcast.errnos, std::vector<int>(kRecipients, 0));
  EXPECT_GE(Since(start), milliseconds(200));
  EXPECT_EQ(counted("kernel_unresolved"), static_cast<int64_t>(kRecipients));
  EXPECT_EQ(counted("engine_recipients"), 0);

  // The wait is over until it resolves: twenty calls more take less than twenty waits.
  start = Clock::now();
  for (int i = 0; i < 20; i++) EXPECT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  EXPECT_LT(Since(start), milliseconds(2500));

  // And when it answers after all, the engine takes over.
  rx().Shell("ip link set v1 arp on");
  EXPECT_TRUE(Eventually([&] {
    Counted now;
    groupcast.Send(sd_);
    return now("engine_recipients") == static_cast<int64_t>(kRecipients);
  }));
}

TEST_F(SendgroupNextHops, WithoutWaitingTheKernelIsAskedAtOnce) {
  rx().Shell("ip link set v1 arp off");
  Groupcast groupcast(Pattern(100));
  groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
  Counted counted;
  EXPECT_EQ(groupcast.Send(sd_, MSG_DONTWAIT), 10);
  EXPECT_EQ(counted("kernel_unresolved"), 10);
}

TEST_F(SendgroupNextHops, OneDeadRecipientDoesNotSlowAStream) {
  constexpr uint32_t kDead = kOnLink + 5;
  constexpr int kDatagrams = 60;
  ArpResponder responder(rx(), milliseconds(0), [](uint32_t address) { return address != kDead; });
  Sink sink(rx(), kUdpPort);
  const std::string payload = Pattern(200);
  Groupcast groupcast(payload);
  groupcast.Add(Endpoint(kDead, kUdpPort));
  groupcast.AddRange(kOnLink + 100, 100, kUdpPort);
  groupcast.AddRange(kBehindGateway + 1, 899, kUdpPort);
  auto start = Clock::now();
  for (int i = 0; i < kDatagrams; i++) {
    ASSERT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
    std::this_thread::sleep_until(start + (i + 1) * milliseconds(33));
  }
  // Two seconds of stream; a wait for each datagram would make it 15.
  EXPECT_LT(Since(start), milliseconds(5000));
  const size_t expected = (kRecipients - 1) * kDatagrams;
  EXPECT_EQ(sink.Receive(expected).size(), expected) << SoftnetDrops();
}

// A twin that only uses the kernel's sockets, behind another gateway of the same host, shows what
// the kernel itself does.
TEST_F(SendgroupNextHops, NeighbourThatChangesItsMacInSilence) {
  for (auto [name, value] : {std::pair{"base_reachable_time_ms", 500},
                             {"delay_first_probe_time", 1},
                             {"retrans_time_ms", 200},
                             {"gc_stale_time", 1}}) {
    tx().Sysctl("ipv4/neigh/v0/" + std::string(name), value);
  }
  tx().Shell("ip route add 10.210.0.0/16 via 10.99.0.3");
  rx().Shell("ip route add local 10.210.0.0/16 dev v1");
  constexpr uint32_t kTwin = Ip(10, 210, 0, 1);
  Sink sink(rx(), kUdpPort), twin_sink(rx(), kUdpPort + 1);
  Groupcast groupcast("by the engine"), twin("by the kernel");
  groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
  twin.Add(Endpoint(kTwin, kUdpPort + 1));
  auto send_both = [&] {
    groupcast.Send(sd_);
    twin.KernelSend(sd_, 0);
    std::this_thread::sleep_for(milliseconds(20));
  };
  for (int i = 0; i < 10; i++) send_both();
  ASSERT_GE(sink.Receive(100).size(), 100u);
  ASSERT_GE(twin_sink.Receive(10).size(), 10u);

  // Nobody is told: without arp_notify the kernel sends no announcement.
  rx().Shell("ip link set v1 address 02:00:00:00:00:66");
  sink.Receive(0), twin_sink.Receive(0);
  Counted counted;
  auto start = Clock::now();
  milliseconds ours(-1), kernels(-1);
  while ((ours.count() < 0 || kernels.count() < 0) && Since(start) < milliseconds(40000)) {
    send_both();
    if (ours.count() < 0 && !sink.ReceiveSoFar(0).empty()) ours = Since(start);
    if (kernels.count() < 0 && !twin_sink.ReceiveSoFar(0).empty()) kernels = Since(start);
  }
  ASSERT_GE(kernels.count(), 0) << "the kernel itself did not follow";
  ASSERT_GE(ours.count(), 0) << "the engine did not follow";
  EXPECT_LE(ours, kernels + milliseconds(5000));
  EXPECT_GT(counted("engine_recipients"), 0);
}

// MACs that frames to the group leave with, for a moment of sending.
std::vector<std::string> DestinationMacs(int sd, Groupcast* groupcast, Capture* capture) {
  capture->Take(0);
  groupcast->Send(sd);
  std::vector<std::string> macs;
  for (const std::string& frame : capture->Take(groupcast->size())) {
    macs.push_back(frame.substr(0, ETH_ALEN));
  }
  return macs;
}

TEST_F(SendgroupNextHops, RouteThatMovesToAnotherGateway) {
  const std::string first("\2\0\0\0\0\2", 6), second("\2\0\0\0\0\x44", 6);
  tx().Shell("ip neighbour replace 10.99.0.4 lladdr 02:00:00:00:00:44 dev v0 nud permanent");
  Groupcast groupcast(Pattern(500));
  groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
  Capture capture(rx(), "v1");
  EXPECT_EQ(DestinationMacs(sd_, &groupcast, &capture), std::vector<std::string>(10, first));
  for (int turn = 0; turn < 3; turn++) {
    tx().Shell(std::string("ip route replace 10.200.0.0/16 via ") +
               (turn % 2 == 0 ? "10.99.0.4" : "10.99.0.2"));
    const std::vector<std::string> expected(10, turn % 2 == 0 ? second : first);
    EXPECT_TRUE(Eventually([&] { return DestinationMacs(sd_, &groupcast, &capture) == expected; }));
    Counted counted;
    EXPECT_EQ(DestinationMacs(sd_, &groupcast, &capture), expected);
    EXPECT_EQ(counted("engine_recipients"), 10);
  }
}

TEST_F(SendgroupNextHops, GatewayWhoseMacIsReplaced) {
  const std::string first("\2\0\0\0\0\2", 6), second("\2\0\0\0\0\x55", 6);
  Groupcast groupcast(Pattern(500));
  groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
  Capture capture(rx(), "v1");
  EXPECT_EQ(DestinationMacs(sd_, &groupcast, &capture), std::vector<std::string>(10, first));
  tx().Shell("ip neighbour replace 10.99.0.2 lladdr 02:00:00:00:00:55 dev v0 nud permanent");
  const std::vector<std::string> expected(10, second);
  EXPECT_TRUE(Eventually([&] { return DestinationMacs(sd_, &groupcast, &capture) == expected; }));
}

TEST_F(SendgroupNextHops, LinkThatFlaps) {
  Sink sink(rx(), kUdpPort);
  Groupcast groupcast(Pattern(500));
  groupcast.AddRange(kBehindGateway + 1, 20, kUdpPort);
  for (int turn = 0; turn < 3; turn++) {
    Counted counted;
    ASSERT_EQ(groupcast.Send(sd_), 20);
    EXPECT_EQ(counted("engine_recipients"), 20);
    ASSERT_EQ(sink.Receive(20).size(), 20u);
    tx().Shell("ip link set v0 down");
    ASSERT_TRUE(Eventually([&] { return groupcast.Send(sd_) == 0; }));
    tx().Shell("ip link set v0 up && ip route replace 10.200.0.0/16 via 10.99.0.2");
    ASSERT_TRUE(Eventually([&] {
      Counted now;
      return groupcast.Send(sd_) == 20 && now("engine_recipients") == 20;
    }));
    sink.Receive(20);
  }
}

// What the port's rings have no room for goes by the kernel, whatever the interface's MTU becomes.
TEST_F(SendgroupNextHops, MtuThatGrows) {
  Sink sink(rx(), kUdpPort);
  Groupcast groupcast(Pattern(4000));
  groupcast.AddRange(kBehindGateway + 1, 3, kUdpPort);
  rx().Shell("ip link set v1 mtu 9000");
  tx().Shell("ip link set v0 mtu 9000");
  for (int i = 0; i < 50; i++) {
    ASSERT_EQ(groupcast.Send(sd_), 3) << groupcast.errnos[0];
    usleep(2000);
  }
  EXPECT_EQ(sink.Receive(150).size(), 150u);
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd_), 3);
  EXPECT_EQ(counted("kernel_mtu"), 3);
  ASSERT_EQ(groupcast_detach(), 0);
  for (const char* arguments : {"", ",framesz=2048", ",framecnt=128,blocksz=16384,framesz=16384"}) {
    SCOPED_TRACE(arguments);
    Attach(arguments);
    ASSERT_EQ(groupcast.Send(sd_), 3);
    Counted now;
    ASSERT_EQ(groupcast.Send(sd_), 3);
    EXPECT_EQ(now("engine_recipients"), std::string(arguments) == ",framesz=2048" ? 0 : 3);
    ASSERT_EQ(groupcast_detach(), 0);
  }
  EXPECT_EQ(sink.Receive(21).size(), 21u);
  // The largest interface there is, and private bytes that need a whole frame each.
  rx().Shell("ip link set v1 mtu 65535");
  tx().Shell("ip link set v0 mtu 65535");
  Attach();
  Groupcast large(Pattern(100));
  for (uint32_t i = 0; i < 40; i++) {
    large.Add(Endpoint(kBehindGateway + 1 + i, kUdpPort), Pattern(600, i), Pattern(60000, i));
  }
  ASSERT_EQ(large.Send(sd_), 40);
  const std::vector<Datagram> received = sink.Receive(40);
  ASSERT_EQ(received.size(), 40u);
  for (const Datagram& datagram : received) {
    const uint32_t i = datagram.to - kBehindGateway - 1;
    EXPECT_TRUE(datagram.payload == Pattern(600, i) + Pattern(100) + Pattern(60000, i));
  }
}

// Fragmentation needed, from a router on the way: the kernel tells nobody but the socket.
TEST_F(SendgroupNextHops, PathMtuThatShrinks) {
  constexpr uint16_t kPathMtu = 1200;
  sd_.Set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  ASSERT_EQ(groupcast_refresh(sd_), 0);
  Capture capture(rx(), "v1");
  Groupcast groupcast(Pattern(1300));
  groupcast.AddRange(kBehindGateway + 1, 3, kUdpPort);
  ASSERT_EQ(groupcast.Send(sd_), 3);
  std::vector<std::string> frames = capture.Take(3);
  ASSERT_EQ(frames.size(), 3u);
  TellFragmentationNeeded(rx(), frames[0], kPathMtu);
  ASSERT_TRUE(Eventually([&] { return groupcast.KernelSend(sd_, 0) == EMSGSIZE; }));
  EXPECT_TRUE(Eventually([&] { return groupcast.Send(sd_) == 2; }));
  EXPECT_EQ(groupcast.errnos, std::vector<int>({EMSGSIZE, 0, 0}));
}

}  // namespace
}  // namespace groupcast
