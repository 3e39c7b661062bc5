// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Every length that matters, of both families, by MTU, *_MTU_DISCOVER and private data: what a
// receiving socket gets, reassembled where the kernel fragmented, and each errno, against sendmsg()
// on the same socket.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/kernel/hosts6.h"
#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;
constexpr std::array<size_t, 4> kPrivateLengths = {0, 1, 7, 100};

struct Ipv4 {
  using Groupcast = BasicGroupcast<Ipv4Call>;
  static constexpr size_t kHeaders = 28, kLargest = 65507;
  static Socket Bound() { return BoundSocket(0, 4000); }
  static void Discover(const Socket& sd, int value) { sd.Set(IPPROTO_IP, IP_MTU_DISCOVER, value); }
  static sockaddr_in To(uint32_t i) { return Endpoint(kBehindGateway + i, kUdpPort); }
  static std::string TextOf(uint32_t i) {
    return Text(Mapped(kBehindGateway + i, kUdpPort).sin6_addr);
  }
};

// From an AF_INET6 socket.
struct MappedIpv4 : Ipv4 {
  using Groupcast = BasicGroupcast<Ipv6Call>;
  static Socket Bound() { return BoundSocket6("::", 4000); }
  static sockaddr_in6 To(uint32_t i) { return Mapped(kBehindGateway + i, kUdpPort); }
};

struct Ipv6 {
  using Groupcast = BasicGroupcast<Ipv6Call>;
  static constexpr size_t kHeaders = 48, kLargest = 65527;
  static Socket Bound() { return BoundSocket6("::", 4000); }
  static void Discover(const Socket& sd, int value) {
    sd.Set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, value);
  }
  static sockaddr_in6 To(uint32_t i) { return Endpoint6(kBehindGateway6, kUdpPort, i); }
  static std::string TextOf(uint32_t i) { return Text(To(i).sin6_addr); }
};

class SendgroupSizes : public TwoHosts6, public testing::WithParamInterface<size_t> {
 protected:
  void SetUp() override {
    TwoHosts6::SetUp();
    if (IsSkipped()) return;
    rx().Shell("ip link set v1 mtu " + std::to_string(GetParam()));
    tx().Shell("ip link set v0 mtu " + std::to_string(GetParam()));
    Attach();
  }

  // Shared lengths around each limit, of which some hit it with one of the private lengths.
  template <typename Family>
  static std::set<size_t> SharedLengths(size_t mtu) {
    std::set<size_t> lengths = {0, 1, 255, 256, 257, 1000, 4001, 20000};
    for (const size_t limit : {mtu - Family::kHeaders, Family::kLargest}) {
      for (const size_t below : {0, 1, 2, 7, 8, 14, 100, 101, 107, 200, 201}) {
        lengths.insert(limit - below);
      }
      lengths.insert(limit + 1);
    }
    return lengths;
  }

  template <typename Family>
  static void Compare(const Socket& sd, Sink6* sink, size_t shared_length) {
    const std::string shared = Pattern(shared_length);
    typename Family::Groupcast groupcast(shared);
    std::map<std::string, std::string> expected;
    std::vector<int> kernel;
    int sent = 0, by_engine = 0;
    size_t arrive = 0;
    for (const size_t prepend : kPrivateLengths) {
      for (const size_t append : kPrivateLengths) {
        const auto i = static_cast<uint32_t>(groupcast.size() + 1);
        groupcast.Add(Family::To(i), Pattern(prepend, i), Pattern(append, i + 1));
        expected[Family::TextOf(i)] = Pattern(prepend, i) + shared + Pattern(append, i + 1);
        const size_t length = prepend + shared_length + append;
        by_engine += length + Family::kHeaders <= GetParam() ? 1 : 0;
      }
    }
    for (size_t i = 0; i < groupcast.size(); i++) {
      kernel.push_back(groupcast.KernelSend(sd, i));
      sent += kernel.back() == 0 ? 1 : 0;
    }
    arrive += static_cast<size_t>(sent);
    const std::vector<Datagram6> theirs = sink->Receive(arrive, 2000, 0);
    Counted counted;
    EXPECT_EQ(groupcast.Send(sd), sent);
    EXPECT_EQ(groupcast.errnos, kernel);
    EXPECT_EQ(counted("engine_recipients"), by_engine);
    const std::vector<Datagram6> ours = sink->Receive(arrive, 2000, 0);
    EXPECT_EQ(theirs.size(), arrive) << SoftnetDrops();
    EXPECT_EQ(ours.size(), arrive) << SoftnetDrops();
    for (const Datagram6& datagram : ours) {
      EXPECT_EQ(datagram.from.sin6_port, htons(4000));
      EXPECT_TRUE(expected[datagram.to] == datagram.payload)
          << datagram.to << " got " << datagram.payload.size() << " of "
          << expected[datagram.to].size() << " bytes, or once too often";
      expected[datagram.to] = "received";
    }
  }

  template <typename Family>
  static void CompareAll() {
    Socket sd = Family::Bound();
    sd.Set(SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
    Sink6 sink(rx(), kUdpPort);
    for (const int discover : {IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO,
                               IP_PMTUDISC_PROBE, IP_PMTUDISC_INTERFACE, IP_PMTUDISC_OMIT}) {
      Family::Discover(sd, discover);
      ASSERT_EQ(groupcast_refresh(sd), 0);
      for (const size_t length : SharedLengths<Family>(GetParam())) {
        SCOPED_TRACE(testing::Message() << "MTU_DISCOVER " << discover << ", " << length);
        Compare<Family>(sd, &sink, length);
        if (testing::Test::HasFailure()) return;
      }
    }
    EXPECT_EQ(sink.Receive(0).size(), 0u) << "more than once";
  }
};

INSTANTIATE_TEST_SUITE_P(Mtu, SendgroupSizes, testing::Values(1280, 1500, 9000),
                         testing::PrintToStringParamName());

TEST_P(SendgroupSizes, OfIpv4) { CompareAll<Ipv4>(); }
TEST_P(SendgroupSizes, OfMappedIpv4) { CompareAll<MappedIpv4>(); }
TEST_P(SendgroupSizes, OfIpv6) { CompareAll<Ipv6>(); }

}  // namespace
}  // namespace groupcast
