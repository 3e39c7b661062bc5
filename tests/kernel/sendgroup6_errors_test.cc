// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// sendgroup6()'s rows of the error table, each with and without an engine, side by side with
// sendmsg() on the same socket.
#include <gtest/gtest.h>
#include <linux/in6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <vector>

#include "tests/kernel/hosts6.h"
#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;

class Sendgroup6Errors : public TwoHosts6, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    TwoHosts6::SetUp();
    if (IsSkipped()) return;
    if (GetParam()) Attach();
    sd_ = BoundSocket6("::", 4000);
  }

  // One bad recipient between two good ones gets the errno that sendmsg() gives for it, and the
  // good ones get their datagrams.
  void ExpectAsKernel(const sockaddr_in6& to, int expected, const std::string& shared = "payload") {
    Sink6 sink(rx(), kUdpPort);
    Groupcast6 groupcast(shared);
    groupcast.Add(Endpoint6(kBehindGateway6, kUdpPort, 1))
        .Add(to)
        .Add(Endpoint6(kBehindGateway6, kUdpPort, 2));
    const int kernel = groupcast.KernelSend(sd_, 1);
    EXPECT_EQ(kernel, expected) << std::strerror(kernel) << ", says sendmsg()";
    const size_t reached = sink.Receive(0).size();  // whether rx counts itself as meant
    EXPECT_EQ(groupcast.Send(sd_), kernel == 0 ? 3 : 2);
    EXPECT_EQ(groupcast.errnos, std::vector<int>({0, kernel, 0}));
    EXPECT_EQ(groupcast.error, Groupcast6::kUntouched);
    EXPECT_EQ(sink.Receive(2 + reached).size(), 2 + reached);

    // Without errnos, and with nobody reached: 0, and errno is left alone.
    Groupcast6 alone(shared);
    alone.Add(to);
    errno = Groupcast6::kUntouched;
    EXPECT_EQ(sendgroup6(sd_, alone.buf(), 1, 0, nullptr), kernel == 0 ? 1 : 0);
    EXPECT_EQ(errno, Groupcast6::kUntouched);
  }

  // Of one recipient only, on any socket: what the kernel says is what the call says.
  static void ExpectSame(int sd, const sockaddr_in6& to, int expected,
                         const std::string& shared = "payload") {
    Groupcast6 groupcast(shared);
    groupcast.Add(to);
    const int kernel = groupcast.KernelSend(sd, 0);
    EXPECT_EQ(kernel, expected) << std::strerror(kernel) << ", says sendmsg()";
    EXPECT_EQ(groupcast.Send(sd), kernel == 0 ? 1 : 0);
    EXPECT_EQ(groupcast.errnos[0], kernel);
  }

  static sockaddr_in6 OfFamily(int family) {
    sockaddr_in6 to = Endpoint6(kBehindGateway6, kUdpPort, 3);
    to.sin6_family = static_cast<sa_family_t>(family);
    return to;
  }

  static sockaddr_in6 OfIpv4(uint32_t address) {
    const sockaddr_in four = Endpoint(address, kUdpPort);
    sockaddr_in6 to = {};
    std::memcpy(&to, &four, sizeof(four));
    return to;
  }

  Socket sd_{-1};
};

INSTANTIATE_TEST_SUITE_P(Error, Sendgroup6Errors, testing::Bool(), [](const auto& row) {
  return row.param ? std::string("Engine") : std::string("Kernel");
});

TEST_P(Sendgroup6Errors, WholeCalls) {
  Groupcast6 groupcast("payload");
  groupcast.Add(Endpoint6(kBehindGateway6, kUdpPort, 1));
  const auto expect_failure = [&](int sd, int flags, int error) {
    EXPECT_EQ(groupcast.Send(sd, flags), -1);
    EXPECT_EQ(groupcast.error, error) << std::strerror(groupcast.error);
  };
  expect_failure(-1, 0, EBADF);
  expect_failure(Socket(socket(AF_INET6, SOCK_STREAM, 0)), 0, EOPNOTSUPP);
  expect_failure(Socket(socket(AF_INET6, SOCK_RAW, IPPROTO_UDP)), 0, EOPNOTSUPP);
  expect_failure(sd_, MSG_OOB, EOPNOTSUPP);
  errno = 0;
  EXPECT_EQ(sendgroup6(sd_, nullptr, 1, 0, nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(sendgroup6(sd_, groupcast.buf(), size_t{INT_MAX} + 1, 0, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  errno = Groupcast6::kUntouched;
  EXPECT_EQ(sendgroup6(sd_, groupcast.buf(), 0, 0, nullptr), 0);
  EXPECT_EQ(errno, Groupcast6::kUntouched);
  groupcast.buf()->shared = {nullptr, 7};
  EXPECT_EQ(groupcast.KernelSend(sd_, 0), EFAULT);
  expect_failure(sd_, 0, EFAULT);
}

TEST_P(Sendgroup6Errors, PrivateBytes) {
  Sink6 sink(rx(), kUdpPort);
  Groupcast6 groupcast("payload");
  for (uint32_t i = 1; i <= 5; i++) groupcast.Add(Endpoint6(kBehindGateway6, kUdpPort, i));
  giovec6* recipients = groupcast.buf()->recinfo;
  recipients[1].giov_prepend = {nullptr, 1};
  recipients[2].giov_append = {nullptr, 100};
  recipients[3].giov_append = {recipients, 66000};
  EXPECT_EQ(groupcast.KernelSend(sd_, 1), EFAULT);
  EXPECT_EQ(groupcast.KernelSend(sd_, 2), EFAULT);
  EXPECT_EQ(groupcast.Send(sd_), 2);
  EXPECT_EQ(groupcast.errnos, std::vector<int>({0, EFAULT, EFAULT, EMSGSIZE, 0}));
  EXPECT_EQ(sink.Receive(2).size(), 2u);
}

TEST_P(Sendgroup6Errors, AddressFamilies) {
  ExpectAsKernel(OfFamily(AF_UNSPEC), EDESTADDRREQ);
  ExpectAsKernel(OfFamily(AF_UNIX), EINVAL);
  ExpectAsKernel(OfFamily(AF_MAX), EINVAL);
  ExpectAsKernel(OfIpv4(kBehindGateway + 1), 0);
  ExpectAsKernel(OfIpv4(Ip(203, 0, 113, 1)), ENETUNREACH);
}

// An AF_INET socket knows no other family.
TEST_P(Sendgroup6Errors, Ipv4Socket) {
  Socket four = BoundSocket(0, 4001);
  ExpectSame(four, Endpoint6(kBehindGateway6, kUdpPort, 1), EAFNOSUPPORT);
  ExpectSame(four, Mapped(kBehindGateway + 1, kUdpPort), EAFNOSUPPORT);
  ExpectSame(four, OfIpv4(kBehindGateway + 1), 0);
}

TEST_P(Sendgroup6Errors, PortZero) {
  ExpectAsKernel(Endpoint6(kBehindGateway6, 0, 3), EINVAL);
  ExpectAsKernel(Mapped(kBehindGateway + 3, 0), EINVAL);
}

TEST_P(Sendgroup6Errors, MappedAddresses) {
  ExpectAsKernel(Mapped(kBehindGateway + 3, kUdpPort), 0);
  ExpectAsKernel(Mapped(Ip(203, 0, 113, 1), kUdpPort), ENETUNREACH);
  ExpectAsKernel(Mapped(Ip(10, 99, 255, 255), kUdpPort), EACCES);
  sd_.Set(SOL_SOCKET, SO_BROADCAST, 1);
  ASSERT_EQ(groupcast_refresh(sd_), 0);
  ExpectAsKernel(Mapped(Ip(10, 99, 255, 255), kUdpPort), 0);
  Socket only(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  only.Set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const sockaddr_in6 any = Endpoint6("::", 4002);
  ASSERT_EQ(bind(only, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
  ExpectSame(only, Mapped(kBehindGateway + 3, kUdpPort), ENETUNREACH);
  ExpectSame(only, OfIpv4(kBehindGateway + 3), ENETUNREACH);
  ExpectSame(only, Endpoint6(kBehindGateway6, kUdpPort, 3), 0);
}

// A source of one family reaches nobody of the other.
TEST_P(Sendgroup6Errors, BoundToAnAddress) {
  Socket six = BoundSocket6(kTxAddress6, 4003);
  ExpectSame(six, Mapped(kBehindGateway + 3, kUdpPort), ENETUNREACH);
  ExpectSame(six, Endpoint6(kBehindGateway6, kUdpPort, 3), 0);
  Socket mapped = BoundSocket6("::ffff:10.99.0.1", 4003);
  ExpectSame(mapped, Mapped(kBehindGateway + 3, kUdpPort), 0);
  ExpectSame(mapped, Endpoint6(kBehindGateway6, kUdpPort, 3), EAFNOSUPPORT);
  ExpectSame(mapped, Endpoint6("::", kUdpPort), 0);  // is 127.0.0.1
}

TEST_P(Sendgroup6Errors, LinkLocalAddresses) {
  ExpectAsKernel(Endpoint6(kRxLinkLocal, kUdpPort, 0, Scope()), 0);
  // The kernel takes the interface of the first route that fits.
  ExpectAsKernel(Endpoint6(kRxLinkLocal, kUdpPort), 0);
  ExpectAsKernel(Endpoint6(kRxLinkLocal, kUdpPort, 0, 9999), ENETUNREACH);
  ExpectAsKernel(Endpoint6("fe80::1234", kUdpPort, 0, if_nametoindex("lo")), ENETUNREACH);
  // Of other addresses the scope says nothing.
  ExpectAsKernel(Endpoint6(kBehindGateway6, kUdpPort, 3, 9999), 0);
  ASSERT_EQ(setsockopt(sd_, SOL_SOCKET, SO_BINDTODEVICE, "v0", 2), 0);
  ASSERT_EQ(groupcast_refresh(sd_), 0);
  ExpectAsKernel(Endpoint6(kRxLinkLocal, kUdpPort), 0);
}

TEST_P(Sendgroup6Errors, OwnAndGroupAddresses) {
  ExpectAsKernel(Endpoint6("::1", 9), 0);
  ExpectAsKernel(Endpoint6("::", 9), 0);
  ExpectAsKernel(Endpoint6(kTxAddress6, 9), 0);
  ExpectAsKernel(Endpoint6("ff02::1", kUdpPort, 0, Scope()), 0);
  ExpectAsKernel(Endpoint6("ff02::1", kUdpPort), 0);
  ExpectAsKernel(Endpoint6("ff0e::1234", kUdpPort), 0);
}

TEST_P(Sendgroup6Errors, RoutesThatRefuse) {
  tx().Shell(
      "ip route add blackhole 2001:db8:201::/48 && ip route add unreachable 2001:db8:202::/48 &&"
      "ip route add prohibit 2001:db8:203::/48 && ip route add throw 2001:db8:204::/48");
  ExpectAsKernel(Endpoint6("2001:db8:201::1", kUdpPort), EINVAL);
  ExpectAsKernel(Endpoint6("2001:db8:202::1", kUdpPort), EHOSTUNREACH);
  ExpectAsKernel(Endpoint6("2001:db8:203::1", kUdpPort), EACCES);
  ExpectAsKernel(Endpoint6("2001:db8:204::1", kUdpPort), ENETUNREACH);
  ExpectAsKernel(Endpoint6("2001:db8:205::1", kUdpPort), ENETUNREACH);
}

TEST_P(Sendgroup6Errors, InterfaceDown) {
  Groupcast6 groupcast("payload");
  groupcast.Add(Endpoint6(kBehindGateway6, kUdpPort, 1)).Add(Endpoint6(kOnLink6, kUdpPort, 1));
  ASSERT_EQ(groupcast.Send(sd_), 2);
  tx().Shell("ip link set v0 down");
  EXPECT_TRUE(Eventually([&] {
    return groupcast.Send(sd_) == 0 && groupcast.errnos == std::vector<int>(2, ENETUNREACH);
  })) << groupcast.errnos[0];
  EXPECT_EQ(groupcast.KernelSend(sd_, 0), ENETUNREACH);
  EXPECT_EQ(groupcast.KernelSend(sd_, 1), ENETUNREACH);
}

TEST_P(Sendgroup6Errors, Sizes) {
  const std::vector<size_t> lengths = {1452, 1453, 65507, 65508, 65527, 65528, 70000};
  struct Row {
    int discover, dont_fragment;
    std::vector<int> errnos;
  };
  constexpr int kSize = EMSGSIZE;
  for (const Row& row :
       {Row{IPV6_PMTUDISC_DONT, 0, {0, 0, 0, 0, 0, kSize, kSize}},
        Row{IPV6_PMTUDISC_WANT, 0, {0, 0, 0, 0, 0, kSize, kSize}},
        Row{IPV6_PMTUDISC_DO, 0, {0, kSize, kSize, kSize, kSize, kSize, kSize}},
        Row{IPV6_PMTUDISC_PROBE, 0, {0, kSize, kSize, kSize, kSize, kSize, kSize}},
        Row{IPV6_PMTUDISC_INTERFACE, 0, {0, kSize, kSize, kSize, kSize, kSize, kSize}},
        Row{IPV6_PMTUDISC_OMIT, 0, {0, 0, 0, 0, 0, kSize, kSize}},
        Row{IPV6_PMTUDISC_WANT, 1, {0, kSize, kSize, kSize, kSize, kSize, kSize}}}) {
    sd_.Set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, row.discover);
    sd_.Set(IPPROTO_IPV6, IPV6_DONTFRAG, row.dont_fragment);
    ASSERT_EQ(groupcast_refresh(sd_), 0);
    for (size_t i = 0; i < lengths.size(); i++) {
      SCOPED_TRACE(testing::Message()
                   << row.discover << " " << row.dont_fragment << " " << lengths[i]);
      ExpectSame(sd_, Endpoint6(kBehindGateway6, kUdpPort, 1), row.errnos[i], Pattern(lengths[i]));
    }
  }
  // Of a mapped destination the IPv4 option counts, and IPv4's limit.
  for (size_t length : {size_t{1472}, size_t{1473}, size_t{65507}, size_t{65508}}) {
    sd_.Set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
    sd_.Set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
    ASSERT_EQ(groupcast_refresh(sd_), 0);
    ExpectSame(sd_, Mapped(kBehindGateway + 1, kUdpPort), length > 65507 ? EMSGSIZE : 0,
               Pattern(length));
    sd_.Set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
    sd_.Set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    ASSERT_EQ(groupcast_refresh(sd_), 0);
    ExpectSame(sd_, Mapped(kBehindGateway + 1, kUdpPort), length > 1472 ? EMSGSIZE : 0,
               Pattern(length));
  }
}

// sin6_flowinfo is ignored until IPV6_FLOWINFO_SEND.
TEST_P(Sendgroup6Errors, FlowInformation) {
  sockaddr_in6 to = Endpoint6(kBehindGateway6, kUdpPort, 3);
  to.sin6_flowinfo = htonl(0x12345);
  ExpectAsKernel(to, 0);
  sd_.Set(IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 1);
  ASSERT_EQ(groupcast_refresh(sd_), 0);
  Counted counted;
  ExpectAsKernel(to, 0);
  EXPECT_EQ(counted("kernel_recipients"), GetParam() ? 2 : 4);
}

// The datagrams count as sent; what became of them is in the socket's error queue.
TEST_P(Sendgroup6Errors, NeighbourThatDoesNotAnswer) {
  sd_.Set(IPPROTO_IPV6, IPV6_RECVERR, 1);
  tx().Sysctl("ipv6/neigh/v0/retrans_time_ms", 100);
  Groupcast6 groupcast("payload");
  groupcast.Add(Endpoint6("2001:db8:63::dead", kUdpPort));
  EXPECT_EQ(groupcast.Send(sd_), 1);
  EXPECT_EQ(groupcast.errnos[0], 0);
  EXPECT_EQ(QueuedErrno(sd_), EHOSTUNREACH);
}

}  // namespace
}  // namespace groupcast
