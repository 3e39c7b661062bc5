// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// IPv6 gateways that answer late or never, and paths whose MTU shrinks.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/hosts6.h"
#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr uint16_t kUdpPort = 5004;
constexpr uint32_t kRecipients = 1000;
constexpr char kGateway[] = "2001:db8:63::77";  // an address that rx does not have
constexpr std::array<uint8_t, 6> kRxMacBytes = {2, 0, 0, 0, 0, 2};

milliseconds Since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// Of ICMPv6, with its pseudo header (RFC 8200, section 8.1).
uint16_t Checksum(const ip6_hdr& ip, const void* icmp, size_t length) {
  std::string bytes(reinterpret_cast<const char*>(&ip.ip6_src), 32);
  bytes += {0, 0, 0, static_cast<char>(length), 0, 0, 0, IPPROTO_ICMPV6};
  bytes.append(static_cast<const char*>(icmp), length);
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]) << 8 |
                                 static_cast<uint8_t>(bytes[i + 1]));
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<uint16_t>(~sum));
}

// Answers neighbour solicitations for kGateway on v1, `delay` after each.
class Neighbour {
 public:
  Neighbour(const NetworkNamespace& rx, milliseconds delay) : delay_(delay) {
    rx.Run([&] {
      sd_ = Socket(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
      sockaddr_ll local = {};
      local.sll_family = AF_PACKET;
      local.sll_protocol = htons(ETH_P_IPV6);
      local.sll_ifindex = static_cast<int>(if_nametoindex("v1"));
      ASSERT_EQ(bind(sd_, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
    });
    thread_ = std::thread([this] { Answer(); });
  }
  ~Neighbour() {
    stop_ = true;
    thread_.join();
  }

 private:
  struct Frame {
    ether_header ethernet;
    ip6_hdr ip;
    nd_neighbor_solicit solicitation;  // as long as an advertisement
    nd_opt_hdr option;
    uint8_t mac[ETH_ALEN];
  } __attribute__((packed));

  void Answer() {
    const in6_addr gateway = Endpoint6(kGateway, 0).sin6_addr;
    while (!stop_) {
      pollfd wanted = {.fd = sd_, .events = POLLIN, .revents = 0};
      if (poll(&wanted, 1, 20) <= 0) continue;
      Frame frame;
      if (recv(sd_, &frame, sizeof(frame), MSG_DONTWAIT) < static_cast<ssize_t>(sizeof(frame))) {
        continue;
      }
      if (frame.ip.ip6_nxt != IPPROTO_ICMPV6 ||
          frame.solicitation.nd_ns_type != ND_NEIGHBOR_SOLICIT ||
          std::memcmp(&frame.solicitation.nd_ns_target, &gateway, sizeof(gateway)) != 0) {
        continue;
      }
      std::this_thread::sleep_for(delay_);
      std::memcpy(frame.ethernet.ether_dhost, frame.ethernet.ether_shost, ETH_ALEN);
      std::memcpy(frame.ethernet.ether_shost, kRxMacBytes.data(), ETH_ALEN);
      const in6_addr asker = frame.ip.ip6_src;
      frame.ip.ip6_dst = asker;
      frame.ip.ip6_src = gateway;
      nd_neighbor_advert advertisement = {};
      advertisement.nd_na_type = ND_NEIGHBOR_ADVERT;
      advertisement.nd_na_flags_reserved = ND_NA_FLAG_SOLICITED | ND_NA_FLAG_OVERRIDE;
      advertisement.nd_na_target = gateway;
      static_assert(sizeof(advertisement) == sizeof(frame.solicitation));
      std::memcpy(&frame.solicitation, &advertisement, sizeof(advertisement));
      frame.option = {ND_OPT_TARGET_LINKADDR, 1};
      std::memcpy(frame.mac, kRxMacBytes.data(), ETH_ALEN);
      const size_t length = sizeof(frame) - offsetof(Frame, solicitation);
      const uint16_t sum = Checksum(frame.ip, &frame.solicitation, length);
      std::memcpy(reinterpret_cast<char*>(&frame.solicitation) + 2, &sum, sizeof(sum));
      EXPECT_EQ(send(sd_, &frame, sizeof(frame), 0), static_cast<ssize_t>(sizeof(frame)));
    }
  }

  const milliseconds delay_;
  Socket sd_{-1};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class Sendgroup6NextHops : public TwoHosts6 {
 protected:
  void SetUp() override {
    TwoHosts6::SetUp();
    if (IsSkipped()) return;
    tx().Shell("ip route replace " + std::string(kBehindGateway6) + "/48 via " + kGateway);
    Attach();
    sd_ = BoundSocket6("::", 4000);
  }

  static Groupcast6 ToAll(const std::string& payload) {
    Groupcast6 groupcast(payload);
    for (uint32_t i = 1; i <= kRecipients; i++) {
      groupcast.Add(Endpoint6(kBehindGateway6, kUdpPort, i));
    }
    return groupcast;
  }

  static void ExpectAll(Sink6* sink, const std::string& payload) {
    const std::vector<Datagram6> received = sink->Receive(kRecipients);
    ASSERT_EQ(received.size(), kRecipients);
    std::vector<bool> reached(kRecipients + 1);
    for (const Datagram6& datagram : received) {
      EXPECT_TRUE(datagram.payload == payload);
      const size_t i = ntohl(Endpoint6(datagram.to, 0).sin6_addr.s6_addr32[3]);
      ASSERT_TRUE(i >= 1 && i <= kRecipients) << datagram.to;
      EXPECT_FALSE(reached[i]) << datagram.to;
      reached[i] = true;
    }
  }

  Socket sd_{-1};
};

TEST_F(Sendgroup6NextHops, GatewayThatAnswersLate) {
  Neighbour neighbour(rx(), milliseconds(100));
  Sink6 sink(rx(), kUdpPort);
  const std::string payload = Pattern(1000);
  Groupcast6 groupcast = ToAll(payload);
  ASSERT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  ExpectAll(&sink, payload);
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  ExpectAll(&sink, payload);
  EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(kRecipients));
  EXPECT_EQ(counted("kernel_recipients"), 0);
}

TEST_F(Sendgroup6NextHops, GatewayThatNeverAnswers) {
  // Else the kernel's own sendmsg() waits for what its neighbour entry holds back.
  sd_.Set(SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
  Groupcast6 groupcast = ToAll(Pattern(100));
  Counted counted;
  auto start = Clock::now();
  EXPECT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  EXPECT_EQ(groupcast.errnos, std::vector<int>(kRecipients, 0));
  EXPECT_GE(Since(start), milliseconds(200));
  EXPECT_EQ(counted("kernel_unresolved"), static_cast<int64_t>(kRecipients));
  EXPECT_EQ(counted("engine_recipients"), 0);
  EXPECT_EQ(groupcast.KernelSend(sd_, 0), 0);

  // The wait is over until it resolves: twenty calls more take less than twenty waits.
  start = Clock::now();
  for (int i = 0; i < 20; i++) EXPECT_EQ(groupcast.Send(sd_), static_cast<int>(kRecipients));
  EXPECT_LT(Since(start), milliseconds(2500));

  // And when it answers after all, the engine takes over.
  Neighbour neighbour(rx(), milliseconds(0));
  EXPECT_TRUE(Eventually([&] {
    Counted now;
    groupcast.Send(sd_);
    return now("engine_recipients") == static_cast<int64_t>(kRecipients);
  }));
}

TEST_F(Sendgroup6NextHops, WithoutWaitingTheKernelIsAskedAtOnce) {
  Groupcast6 groupcast(Pattern(100));
  for (uint32_t i = 1; i <= 10; i++) groupcast.Add(Endpoint6(kBehindGateway6, kUdpPort, i));
  Counted counted;
  EXPECT_EQ(groupcast.Send(sd_, MSG_DONTWAIT), 10);
  EXPECT_EQ(counted("kernel_unresolved"), 10);
}

// Packet too big, from a router on the way: the kernel tells nobody but the socket.
TEST_F(Sendgroup6NextHops, PathMtuThatShrinks) {
  constexpr uint32_t kPathMtu = 1300;
  Neighbour neighbour(rx(), milliseconds(0));
  Sink6 sink(rx(), kUdpPort);
  sd_.Set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
  ASSERT_EQ(groupcast_refresh(sd_), 0);
  Capture capture(rx(), "v1", AF_INET6);
  Groupcast6 groupcast(Pattern(1300));
  for (uint32_t i = 1; i <= 3; i++) groupcast.Add(Endpoint6(kBehindGateway6, kUdpPort, i));
  ASSERT_EQ(groupcast.Send(sd_), 3);
  std::vector<std::string> frames = capture.Take(3);
  ASSERT_EQ(frames.size(), 3u);
  const std::string quoted = frames[0].substr(ETH_HLEN, 48);
  // Which of them came first is not promised.
  size_t shrunk = 0;
  for (size_t i = 0; i < 3; i++) {
    const in6_addr& to = groupcast.buf()->recinfo[i].giov_dest.sin6_addr;
    if (std::memcmp(quoted.data() + 24, &to, sizeof(to)) == 0) shrunk = i;
  }
  icmp6_hdr header = {};
  header.icmp6_type = ICMP6_PACKET_TOO_BIG;
  header.icmp6_mtu = htonl(kPathMtu);
  const std::string message =
      std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + quoted;
  rx().Run([&] {
    Socket raw(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    const sockaddr_in6 to = Endpoint6(kTxAddress6, 0);
    ASSERT_EQ(sendto(raw, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof(to)),
              static_cast<ssize_t>(message.size()));
  });
  ASSERT_TRUE(Eventually([&] { return groupcast.KernelSend(sd_, shrunk) == EMSGSIZE; }));
  EXPECT_TRUE(Eventually([&] { return groupcast.Send(sd_) == 2; }));
  std::vector<int> errnos(3);
  errnos[shrunk] = EMSGSIZE;
  EXPECT_EQ(groupcast.errnos, errnos);

  // IPV6_PMTUDISC_PROBE looks at the device only; with _WANT the kernel fragments.
  Counted counted;
  sd_.Set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  ASSERT_EQ(groupcast_refresh(sd_), 0);
  EXPECT_EQ(groupcast.KernelSend(sd_, shrunk), 0);
  EXPECT_EQ(groupcast.Send(sd_), 3);
  EXPECT_EQ(counted("engine_recipients"), 3);
  sd_.Set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT);
  ASSERT_EQ(groupcast_refresh(sd_), 0);
  sink.Receive(0);
  EXPECT_EQ(groupcast.Send(sd_), 3);
  EXPECT_EQ(counted("engine_recipients"), 3 + 2);
  EXPECT_EQ(sink.Receive(3).size(), 3u);
}

}  // namespace
}  // namespace groupcast
