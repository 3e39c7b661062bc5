// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Each frame that leaves by the engine, byte for byte against the frame of the kernel's own
// sendmsg() on the same socket. Excluded is the IP id, and with it the IP header checksum, which is
// verified instead.
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;
constexpr size_t kIpOffset = 14, kIpLength = 20;
constexpr size_t kIpIdOffset = kIpOffset + 4, kIpChecksumOffset = kIpOffset + 10;
constexpr size_t kDestinationOffset = kIpOffset + 16;
constexpr size_t kHeaders = 28;  // IP and UDP
constexpr size_t kMtu = 1500;

uint32_t Sum(const std::string& bytes, size_t offset, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i++) {
    sum += static_cast<uint8_t>(bytes[offset + i]) << (i % 2 == 0 ? 8 : 0);
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// Frames by destination address, without what may differ.
std::map<uint32_t, std::vector<std::string>> Comparable(const std::vector<std::string>& frames) {
  std::map<uint32_t, std::vector<std::string>> by_destination;
  for (std::string frame : frames) {
    EXPECT_EQ(Sum(frame, kIpOffset, kIpLength), 0xffffu) << "IP header checksum";
    frame.replace(kIpIdOffset, 2, 2, 0);
    frame.replace(kIpChecksumOffset, 2, 2, 0);
    uint32_t destination = 0;
    for (size_t i = 0; i < 4; i++) {
      destination = destination << 8 | static_cast<uint8_t>(frame[kDestinationOffset + i]);
    }
    by_destination[destination].push_back(frame);
  }
  return by_destination;
}

class SendgroupFrames : public TwoHosts {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    tx().Shell("ip address add 10.99.0.9/16 dev v0");
    Attach();
  }

  // Every kind of private data for one payload: absent, odd, even and long, on either side.
  static Groupcast AllKinds(size_t shared_length, bool on_link = false) {
    static constexpr std::pair<size_t, size_t> kPrivate[] = {
        {0, 0}, {1, 0}, {2, 0},  {12, 0},  {13, 0},   {0, 1},    {0, 2},   {0, 7},
        {0, 8}, {1, 1}, {12, 8}, {13, 16}, {12, 255}, {257, 12}, {64, 63}, {300, 301}};
    Groupcast groupcast(Pattern(shared_length));
    uint32_t address = (on_link ? kOnLink : kBehindGateway) + 1;
    for (auto [prepend, append] : kPrivate) {
      groupcast.Add(Endpoint(address, kUdpPort), Pattern(prepend, address),
                    Pattern(append, address + 1));
      ++address;
    }
    return groupcast;
  }

  // Sends once by sendmsg() and once by sendgroup() and compares frames, errnos, and who sent.
  static void Compare(int sd, Groupcast* groupcast, bool engine) {
    Capture capture(rx(), "v1");
    // Without a receiver, ICMP errors would come back to sockets that ask for them.
    Sink sink(rx(), kUdpPort);
    size_t frames = 0, by_engine = 0;
    std::vector<int> kernel_errnos;
    for (size_t i = 0; i < groupcast->size(); i++) {
      kernel_errnos.push_back(groupcast->KernelSend(sd, i));
      if (kernel_errnos.back() != 0) continue;
      const giovec& to = groupcast->buf()->recinfo[i];
      size_t length = groupcast->buf()->shared.iov_len + to.giov_prepend.iov_len +
                      to.giov_append.iov_len + kHeaders;
      frames += length <= kMtu ? 1 : 2;
      if (length <= kMtu) ++by_engine;
    }
    const std::vector<std::string> captured = capture.Take(frames);
    ASSERT_EQ(captured.size(), frames);
    auto kernel = Comparable(captured);
    Counted counted;
    int sent = groupcast->Send(sd);
    auto ours = Comparable(capture.Take(frames));

    EXPECT_EQ(groupcast->errnos, kernel_errnos);
    EXPECT_EQ(sent, std::count(kernel_errnos.begin(), kernel_errnos.end(), 0));
    EXPECT_EQ(counted("engine_recipients"), engine ? static_cast<int64_t>(by_engine) : 0);
    ASSERT_EQ(ours.size(), kernel.size());
    for (const auto& [destination, expected] : kernel) {
      const std::vector<std::string>& found = ours[destination];
      size_t recipient = destination & 0xff;
      ASSERT_EQ(found.size(), expected.size()) << "recipient " << recipient;
      for (size_t i = 0; i < found.size(); i++) {
        EXPECT_EQ(found[i].size(), expected[i].size()) << "recipient " << recipient;
        EXPECT_TRUE(found[i] == expected[i])
            << "recipient " << recipient << "\n sendgroup: " << Hex(found[i])
            << "\n sendmsg:   " << Hex(expected[i]);
      }
    }
  }
};

class Lengths : public SendgroupFrames, public testing::WithParamInterface<size_t> {};

TEST_P(Lengths, AreTheKernelsFrames) {
  Socket sd = BoundSocket(0, 4000);
  Groupcast groupcast = AllKinds(GetParam());
  Compare(sd, &groupcast, true);
}

INSTANTIATE_TEST_SUITE_P(Shared, Lengths, testing::Values(0, 1, 63, 64, 255, 256, 257, 1000, 1472),
                         testing::PrintToStringParamName());

struct Option {
  const char* name;
  std::function<void(const Socket&)> set;
  bool engine = true;
  bool on_link = false;  // recipients without a gateway

  friend void PrintTo(const Option& option, std::ostream* out) { *out << option.name; }
};

auto Integer(int level, int option, int value) {
  return [=](const Socket& sd) { sd.Set(level, option, value); };
}

void BindToDevice(const Socket& sd) {
  ASSERT_EQ(setsockopt(sd, SOL_SOCKET, SO_BINDTODEVICE, "v0", 2), 0);
}

class Options : public SendgroupFrames, public testing::WithParamInterface<Option> {};

TEST_P(Options, AreTheKernelsFrames) {
  Socket sd = BoundSocket(0, 4001);
  GetParam().set(sd);
  for (size_t length : {0, 255, 1000, 1472}) {
    SCOPED_TRACE(length);
    Groupcast groupcast = AllKinds(length, GetParam().on_link);
    Compare(sd, &groupcast, GetParam().engine);
  }
}

// An option that is set later counts after groupcast_refresh(), at once.
TEST_P(Options, CountAfterRefresh) {
  Socket sd = BoundSocket(0, 4002);
  Groupcast groupcast = AllKinds(500, GetParam().on_link);
  Compare(sd, &groupcast, true);
  GetParam().set(sd);
  ASSERT_EQ(groupcast_refresh(sd), 0);
  Compare(sd, &groupcast, GetParam().engine);
}

INSTANTIATE_TEST_SUITE_P(
    Socket, Options,
    testing::Values(Option{"Ttl", Integer(IPPROTO_IP, IP_TTL, 7)},
                    Option{"Tos", Integer(IPPROTO_IP, IP_TOS, 0xb8)},
                    Option{"PmtuDont", Integer(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)},
                    Option{"PmtuWant", Integer(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT)},
                    Option{"PmtuDo", Integer(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)},
                    Option{"PmtuProbe", Integer(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)},
                    Option{"PmtuInterface",
                           Integer(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE)},
                    Option{"PmtuOmit", Integer(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)},
                    Option{"BindToDevice", BindToDevice},
                    Option{"Priority", Integer(SOL_SOCKET, SO_PRIORITY, 5)},
                    Option{"Mark", Integer(SOL_SOCKET, SO_MARK, 77)},
                    Option{"Broadcast", Integer(SOL_SOCKET, SO_BROADCAST, 1)},
                    Option{"RecvErr", Integer(IPPROTO_IP, IP_RECVERR, 1)},
                    Option{"NoCheck", Integer(SOL_SOCKET, SO_NO_CHECK, 1), false}),
    [](const auto& row) { return row.param.name; });

struct Source {
  const char* name;
  uint32_t bound;

  friend void PrintTo(const Source& source, std::ostream* out) { *out << source.name; }
};

class Sources : public SendgroupFrames, public testing::WithParamInterface<Source> {};

TEST_P(Sources, AreTheKernelsFrames) {
  Socket sd = BoundSocket(GetParam().bound, 4003);
  for (bool on_link : {false, true}) {
    Groupcast groupcast = AllKinds(700, on_link);
    Compare(sd, &groupcast, true);
  }
}

INSTANTIATE_TEST_SUITE_P(Bound, Sources,
                         testing::Values(Source{"Any", 0}, Source{"First", kTxAddress},
                                         Source{"Second", Ip(10, 99, 0, 9)}),
                         [](const auto& row) { return row.param.name; });

TEST_F(SendgroupFrames, OfAConnectedSocket) {
  Socket sd = BoundSocket(0, 4004);
  sockaddr_in peer = Endpoint(kBehindGateway + 999, 9);
  ASSERT_EQ(connect(sd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)), 0);
  Groupcast groupcast = AllKinds(700);
  Compare(sd, &groupcast, true);
}

TEST_F(SendgroupFrames, OfAnUnboundSocketGetTheKernelsPort) {
  Sink sink(rx(), kUdpPort);
  Socket sd(socket(AF_INET, SOCK_DGRAM, 0));
  Groupcast groupcast("x");
  groupcast.AddRange(kBehindGateway + 1, 3, kUdpPort);
  ASSERT_EQ(groupcast.Send(sd), 3);  // binds the socket
  ASSERT_EQ(groupcast_refresh(sd), 0);
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd), 3);
  EXPECT_EQ(counted("engine_recipients"), 3);
  sockaddr_in local = {};
  socklen_t length = sizeof(local);
  ASSERT_EQ(getsockname(sd, reinterpret_cast<sockaddr*>(&local), &length), 0);
  std::vector<Datagram> received = sink.Receive(6);
  ASSERT_EQ(received.size(), 6u);
  for (const Datagram& datagram : received) EXPECT_EQ(datagram.from.sin_port, local.sin_port);
}

// A snapshot of the socket is at most 10 ms old, without being told.
TEST_F(SendgroupFrames, FollowTheSocketAfterTenMilliseconds) {
  Socket sd = BoundSocket(0, 4005);
  Groupcast groupcast = AllKinds(300);
  Compare(sd, &groupcast, true);
  sd.Set(IPPROTO_IP, IP_TTL, 9);
  usleep(15000);
  Compare(sd, &groupcast, true);
}

}  // namespace
}  // namespace groupcast
