// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Every row of the error table, each with and without an engine. Rows that are the kernel's are
// compared with sendmsg() on the same socket; rows that are ours are checked by what the header
// says.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;

class SendgroupErrors : public TwoHosts, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    if (GetParam()) Attach();
    sd_ = BoundSocket(0, 4000);
  }

  // One bad recipient between two good ones gets the errno that sendmsg() gives for it, and the
  // good ones get their datagrams.
  void ExpectAsKernel(const sockaddr_in& to, int expected, const std::string& shared = "payload",
                      int flags = 0) {
    Sink sink(rx(), kUdpPort);
    Groupcast groupcast(shared);
    groupcast.Add(Endpoint(kBehindGateway + 1, kUdpPort))
        .Add(to)
        .Add(Endpoint(kBehindGateway + 2, kUdpPort));
    const int kernel = groupcast.KernelSend(sd_, 1, flags);
    EXPECT_EQ(kernel, expected) << std::strerror(kernel) << ", says sendmsg()";
    EXPECT_EQ(groupcast.Send(sd_, flags), kernel == 0 ? 3 : 2);
    EXPECT_EQ(groupcast.errnos, std::vector<int>({0, kernel, 0}));
    EXPECT_EQ(groupcast.error, Groupcast::kUntouched);
    EXPECT_EQ(sink.Receive(2).size(), 2u);

    // Without errnos, and with nobody reached: 0, and errno is left alone.
    Groupcast alone(shared);
    alone.Add(to);
    errno = Groupcast::kUntouched;
    EXPECT_EQ(sendgroup(sd_, alone.buf(), 1, flags, nullptr), kernel == 0 ? 1 : 0);
    EXPECT_EQ(errno, Groupcast::kUntouched);
  }

  // The whole call fails, like sendmsg() on the same descriptor where `kernel` is set.
  static void ExpectFailure(int sd, int expected, bool kernel, int flags = 0) {
    Groupcast groupcast("payload");
    groupcast.Add(Endpoint(kBehindGateway + 1, kUdpPort));
    if (kernel) {
      EXPECT_EQ(groupcast.KernelSend(sd, 0, flags), expected);
    }
    EXPECT_EQ(groupcast.Send(sd, flags), -1);
    EXPECT_EQ(groupcast.error, expected) << std::strerror(groupcast.error);
  }

  Socket sd_{-1};
};

INSTANTIATE_TEST_SUITE_P(Error, SendgroupErrors, testing::Bool(), [](const auto& row) {
  return row.param ? std::string("Engine") : std::string("Kernel");
});

TEST_P(SendgroupErrors, DescriptorThatIsNoUdpSocket) {
  Socket closed = BoundSocket();
  const int number = closed;
  { Socket gone = std::move(closed); }
  ExpectFailure(number, EBADF, true);
  ExpectFailure(-1, EBADF, true);
  ExpectFailure(INT_MAX, EBADF, true);

  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  Socket read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  ExpectFailure(write_end, ENOTSOCK, true);
  Socket path(open("/", O_PATH));
  ExpectFailure(path, EBADF, true);

  ExpectFailure(Socket(socket(AF_INET, SOCK_STREAM, 0)), EOPNOTSUPP, false);
  ExpectFailure(Socket(socket(AF_UNIX, SOCK_DGRAM, 0)), EOPNOTSUPP, false);
  ExpectFailure(Socket(socket(AF_INET, SOCK_RAW, 253)), EOPNOTSUPP, false);
  ExpectFailure(Socket(socket(AF_INET, SOCK_RAW, IPPROTO_UDP)), EOPNOTSUPP, false);
  ExpectFailure(Socket(socket(AF_NETLINK, SOCK_RAW, 0)), EOPNOTSUPP, false);
}

TEST_P(SendgroupErrors, Arguments) {
  Groupcast groupcast("payload");
  groupcast.Add(Endpoint(kBehindGateway + 1, kUdpPort));
  errno = 0;
  EXPECT_EQ(sendgroup(sd_, nullptr, 1, 0, nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(sendgroup(sd_, groupcast.buf(), static_cast<size_t>(INT_MAX) + 1, 0, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(sendgroup(sd_, groupcast.buf(), SIZE_MAX, 0, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  errno = Groupcast::kUntouched;
  EXPECT_EQ(sendgroup(sd_, groupcast.buf(), 0, 0, nullptr), 0);
  EXPECT_EQ(errno, Groupcast::kUntouched);

  groupcast.buf()->shared = {nullptr, 7};
  EXPECT_EQ(groupcast.KernelSend(sd_, 0), EFAULT);
  EXPECT_EQ(groupcast.Send(sd_), -1);
  EXPECT_EQ(groupcast.error, EFAULT);
}

TEST_P(SendgroupErrors, PrivateBytesWithoutABase) {
  Sink sink(rx(), kUdpPort);
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, 4, kUdpPort);
  groupcast.buf()->recinfo[1].giov_prepend = {nullptr, 1};
  groupcast.buf()->recinfo[2].giov_append = {nullptr, 100};
  EXPECT_EQ(groupcast.KernelSend(sd_, 1), EFAULT);
  EXPECT_EQ(groupcast.KernelSend(sd_, 2), EFAULT);
  EXPECT_EQ(groupcast.Send(sd_), 2);
  EXPECT_EQ(groupcast.errnos, std::vector<int>({0, EFAULT, EFAULT, 0}));
  EXPECT_EQ(sink.Receive(2).size(), 2u);

  // Length 0 is absent, whatever the base; a null shared payload without length as well.
  giobuf* buf = groupcast.buf();
  buf->shared = {nullptr, 0};
  buf->recinfo[1].giov_prepend = {reinterpret_cast<void*>(8), 0};
  buf->recinfo[2].giov_append = {nullptr, 0};
  EXPECT_EQ(groupcast.Send(sd_), 4);
  EXPECT_EQ(sink.Receive(4).size(), 4u);
}

// Lengths whose sum wraps around must not pass for short ones.
TEST_P(SendgroupErrors, LengthsThatOverflow) {
  Sink sink(rx(), kUdpPort);
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, 3, kUdpPort);
  groupcast.buf()->recinfo[1].giov_prepend.iov_base = &groupcast;
  groupcast.buf()->recinfo[1].giov_append.iov_base = &groupcast;
  for (auto [prepend, append] : {std::pair<size_t, size_t>{SIZE_MAX, 0},
                                 {SIZE_MAX - 6, 0},
                                 {size_t{SSIZE_MAX} + 1, size_t{SSIZE_MAX} + 1},
                                 {0, SIZE_MAX},
                                 {SIZE_MAX / 2, SIZE_MAX / 2},
                                 {uint64_t{1} << 32, 0},
                                 {0, (uint64_t{1} << 32) - 7},
                                 {65507, 0},
                                 {60000, 60000}}) {
    groupcast.buf()->recinfo[1].giov_prepend.iov_len = prepend;
    groupcast.buf()->recinfo[1].giov_append.iov_len = append;
    EXPECT_EQ(groupcast.Send(sd_), 2) << prepend << ", " << append;
    const int error = groupcast.errnos[1];
    // The kernel refuses what no ssize_t holds before it looks at the protocol's limit.
    EXPECT_TRUE(error == EMSGSIZE || error == groupcast.KernelSend(sd_, 1)) << error;
    EXPECT_EQ(groupcast.errnos[0] | groupcast.errnos[2], 0);
    EXPECT_EQ(sink.Receive(2).size(), 2u);
  }
  groupcast.buf()->shared.iov_len = SIZE_MAX;
  EXPECT_LE(groupcast.Send(sd_), 0);
  EXPECT_EQ(sink.Receive(0).size(), 0u);
}

TEST_P(SendgroupErrors, Flags) {
  ExpectFailure(sd_, EOPNOTSUPP, true, MSG_OOB);
  for (int flags :
       std::initializer_list<int>{MSG_DONTWAIT, MSG_NOSIGNAL, MSG_DONTWAIT | MSG_NOSIGNAL,
                                  MSG_CONFIRM, MSG_EOR, 0x1000000}) {
    SCOPED_TRACE(flags);
    ExpectAsKernel(Endpoint(kBehindGateway + 3, kUdpPort + 1), 0, "payload", flags);
  }
  // No gateway is used, so the route is refused and not the flag.
  Groupcast groupcast("payload");
  groupcast.Add(Endpoint(kBehindGateway + 1, kUdpPort)).Add(Endpoint(kOnLink + 1, kUdpPort));
  EXPECT_EQ(groupcast.KernelSend(sd_, 0, MSG_DONTROUTE), ENETUNREACH);
  EXPECT_EQ(groupcast.Send(sd_, MSG_DONTROUTE), 1);
  EXPECT_EQ(groupcast.errnos, std::vector<int>({ENETUNREACH, 0}));
}

// MSG_MORE collects in the socket until a call without it.
TEST_P(SendgroupErrors, MoreGoesByTheKernel) {
  Sink sink(rx(), kUdpPort);
  Groupcast groupcast("half,");
  groupcast.Add(Endpoint(kBehindGateway + 1, kUdpPort));
  EXPECT_EQ(groupcast.Send(sd_, MSG_MORE), 1);
  EXPECT_TRUE(sink.Receive(0).empty());
  EXPECT_EQ(groupcast.Send(sd_), 1);
  std::vector<Datagram> received = sink.Receive(1);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].payload, "half,half,");
}

// What is collected is lost by the datagram that makes it too long, which the kernel is to be asked
// for once.
TEST_P(SendgroupErrors, MoreThanADatagramHolds) {
  for (int flags : {0, int{MSG_MORE}}) {
    SCOPED_TRACE(flags);
    sd_.Set(IPPROTO_UDP, UDP_CORK, flags == 0);
    ASSERT_EQ(groupcast_refresh(sd_), 0);
    Groupcast groupcast(Pattern(40000));
    groupcast.AddRange(kBehindGateway + 1, 4, kUdpPort);
    std::vector<int> kernel;
    for (size_t i = 0; i < groupcast.size(); i++) {
      kernel.push_back(groupcast.KernelSend(sd_, i, flags));
    }
    EXPECT_EQ(kernel, std::vector<int>({0, EMSGSIZE, 0, EMSGSIZE}));
    EXPECT_EQ(groupcast.Send(sd_, flags), 2);
    EXPECT_EQ(groupcast.errnos, kernel);
    sd_.Set(IPPROTO_UDP, UDP_CORK, 0);
  }
}

TEST_P(SendgroupErrors, Lengths) {
  const sockaddr_in to = Endpoint(kBehindGateway + 3, kUdpPort);
  Sink sink(rx(), kUdpPort + 1);
  for (size_t length : {1472, 1473, 9000, 65507, 65508, 70000}) {
    SCOPED_TRACE(length);
    Groupcast groupcast(Pattern(length));
    groupcast.Add(Endpoint(kBehindGateway + 3, kUdpPort + 1));
    const int kernel = groupcast.KernelSend(sd_, 0);
    EXPECT_EQ(kernel, length > 65507 ? EMSGSIZE : 0);
    EXPECT_EQ(groupcast.Send(sd_), kernel == 0 ? 1 : 0);
    EXPECT_EQ(groupcast.errnos[0], kernel);
    for (const Datagram& datagram : sink.Receive(kernel == 0 ? 2 : 0)) {
      EXPECT_TRUE(datagram.payload == Pattern(length));
    }
  }
  for (int discovery : {IP_PMTUDISC_DO, IP_PMTUDISC_PROBE}) {
    sd_.Set(IPPROTO_IP, IP_MTU_DISCOVER, discovery);
    ASSERT_EQ(groupcast_refresh(sd_), 0);
    Groupcast groupcast(Pattern(1400));
    groupcast.Add(to, Pattern(72)).Add(to, Pattern(73)).Add(to, Pattern(40), Pattern(33));
    for (size_t i = 0; i < 3; i++) {
      EXPECT_EQ(groupcast.KernelSend(sd_, i), i == 0 ? 0 : EMSGSIZE);
    }
    EXPECT_EQ(groupcast.Send(sd_), 1);
    EXPECT_EQ(groupcast.errnos, std::vector<int>({0, EMSGSIZE, EMSGSIZE}));
  }
}

TEST_P(SendgroupErrors, Destinations) {
  ExpectAsKernel(Endpoint(kBehindGateway + 3, 0), EINVAL);
  ExpectAsKernel(Endpoint(INADDR_BROADCAST, kUdpPort), ENETUNREACH);  // no default route
  ExpectAsKernel(Endpoint(Ip(10, 99, 255, 255), kUdpPort), EACCES);
  ExpectAsKernel(Endpoint(Ip(192, 0, 2, 1), kUdpPort), ENETUNREACH);
  ExpectAsKernel(Endpoint(Ip(240, 0, 0, 1), kUdpPort), ENETUNREACH);
  sockaddr_in other = Endpoint(kBehindGateway + 3, kUdpPort + 1);
  for (auto [family, error] : {std::pair{AF_INET6, EAFNOSUPPORT},
                               {AF_UNIX, EAFNOSUPPORT},
                               {AF_MAX, EAFNOSUPPORT},
                               {AF_UNSPEC, 0}}) {
    SCOPED_TRACE(family);
    other.sin_family = static_cast<sa_family_t>(family);
    ExpectAsKernel(other, error);
  }
  // Loopback, this host's own address, and 0.0.0.0 (which is this host).
  for (uint32_t address : {Ip(127, 0, 0, 1), kTxAddress, Ip(0, 0, 0, 0)}) {
    SCOPED_TRACE(address);
    ExpectAsKernel(Endpoint(address, 9), 0);
  }
}

TEST_P(SendgroupErrors, BroadcastWhereItIsAllowed) {
  sd_.Set(SOL_SOCKET, SO_BROADCAST, 1);
  Sink sink(rx(), kUdpPort);
  Groupcast groupcast("payload");
  groupcast.Add(Endpoint(Ip(10, 99, 255, 255), kUdpPort));
  ASSERT_EQ(groupcast.KernelSend(sd_, 0), 0);
  ASSERT_EQ(groupcast.Send(sd_), 1);
  EXPECT_EQ(sink.Receive(2).size(), 2u);
}

TEST_P(SendgroupErrors, RoutesThatRefuse) {
  tx().Shell(
      "ip route add blackhole 10.201.0.0/16 && ip route add unreachable 10.202.0.0/16 &&"
      "ip route add prohibit 10.203.0.0/16 && ip route add throw 10.204.0.0/16");
  ExpectAsKernel(Endpoint(Ip(10, 201, 0, 1), kUdpPort), EINVAL);
  ExpectAsKernel(Endpoint(Ip(10, 202, 0, 1), kUdpPort), EHOSTUNREACH);
  ExpectAsKernel(Endpoint(Ip(10, 203, 0, 1), kUdpPort), EACCES);
  ExpectAsKernel(Endpoint(Ip(10, 204, 0, 1), kUdpPort), ENETUNREACH);
}

TEST_P(SendgroupErrors, InterfaceDown) {
  Groupcast groupcast("payload");
  groupcast.Add(Endpoint(kBehindGateway + 1, kUdpPort)).Add(Endpoint(kOnLink + 1, kUdpPort));
  ASSERT_EQ(groupcast.Send(sd_), 2);
  tx().Shell("ip link set v0 down");
  // The engine hears of it over netlink, so it may need a moment.
  EXPECT_TRUE(Eventually([&] {
    return groupcast.Send(sd_) == 0 && groupcast.errnos == std::vector<int>(2, ENETUNREACH);
  })) << groupcast.errnos[0];
  EXPECT_EQ(groupcast.KernelSend(sd_, 0), ENETUNREACH);
  EXPECT_EQ(groupcast.KernelSend(sd_, 1), ENETUNREACH);
}

// The datagrams count as sent; what became of them is in the socket's error queue.
TEST_P(SendgroupErrors, NeighbourThatDoesNotAnswer) {
  sd_.Set(IPPROTO_IP, IP_RECVERR, 1);
  rx().Shell("ip link set v1 arp off");
  tx().Shell("ip neighbour flush dev v0");
  tx().Sysctl("ipv4/neigh/v0/retrans_time_ms", 100);
  Groupcast groupcast("payload");
  groupcast.Add(Endpoint(kOnLink + 7, kUdpPort));
  EXPECT_EQ(groupcast.Send(sd_), 1);
  EXPECT_EQ(groupcast.errnos[0], 0);
  EXPECT_EQ(QueuedErrno(sd_), EHOSTUNREACH);
}

// A socket that may no longer send says so for each recipient. Only the kernel can see that of a
// socket, so this holds for what goes by the kernel.
TEST_P(SendgroupErrors, ShutDown) {
  sockaddr_in peer = Endpoint(kBehindGateway + 1, kUdpPort);
  ASSERT_EQ(connect(sd_, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)), 0);
  ASSERT_EQ(shutdown(sd_, SHUT_WR), 0);
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, 2, kUdpPort);
  const int flags = MSG_NOSIGNAL | MSG_CONFIRM;  // MSG_CONFIRM is for the kernel
  EXPECT_EQ(groupcast.KernelSend(sd_, 1, flags), EPIPE);
  EXPECT_EQ(groupcast.Send(sd_, flags), 0);
  EXPECT_EQ(groupcast.errnos, std::vector<int>({EPIPE, EPIPE}));
}

// Of both directions it shows; the engine looks once in 10 ms.
TEST_P(SendgroupErrors, ShutDownWholly) {
  sockaddr_in peer = Endpoint(kBehindGateway + 1, kUdpPort);
  ASSERT_EQ(connect(sd_, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)), 0);
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, 2, kUdpPort);
  Sink sink(rx(), kUdpPort);
  ASSERT_EQ(groupcast.Send(sd_, MSG_NOSIGNAL), 2);
  ASSERT_EQ(shutdown(sd_, SHUT_RDWR), 0);
  usleep(15000);
  EXPECT_EQ(groupcast.KernelSend(sd_, 1, MSG_NOSIGNAL), EPIPE);
  EXPECT_EQ(groupcast.Send(sd_, MSG_NOSIGNAL), 0);
  EXPECT_EQ(groupcast.errnos, std::vector<int>({EPIPE, EPIPE}));
}

// On an AF_INET6 socket the call is as sendmsg() with an AF_INET address.
TEST_P(SendgroupErrors, SixSocket) {
  for (int only : {0, 1}) {
    Socket six(socket(AF_INET6, SOCK_DGRAM, 0));
    if (six < 0) GTEST_SKIP() << "no IPv6 in this kernel";
    six.Set(IPPROTO_IPV6, IPV6_V6ONLY, only);
    Groupcast groupcast("payload");
    groupcast.Add(Endpoint(kBehindGateway + 1, kUdpPort));
    const int kernel = groupcast.KernelSend(six, 0);
    EXPECT_EQ(groupcast.Send(six), kernel == 0 ? 1 : 0) << std::strerror(groupcast.error);
    EXPECT_EQ(groupcast.errnos[0], kernel);
  }
}

}  // namespace
}  // namespace groupcast
