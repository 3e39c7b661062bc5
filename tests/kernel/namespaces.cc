// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

#include "groupcast/sendgroup.h"

namespace groupcast {

NetworkNamespace::NetworkNamespace() {
  std::thread([this] {
    if (unshare(CLONE_NEWNET) == 0) fd_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) error_ = errno;
  }).join();
  if (error_ != 0) return;
  // Addresses are there at once, without duplicate detection, and nothing but the tests talks.
  Sysctl("ipv6/conf/all/disable_ipv6", 1);
  Sysctl("ipv6/conf/default/disable_ipv6", 1);
  Shell("ip link set lo up");
}

NetworkNamespace::~NetworkNamespace() {
  if (fd_ >= 0) close(fd_);
}

std::string NetworkNamespace::Path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
}

void NetworkNamespace::Enter() const {
  ASSERT_EQ(setns(fd_, CLONE_NEWNET), 0) << std::strerror(errno);
}

void NetworkNamespace::Run(const std::function<void()>& work) const {
  std::thread([&] {
    Enter();
    work();
  }).join();
}

std::string NetworkNamespace::Shell(const std::string& command) const {
  std::string output;
  Run([&] {
    FILE* pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "re");
    ASSERT_NE(pipe, nullptr) << std::strerror(errno);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof(part), pipe)) > 0;) output.append(part, n);
    int status = pclose(pipe);
    EXPECT_EQ(status, 0) << command << "\n" << output;
  });
  return output;
}

void NetworkNamespace::Sysctl(const std::string& name, int value) const {
  Run([&] {
    // /proc/sys/net shows the namespace of the thread that opens it.
    std::ofstream file("/proc/sys/net/" + name);
    file << value << std::flush;
    EXPECT_TRUE(file.good()) << name << ": " << value;
  });
}

const NetworkNamespace& TwoHosts::tx() {
  static const NetworkNamespace* const made = new NetworkNamespace;
  return *made;
}

const NetworkNamespace& TwoHosts::rx() {
  static const NetworkNamespace* const made = new NetworkNamespace;
  return *made;
}

void TwoHosts::SetUp() {
  if (tx().error() != 0 || rx().error() != 0) {
    GTEST_SKIP() << "no network namespaces (" << std::strerror(tx().error())
                 << "): run as root, with CAP_SYS_ADMIN and CAP_NET_ADMIN";
  }
  made_ = true;
  tx().Enter();
  tx().Shell("ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address " +
             std::string(kRxMac) + " netns " + rx().Path() +
             // Checksums of the kernel's own datagrams are then as full as ours.
             " && ethtool -K v0 tx off"
             " && ip address add 10.99.0.1/16 dev v0 && ip link set v0 up");
  rx().Shell(
      "ip address add 10.99.0.2/16 dev v1 && ip address add 10.99.0.3/16 dev v1"
      " && ip link set v1 up"
      " && ip route add local 10.99.128.0/17 dev v1 && ip route add local 10.200.0.0/16 dev v1");
  tx().Shell("ip route add 10.200.0.0/16 via 10.99.0.2");
}

void TwoHosts::TearDown() {
  if (!made_) return;
  groupcast_detach();
  tx().Shell("ip link del v0; ip route flush table main");
}

std::string TwoHosts::WriteFile(const std::string& text) {
  static int fd = -1;
  if (fd >= 0) close(fd);
  // In memory: nothing is left behind, and no directory has to be writable.
  fd = memfd_create("groupcast.yaml", MFD_CLOEXEC);
  EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
}

int TwoHosts::TryAttach(const std::string& arguments, const std::string& more) {
  return groupcast_attach(WriteFile("ports:\n"
                                    "  - name: lan0\n"
                                    "    device: \"net_af_packet0,iface=v0" +
                                    arguments +
                                    "\"\n"
                                    "memory: {hugepages: off}\n" +
                                    more)
                              .c_str());
}

void TwoHosts::Attach(const std::string& arguments, const std::string& more) {
  ASSERT_EQ(TryAttach(arguments, more), 0)
      << std::strerror(errno) << ": " << groupcast_last_error();
}

void TwoHosts::RunInAnotherProcess(const std::string& test, const std::string& under) {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  ASSERT_GT(length, 0);
  const std::string output =
      tx().Shell(under + " '" + std::string(path, static_cast<size_t>(length)) +
                 "' --gtest_also_run_disabled_tests --gtest_output= --gtest_filter=" + test);
  // A name that no test has would pass as well.
  EXPECT_NE(output.find("[  PASSED  ] 1 test."), std::string::npos) << output;
}

bool TwoHosts::Eventually(const std::function<bool()>& condition, int timeout_ms) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace groupcast
