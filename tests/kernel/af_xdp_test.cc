// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A net_af_xdp port on an interface that the kernel goes on using.
#include <dirent.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

// How many of the driver's next kicks fail, as they do where the kernel has no memory for a frame.
std::atomic<int> kicks_to_fail = 0;  // NOLINT: send() below has no other way to it

// In the place of the C library's, for the driver too. Its kick is a send() of nothing.
extern "C" __attribute__((visibility("default"))) ssize_t send(int sd, const void* data, size_t len,
                                                               int flags) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (kicks_to_fail > 0 && len == 0 && getsockopt(sd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
      domain == AF_XDP) {
    kicks_to_fail--;
    errno = ENOBUFS;
    return -1;
  }
  return syscall(SYS_sendto, sd, data, len, flags, nullptr, 0);
}

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;

class AfXdp : public TwoHosts {
 protected:
  static int TryAttachXdp(const std::string& device = "net_af_xdp0,iface=v0") {
    return groupcast_attach(WriteFile("ports: [{name: lan0, device: \"" + device + "\"}]\n" +
                                      "memory: {hugepages: off}\n")
                                .c_str());
  }
  static void AttachXdp(const std::string& device = "net_af_xdp0,iface=v0") {
    ASSERT_EQ(TryAttachXdp(device), 0) << std::strerror(errno) << ": " << groupcast_last_error();
  }
  static bool HasProgram(const std::string& interface = "v0") {
    return tx().Shell("ip link show dev " + interface).find("prog/xdp") != std::string::npos;
  }
  // One groupcast by the engine that arrives everywhere.
  static void ExpectSent(size_t recipients, const std::string& payload) {
    Sink sink(rx(), kUdpPort);
    Socket sd = BoundSocket(0, 4000);
    Groupcast groupcast(payload);
    groupcast.AddRange(kBehindGateway + 1, recipients, kUdpPort);
    Counted counted;
    ASSERT_EQ(groupcast.Send(sd), static_cast<int>(recipients));
    ExpectExactlyOnce(sink.Receive(recipients), kBehindGateway + 1, recipients, payload);
    EXPECT_EQ(counted("packets"), static_cast<int64_t>(recipients));
  }
};

size_t Descriptors() {
  DIR* dir = opendir("/proc/self/fd");
  size_t n = 0;
  while (readdir(dir) != nullptr) n++;
  closedir(dir);
  return n;
}

TEST_F(AfXdp, EverySizeArrivesOnceAndWhole) {
  AttachXdp();
  for (const size_t size : {1, 17, 18, 255, 256, 257, 1000, 1472}) {
    ExpectSent(200, Pattern(size, static_cast<unsigned>(size)));
  }
  ExpectSent(1, "one");
  ExpectSent(5000, Pattern(700));
}

// Private bytes on both sides of a payload: without chains all is one copy.
TEST_F(AfXdp, PrivateBytesArrive) {
  AttachXdp();
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  const std::string payload = Pattern(900);
  Groupcast groupcast(payload);
  constexpr uint32_t kRecipients = 50;
  for (uint32_t i = 0; i < kRecipients; i++) {
    groupcast.Add(Endpoint(kBehindGateway + 1 + i, kUdpPort), std::to_string(i) + "<",
                  ">" + std::to_string(i));
  }
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
  const auto received = sink.Receive(kRecipients);
  ASSERT_EQ(received.size(), kRecipients);
  for (const Datagram& datagram : received) {
    const std::string number = std::to_string(datagram.to - kBehindGateway - 1);
    EXPECT_EQ(datagram.payload, number + "<" + payload + ">" + number);
  }
  EXPECT_EQ(counted("packets"), static_cast<int64_t>(kRecipients));
}

TEST_F(AfXdp, LongerThanTheMtuGoesByTheKernel) {
  AttachXdp();
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  for (const size_t size : {1473, 2000, 3000, 60000}) {
    const std::string payload = Pattern(size);
    Groupcast groupcast(payload);
    groupcast.AddRange(kBehindGateway + 1, 3, kUdpPort);
    Counted counted;
    ASSERT_EQ(groupcast.Send(sd), 3);
    ExpectExactlyOnce(sink.Receive(3), kBehindGateway + 1, 3, payload);
    EXPECT_EQ(counted("packets"), 0) << size;
  }
}

// A frame is at most a page, whatever the interface's MTU.
TEST_F(AfXdp, LargeMtu) {
  tx().Shell("ip link set v0 mtu 3400");
  rx().Shell("ip link set v1 mtu 3400");
  AttachXdp();
  ExpectSent(200, Pattern(3372));
  ASSERT_EQ(groupcast_detach(), 0);
  // The most that veth has XDP with.
  tx().Shell("ip link set v0 mtu 3490");
  rx().Shell("ip link set v1 mtu 3490");
  AttachXdp();
  ExpectSent(200, Pattern(3438 - 28));
  Sink sink(rx(), kUdpPort);
  const std::string payload = Pattern(3438 - 27);
  Groupcast groupcast(payload);
  groupcast.AddRange(kBehindGateway + 1, 3, kUdpPort);
  Counted counted;
  ASSERT_EQ(groupcast.Send(BoundSocket(0, 4000)), 3);
  ExpectExactlyOnce(sink.Receive(3), kBehindGateway + 1, 3, payload);
  EXPECT_EQ(counted("packets"), 0);
}

TEST_F(AfXdp, TheKernelDoesNotRunItsProgram) {
  tx().Shell(
      "ip link add m0 link v0 address 02:00:00:00:00:05 type macvlan mode bridge"
      " && ip address del 10.99.0.1/16 dev v0 && ip address add 10.99.0.1/16 dev m0"
      " && ip link set m0 up && ip route add 10.200.0.0/16 via 10.99.0.2");
  AttachXdp("net_af_xdp0,iface=m0");
  EXPECT_NE(tx().Shell("ip link show dev m0").find("xdpgeneric"), std::string::npos);
  for (const size_t size : {18, 1472}) ExpectSent(200, Pattern(size));
  ASSERT_EQ(groupcast_detach(), 0);
  EXPECT_FALSE(HasProgram("m0"));
}

TEST_F(AfXdp, NothingIsLeftBehind) {
  AttachXdp();
  EXPECT_TRUE(HasProgram());
  ExpectSent(20, "first");
  ASSERT_EQ(groupcast_detach(), 0);
  EXPECT_FALSE(HasProgram());
  const size_t descriptors = Descriptors();
  for (int turn = 0; turn < 3; turn++) {
    AttachXdp();
    ExpectSent(20, "again");
    ASSERT_EQ(groupcast_detach(), 0);
    EXPECT_FALSE(HasProgram());
  }
  EXPECT_EQ(Descriptors(), descriptors);
}

TEST_F(AfXdp, AnInterfaceThatGoesAwayAndComesBack) {
  AttachXdp();
  ExpectSent(20, "before");
  tx().Shell(
      "ip link set v0 down && ip link set v0 up && ip route add 10.200.0.0/16 via 10.99.0.2");
  // Until the routes have been asked for anew, these go by the kernel.
  ASSERT_TRUE(Eventually([] {
    Counted counted;
    Groupcast groupcast("probe");
    groupcast.AddRange(kBehindGateway + 1, 20, kUdpPort);
    return groupcast.Send(BoundSocket(0, 4000)) == 20 && counted("packets") == 20;
  }));
  ExpectSent(20, "after it was down");
  tx().Shell("ip link del v0");
  ASSERT_EQ(groupcast_detach(), 0);
  SetUp();
  AttachXdp();
  ExpectSent(20, "another of its name");
}

// DPDK sets the interface's flags anew when a port starts.
TEST_F(AfXdp, FlagsOfTheInterfaceAreKept) {
  for (const char* promiscuous : {"on", "off"}) {
    tx().Shell(std::string("ip link set v0 promisc ") + promiscuous);
    const std::string flags = "ip link show dev v0 | grep -o '<.*>'";
    const std::string before = tx().Shell(flags);
    AttachXdp();
    EXPECT_EQ(tx().Shell(flags), before);
    ASSERT_EQ(groupcast_detach(), 0);
    EXPECT_EQ(tx().Shell(flags), before);
  }
}

TEST_F(AfXdp, ChildrenInheritNothing) {
  AttachXdp();
  FILE* pipe = popen("ls -l /proc/self/fd", "re");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  char part[4096];
  for (size_t n; (n = fread(part, 1, sizeof(part), pipe)) > 0;) output.append(part, n);
  ASSERT_EQ(pclose(pipe), 0);
  for (const char* kind : {"socket:", "bpf", "btf"}) {
    EXPECT_EQ(output.find(kind), std::string::npos) << output;
  }
}

// The ring's rest leaves without later traffic, also where the kernel refused the driver's kick.
TEST_F(AfXdp, FramesThatTheKernelDidNotTakeAreKickedOut) {
  AttachXdp();
  ExpectSent(1, "resolves the gateway");
  kicks_to_fail = 2;
  ExpectSent(100, Pattern(500));
  EXPECT_EQ(kicks_to_fail, 0);
}

TEST_F(AfXdp, AProgramThatAnEarlierProcessLeftIsNoHindrance) {
  tx().Shell("ip link set dev v0 xdp obj " REDIRECT_OBJECT " sec xdp");
  ASSERT_TRUE(HasProgram());
  AttachXdp();
  ExpectSent(100, Pattern(500));
  ASSERT_EQ(groupcast_detach(), 0);
  EXPECT_FALSE(HasProgram());
}

TEST(AfXdpElsewhere, DISABLED_IsRefused) {
  EXPECT_EQ(groupcast_attach(
                TwoHosts::WriteFile("ports: [{name: lan0, device: \"net_af_xdp0,iface=v0\"}]\n"
                                    "memory: {hugepages: off}\n")
                    .c_str()),
            -1);
  EXPECT_NE(std::strstr(groupcast_last_error(), "that of another Groupcast process"), nullptr)
      << groupcast_last_error();
}

TEST_F(AfXdp, AnotherProcessIsRefusedAndDoesNoHarm) {
  AttachXdp();
  RunInAnotherProcess("AfXdpElsewhere.DISABLED_IsRefused");
  EXPECT_TRUE(HasProgram());
  ExpectSent(100, Pattern(500));
}

// With a program of the user's, its descriptors and its place are the driver's.
TEST_F(AfXdp, AProgramOfTheUsers) {
  AttachXdp("net_af_xdp0,iface=v0,xdp_prog=" REDIRECT_OBJECT);
  EXPECT_TRUE(HasProgram());
  ExpectSent(100, Pattern(500));
  ASSERT_EQ(groupcast_detach(), 0);
  EXPECT_FALSE(HasProgram());
  EXPECT_EQ(TryAttachXdp("net_af_xdp0,iface=v0,xdp_prog=/nonexistent"), -1);
}

// ARP, TCP and UDP of the host, on the interface that the port sends on.
TEST_F(AfXdp, TheInterfaceStaysTheKernels) {
  AttachXdp();
  ExpectSent(100, "before");
  tx().Shell("ip neighbour flush dev v0");
  rx().Shell("ip neighbour flush dev v1");
  const sockaddr_in here = Endpoint(kTxAddress, 7000);
  Socket listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof(here)), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  Socket service = BoundSocket(kTxAddress, 7001);
  rx().Run([&] {
    Socket client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience = {5, 0};
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&here), sizeof(here)), 0)
        << std::strerror(errno);
    Socket other = BoundSocket();
    const sockaddr_in there = Endpoint(kTxAddress, 7001);
    EXPECT_EQ(
        sendto(other, "hello", 5, 0, reinterpret_cast<const sockaddr*>(&there), sizeof(there)), 5);
  });
  const timeval patience = {5, 0};
  service.Set(SOL_SOCKET, SO_RCVBUF, 1 << 16);
  ASSERT_EQ(setsockopt(service, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  char text[16];
  EXPECT_EQ(recv(service, text, sizeof(text), 0), 5) << std::strerror(errno);
  ExpectSent(100, "afterwards");
}

}  // namespace
}  // namespace groupcast
