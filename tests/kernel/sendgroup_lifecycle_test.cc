// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// The engine as a guest: attached, detached and attached again, beside forks, other processes and
// descriptors that change their meaning.
#include <dirent.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;
constexpr size_t kRecipients = 20;

class SendgroupLifecycle : public TwoHosts {
 protected:
  // One groupcast that arrives everywhere, wholly by the engine or wholly by the kernel.
  static void ExpectSent(int sd, bool engine) {
    Sink sink(rx(), kUdpPort);
    const std::string payload = Pattern(400);
    Groupcast groupcast(payload);
    groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort);
    Counted counted;
    EXPECT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
    ExpectExactlyOnce(sink.Receive(kRecipients), kBehindGateway + 1, kRecipients, payload);
    constexpr auto kAll = static_cast<int64_t>(kRecipients);
    EXPECT_EQ(counted("engine_recipients"), engine ? kAll : 0);
    EXPECT_EQ(counted("packets"), engine ? kAll : 0);
    EXPECT_EQ(counted("kernel_no_engine"), engine ? 0 : kAll);
  }
};

TEST_F(SendgroupLifecycle, AttachDetachAttach) {
  Socket sd = BoundSocket(0, 4000);
  ExpectSent(sd, false);
  for (int turn = 0; turn < 5; turn++) {
    Attach();
    ExpectSent(sd, true);
    EXPECT_EQ(TryAttach(), -1);
    EXPECT_EQ(errno, EBUSY);
    EXPECT_STRNE(groupcast_last_error(), "");
    ExpectSent(sd, true);
    ASSERT_EQ(groupcast_detach(), 0) << groupcast_last_error();
    ExpectSent(sd, false);
    EXPECT_EQ(groupcast_detach(), -1);
    EXPECT_EQ(errno, ENOTCONN);
  }
}

size_t Entries(const char* path) {
  DIR* dir = opendir(path);
  size_t n = 0;
  while (readdir(dir) != nullptr) n++;
  closedir(dir);
  return n;
}

TEST_F(SendgroupLifecycle, NothingIsLeftBehind) {
  Socket sd = BoundSocket(0, 4000);
  Attach();
  ExpectSent(sd, true);
  ASSERT_EQ(groupcast_detach(), 0);
  // What is made once per process is there by now.
  const size_t threads = Entries("/proc/self/task"), files = Entries("/proc/self/fd");
  for (int turn = 0; turn < 3; turn++) {
    Attach();
    ExpectSent(sd, true);
    ASSERT_EQ(groupcast_detach(), 0);
  }
  EXPECT_EQ(Entries("/proc/self/task"), threads);
  EXPECT_EQ(Entries("/proc/self/fd"), files);
}

TEST_F(SendgroupLifecycle, AffinityOfTheApplicationIsUnchanged) {
  cpu_set_t before, after, of_thread;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  Attach();
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
  std::thread([&] { sched_getaffinity(0, sizeof(of_thread), &of_thread); }).join();
  EXPECT_TRUE(CPU_EQUAL(&before, &of_thread));
  ASSERT_EQ(groupcast_detach(), 0);
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

// In a forked child the engine counts as gone. Its exit status says which step failed.
int InForkedChild(int sd, Groupcast* groupcast, const std::string& file) {
  Counted counted;
  if (groupcast->Send(sd) != static_cast<int>(groupcast->size())) return 1;
  if (counted("engine_recipients") != 0) return 2;
  if (groupcast_attach(file.c_str()) != -1 || errno != ENOTSUP) return 3;
  if (std::strlen(groupcast_last_error()) == 0) return 4;
  if (groupcast->Send(sd) != static_cast<int>(groupcast->size())) return 5;
  return 0;
}

TEST_F(SendgroupLifecycle, ForkedChildUsesTheKernel) {
  Attach();
  Socket sd = BoundSocket(0, 4000);
  ExpectSent(sd, true);
  const std::string file = WriteFile("ports: [{name: a, device: \"net_af_packet0,iface=v0\"}]\n");
  Groupcast groupcast("from the child");
  groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort + 1);
  Sink sink(rx(), kUdpPort + 1);
  for (bool detached : {false, true}) {
    if (detached) {
      ASSERT_EQ(groupcast_detach(), 0);
    }
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(InForkedChild(sd, &groupcast, file));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(sink.Receive(2 * kRecipients).size(), 2 * kRecipients);
    if (!detached) ExpectSent(sd, true);
  }
}

// Nothing of DPDK's is left open in programs that the application starts.
TEST_F(SendgroupLifecycle, ChildrenInheritNothing) {
  Attach();
  Socket sd = BoundSocket(0, 4000);
  ExpectSent(sd, true);
  FILE* pipe = popen("ls -l /proc/self/fd; cat /proc/self/net/packet", "re");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  char part[4096];
  for (size_t n; (n = fread(part, 1, sizeof(part), pipe)) > 0;) output.append(part, n);
  ASSERT_EQ(pclose(pipe), 0);
  EXPECT_EQ(output.find("memfd"), std::string::npos) << output;
  EXPECT_EQ(output.find("socket:"), std::string::npos) << output;
}

// A call that waits for ARP when the engine stops goes by the kernel, and holds nobody up.
TEST_F(SendgroupLifecycle, DetachDoesNotWaitForANeighbour) {
  Attach("", "resolver: {wait_ms: 60000}\n");
  rx().Shell("ip link set v1 arp off");
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort);
  Counted counted;
  std::atomic<int> sent = -1;
  std::thread sender([&] { sent = groupcast.Send(BoundSocket(0, 4000)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(sent, -1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(groupcast_detach(), 0);
  sender.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(sent, static_cast<int>(kRecipients));
  EXPECT_EQ(counted("kernel_stopped"), static_cast<int64_t>(kRecipients));
}

TEST_F(SendgroupLifecycle, DescriptorThatBecomesAnotherSocket) {
  Attach();
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  Groupcast groupcast("payload");
  groupcast.AddRange(kBehindGateway + 1, 3, kUdpPort);
  for (uint16_t udp_port = 4000; udp_port < 4020; udp_port++) {
    if (udp_port != 4000) {
      Socket other = BoundSocket(0, udp_port);
      other.Set(IPPROTO_IP, IP_TTL, 20 + udp_port - 4000);
      ASSERT_EQ(dup2(other, sd), sd);
    }
    Counted counted;
    ASSERT_EQ(groupcast.Send(sd), 3);
    EXPECT_EQ(counted("engine_recipients"), 3);
    std::vector<Datagram> received = sink.Receive(3);
    ASSERT_EQ(received.size(), 3u);
    for (const Datagram& datagram : received) EXPECT_EQ(ntohs(datagram.from.sin_port), udp_port);
  }

  // A socket of another namespace has other routes: the kernel's.
  Socket there(-1);
  rx().Run([&] { there = BoundSocket(0, 4000); });
  ASSERT_EQ(dup2(there, sd), sd);
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd), 3);
  EXPECT_EQ(counted("engine_recipients"), 0);
  EXPECT_EQ(counted("kernel_socket"), 3);
  EXPECT_EQ(sink.Receive(3).size(), 3u);

  // And one that is none any more.
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  Socket read_end(pipe_ends[0]), write_end(pipe_ends[1]);
  ASSERT_EQ(dup2(write_end, sd), sd);
  EXPECT_EQ(groupcast.Send(sd), -1);
  EXPECT_EQ(groupcast.error, ENOTSOCK);
}

// What the other process runs: TwoHosts, but in the namespace that it was started in.
class OtherProcess : public TwoHosts {
 protected:
  void SetUp() override {}
  void TearDown() override { groupcast_detach(); }
};

TEST_F(OtherProcess, DISABLED_SendsOnTheSameInterface) {
  Attach();
  Socket sd = BoundSocket(0, 4001);
  Groupcast groupcast("from the other process");
  groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort + 1);
  Counted counted;
  ASSERT_EQ(groupcast.Send(sd), static_cast<int>(kRecipients));
  EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(kRecipients));
}

TEST_F(SendgroupLifecycle, AnotherProcessUsesTheSameInterface) {
  Attach();
  Socket sd = BoundSocket(0, 4000);
  ExpectSent(sd, true);
  Sink sink(rx(), kUdpPort + 1);
  RunInAnotherProcess("OtherProcess.DISABLED_SendsOnTheSameInterface");
  EXPECT_EQ(sink.Receive(kRecipients).size(), kRecipients);
  ExpectSent(sd, true);
}

// exit() without a detach, while a thread is sending.
TEST_F(OtherProcess, DISABLED_ExitsInTheMiddle) {
  EXPECT_EXIT(
      {
        Attach();
        std::thread([] {
          Socket sd = BoundSocket(0, 4001);
          Groupcast groupcast(Pattern(500));
          groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort + 1);
          for (;;) groupcast.Send(sd);
        }).detach();
        usleep(50000);
        exit(7);
      },
      testing::ExitedWithCode(7), "");
}

TEST_F(SendgroupLifecycle, ExitWithoutDetach) {
  RunInAnotherProcess("OtherProcess.DISABLED_ExitsInTheMiddle");
}

// A signal handler that ends the process in the middle of a call, and handlers of exit() that send.
TEST_F(OtherProcess, DISABLED_ExitsInAHandler) {
  EXPECT_EXIT(
      {
        Attach();
        static Socket sd = BoundSocket(0, 4001);
        static Groupcast groupcast(Pattern(500));
        groupcast.AddRange(kBehindGateway + 1, kRecipients, kUdpPort + 1);
        std::atexit([] {
          if (sendgroup(sd, groupcast.buf(), groupcast.size(), 0, nullptr) !=
              static_cast<int>(kRecipients)) {
            _exit(8);
          }
        });
        signal(SIGALRM, [](int) { exit(7); });
        ualarm(50000, 0);
        for (;;) sendgroup(sd, groupcast.buf(), groupcast.size(), 0, nullptr);
      },
      testing::ExitedWithCode(7), "");
}

TEST_F(SendgroupLifecycle, ExitInASignalHandler) {
  // ThreadSanitizer finds, rightly, that exit() is none of the calls that a handler may make.
  RunInAnotherProcess("OtherProcess.DISABLED_ExitsInAHandler",
                      "TSAN_OPTIONS=\"$TSAN_OPTIONS:report_signal_unsafe=0\"");
}

}  // namespace
}  // namespace groupcast
