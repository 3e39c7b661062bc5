// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Configurations and machines on which the engine cannot start: each is a clear errno and text,
// leaves nothing started, and does not keep sendgroup() from working.
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;
constexpr char kGoodFile[] = "ports: [{name: lan0, device: \"net_af_packet0,iface=v0\"}]\n";

struct BadFile {
  const char* name;
  const char* text;
  std::vector<int> errnos;  // any of them
  const char* named;        // what the message must name

  friend void PrintTo(const BadFile& file, std::ostream* out) { *out << file.name; }
};

class SendgroupBadInput : public TwoHosts {
 protected:
  static void ExpectFailure(const char* file, const std::vector<int>& errnos, const char* named) {
    errno = 0;
    EXPECT_EQ(groupcast_attach(file), -1);
    const int error = errno;
    EXPECT_NE(std::find(errnos.begin(), errnos.end(), error), errnos.end())
        << std::strerror(error) << ": " << groupcast_last_error();
    EXPECT_NE(std::string(groupcast_last_error()).find(named), std::string::npos)
        << groupcast_last_error();
  }

  static void ExpectSent(bool engine) {
    Sink sink(rx(), kUdpPort);
    Socket sd = BoundSocket();
    Groupcast groupcast("payload");
    groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
    Counted counted;
    EXPECT_EQ(groupcast.Send(sd), 10);
    EXPECT_EQ(counted("engine_recipients"), engine ? 10 : 0);
    EXPECT_EQ(counted("kernel_no_engine"), engine ? 0 : 10);
    EXPECT_EQ(sink.Receive(10).size(), 10u);
  }
};

class Files : public SendgroupBadInput, public testing::WithParamInterface<BadFile> {};

TEST_P(Files, AreRefused) {
  ExpectFailure(WriteFile(GetParam().text).c_str(), GetParam().errnos, GetParam().named);
  ExpectSent(false);
  ASSERT_EQ(groupcast_attach(WriteFile(kGoodFile).c_str()), 0) << groupcast_last_error();
  ExpectSent(true);
}

INSTANTIATE_TEST_SUITE_P(
    Bad, Files,
    testing::Values(
        BadFile{"Empty", "", {EINVAL}, "ports"},
        BadFile{"NoPorts", "ports: []\n", {EINVAL}, "ports"},
        BadFile{"NotYaml", "ports: [}\n", {EINVAL}, ":1:"},
        BadFile{"Binary", "\x7f\x45\x4c\x46\x02\x01", {EINVAL}, ":1:"},
        BadFile{"UnknownKey",
                "ports: [{name: a, device: \"net_af_packet0,iface=v0\"}]\nfoo: 1\n",
                {EINVAL},
                ":2:1: foo"},
        BadFile{"MissingInterface",
                "ports: [{name: a, device: \"net_af_packet0,iface=nosuch0\"}]\n",
                {ENOENT},
                "nosuch0"},
        BadFile{"NoInterface", "ports: [{name: a, device: net_af_packet0}]\n", {EINVAL}, "iface"},
        BadFile{"MissingDriver",
                "ports: [{name: a, device: net_nosuch0, interface: v0}]\n",
                {ENOENT, EINVAL, EIO},
                "net_nosuch0"},
        BadFile{"DeviceThatDoesNotStart",
                "ports: [{name: a, device: \"net_af_packet0,iface=v0,framesz=17\"}]\n",
                {EINVAL, EIO},
                "net_af_packet0"},
        BadFile{"SecondPortThatDoesNotStart",
                "ports:\n"
                "  - {name: a, device: \"net_af_packet0,iface=v0\"}\n"
                "  - {name: b, device: \"net_af_packet1,iface=nosuch0\"}\n",
                {ENOENT},
                "nosuch0"},
        BadFile{"MissingCpu",
                "ports: [{name: a, device: \"net_af_packet0,iface=v0\"}]\nlcores: [1000]\n",
                {EINVAL},
                "1000"}),
    [](const auto& row) { return row.param.name; });

TEST_F(SendgroupBadInput, PathsThatAreNoFile) {
  ExpectFailure("/nonexistent/groupcast.yaml", {ENOENT}, "/nonexistent/groupcast.yaml");
  ExpectFailure("/", {EINVAL, ENOENT, EISDIR}, "/");
  ExpectFailure("", {EINVAL, ENOENT}, "");
  ExpectFailure("/dev/zero", {EINVAL}, "/dev/zero");
  EXPECT_EQ(groupcast_attach(nullptr), -1);
  ExpectSent(false);
}

TEST_F(SendgroupBadInput, CheckStartsNothing) {
  EXPECT_EQ(groupcast_check(WriteFile(kGoodFile).c_str()), 0) << groupcast_last_error();
  ExpectSent(false);
  EXPECT_EQ(groupcast_check(WriteFile("foo: 1\n").c_str()), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_NE(std::string(groupcast_last_error()).find(":1:1: foo"), std::string::npos)
      << groupcast_last_error();
  EXPECT_EQ(groupcast_check("/nonexistent/groupcast.yaml"), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(SendgroupBadInput, RefreshOfAClosedDescriptor) {
  EXPECT_EQ(groupcast_refresh(-1), -1);
  EXPECT_EQ(errno, EBADF);
}

// The interface goes away under the engine: errnos, no crash, and the next attach works.
TEST_F(SendgroupBadInput, InterfaceThatDisappears) {
  Attach();
  ExpectSent(true);
  tx().Shell("ip link del v0");
  Socket sd = BoundSocket();
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
  EXPECT_TRUE(Eventually([&] { return groupcast.Send(sd) == 0; }));
  EXPECT_EQ(groupcast.errnos[0], ENETUNREACH);
  ASSERT_EQ(groupcast_detach(), 0);
  TwoHosts::SetUp();
  Attach();
  ExpectSent(true);
}

// The packet socket does not come back with the interface: the kernel sends from then on.
TEST_F(SendgroupBadInput, InterfaceThatLeavesAndReturns) {
  Attach();
  ExpectSent(true);
  const unsigned number = if_nametoindex("v0");
  // Where nobody has that number, so that it keeps it.
  const NetworkNamespace elsewhere;
  tx().Shell("ip link set v0 netns " + elsewhere.Path());
  Socket sd = BoundSocket();
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort);
  EXPECT_TRUE(Eventually([&] { return groupcast.Send(sd) == 0; }));
  elsewhere.Shell("ip link set v0 netns " + tx().Path());
  tx().Shell(
      "ip address add 10.99.0.1/16 dev v0 && ip link set v0 up &&"
      " ip route add 10.200.0.0/16 via 10.99.0.2");
  ASSERT_EQ(if_nametoindex("v0"), number) << "it would not be taken for the port's own";
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(
      Eventually([&] { return groupcast.Send(sd) == 10 && !sink.ReceiveSoFar(1, 20).empty(); }));
  sink.Receive(0);
  Counted counted;
  EXPECT_EQ(groupcast.Send(sd), 10);
  EXPECT_EQ(counted("kernel_recipients"), 10);
  EXPECT_EQ(sink.Receive(10).size(), 10u);
}

// Attaching changes nothing of the interface.
TEST_F(SendgroupBadInput, NeighboursAndFlagsOfTheInterfaceAreKept) {
  const std::string set =
      "ip neighbour add 10.99.0.77 lladdr 02:00:00:00:00:77 dev v0 nud permanent &&"
      "ip neighbour add 10.99.0.78 lladdr 02:00:00:00:00:78 dev v0 nud permanent &&"
      "ip link set v0 promisc on";
  const std::string show =
      "ip neighbour show dev v0 nud permanent | sort; ip -o link show v0 | grep -o PROMISC";
  tx().Shell(set);
  const std::string before = tx().Shell(show);
  EXPECT_NE(before.find("10.99.0.77"), std::string::npos) << before;
  Attach();
  EXPECT_EQ(tx().Shell(show), before);
  ASSERT_EQ(groupcast_detach(), 0);
  EXPECT_EQ(tx().Shell(show), before);
}

// What other processes run: TwoHosts, but in the namespace that they were started in.
class OtherProcess : public SendgroupBadInput {
 protected:
  void SetUp() override {}
  void TearDown() override { groupcast_detach(); }

  static void ExpectKernelPath() {
    Socket sd = BoundSocket();
    Groupcast groupcast("payload");
    groupcast.AddRange(kBehindGateway + 1, 10, kUdpPort + 1);
    EXPECT_EQ(groupcast.Send(sd), 10);
  }
};

TEST_F(OtherProcess, DISABLED_WithoutPrivileges) {
  ExpectFailure(WriteFile(std::string(kGoodFile) + "memory: {hugepages: off}\n").c_str(), {EPERM},
                "CAP_NET_RAW");
  ExpectKernelPath();
}

TEST_F(OtherProcess, DISABLED_WithoutAdministration) {
  ExpectFailure(WriteFile(std::string(kGoodFile) + "memory: {hugepages: off}\n").c_str(), {EPERM},
                "CAP_NET_ADMIN");
  ExpectKernelPath();
}

TEST_F(SendgroupBadInput, WithoutAdministration) {
  Sink sink(rx(), kUdpPort + 1);
  RunInAnotherProcess("OtherProcess.DISABLED_WithoutAdministration",
                      "setpriv --bounding-set=-net_admin --inh-caps=-net_admin");
  EXPECT_EQ(sink.Receive(10).size(), 10u);
}

TEST_F(SendgroupBadInput, WithoutPrivileges) {
  Sink sink(rx(), kUdpPort + 1);
  RunInAnotherProcess("OtherProcess.DISABLED_WithoutPrivileges",
                      "setpriv --bounding-set=-all --inh-caps=-all");
  EXPECT_EQ(sink.Receive(10).size(), 10u);
}

// In a process of its own, because EAL looks for PCI devices only if its first configuration has
// one.
TEST_F(OtherProcess, DISABLED_WithAMissingPciDevice) {
  ExpectFailure(WriteFile("ports: [{name: a, device: \"0000:fe:1f.7\", interface: v0}]\n"
                          "memory: {hugepages: off}\n")
                    .c_str(),
                {ENOENT, EIO}, "0000:fe:1f.7");
  ExpectKernelPath();
}

TEST_F(SendgroupBadInput, WithAMissingPciDevice) {
  Sink sink(rx(), kUdpPort + 1);
  RunInAnotherProcess("OtherProcess.DISABLED_WithAMissingPciDevice");
  EXPECT_EQ(sink.Receive(10).size(), 10u);
}

TEST_F(OtherProcess, DISABLED_WithTooLittleMemory) {
  ExpectFailure(
      WriteFile(std::string(kGoodFile) + "memory: {hugepages: off, size_mib: 16}\n").c_str(),
      {ENOMEM}, "memory");
  ExpectKernelPath();
}

TEST_F(SendgroupBadInput, WithTooLittleMemory) {
  Sink sink(rx(), kUdpPort + 1);
  RunInAnotherProcess("OtherProcess.DISABLED_WithTooLittleMemory");
  EXPECT_EQ(sink.Receive(10).size(), 10u);
}

TEST_F(OtherProcess, DISABLED_WithoutHugepages) {
  ExpectFailure(WriteFile(std::string(kGoodFile) + "memory: {hugepages: required}\n").c_str(),
                {ENOMEM}, "hugepages");
  ExpectKernelPath();
}

TEST_F(SendgroupBadInput, WithoutHugepages) {
  std::string pages = tx().Shell("cat /proc/sys/vm/nr_hugepages");
  if (std::stoi(pages) != 0) {
    GTEST_SKIP() << "this machine has hugepages (vm.nr_hugepages is " << pages
                 << "), so requiring them is no error";
  }
  Sink sink(rx(), kUdpPort + 1);
  RunInAnotherProcess("OtherProcess.DISABLED_WithoutHugepages");
  EXPECT_EQ(sink.Receive(10).size(), 10u);
}

}  // namespace
}  // namespace groupcast
