// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Many threads at once, threads that come and go, and an engine that stops under them.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;

class SendgroupThreads : public TwoHosts {
 protected:
  // What a thread sends in its call number `call`.
  static std::string Payload(size_t thread, size_t call) {
    // Long and short ones: both ways of building a packet.
    return std::to_string(thread) + " " + std::to_string(call) + " " +
           std::string(call % 2 == 0 ? 20 : 400, '.');
  }

  static void Send(int sd, size_t thread, size_t call, uint32_t first, size_t recipients) {
    Groupcast groupcast(Payload(thread, call));
    groupcast.AddRange(first, recipients, kUdpPort);
    ASSERT_EQ(groupcast.Send(sd), static_cast<int>(recipients));
  }

  // Each call of each thread at each of its recipients exactly once, in the order of the calls.
  static void ExpectInOrder(const std::vector<Datagram>& received, const std::vector<size_t>& calls,
                            uint32_t first_step, size_t recipients) {
    std::map<std::pair<size_t, uint32_t>, size_t> next;  // thread, recipient -> call
    size_t out_of_order = 0, strayed = 0;
    for (const Datagram& datagram : received) {
      size_t thread = 0, call = 0;
      ASSERT_EQ(sscanf(datagram.payload.c_str(), "%zu %zu", &thread, &call), 2);
      ASSERT_LT(thread, calls.size());
      ASSERT_EQ(datagram.payload, Payload(thread, call));
      const auto first = static_cast<uint32_t>(kBehindGateway + 1 + thread * first_step);
      if (datagram.to - first >= recipients) ++strayed;
      size_t& expected = next[{thread, datagram.to}];
      if (call != expected) ++out_of_order;
      expected = call + 1;
    }
    size_t expected = 0;
    for (size_t n : calls) expected += n * recipients;
    EXPECT_EQ(received.size(), expected) << SoftnetDrops();
    EXPECT_EQ(out_of_order, 0u) << "lost, doubled or overtaken";
    EXPECT_EQ(strayed, 0u) << "at an address that is no recipient of its thread";
  }
};

TEST_F(SendgroupThreads, OverlappingGroups) {
  constexpr size_t kThreads = 8, kCalls = 150, kRecipients = 50;
  constexpr uint32_t kStep = 25;  // half of a group is the next thread's as well
  Attach();
  Sink sink(rx(), kUdpPort);
  Socket shared = BoundSocket(0, 4000);
  Counted counted;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      // Half of them on one socket.
      Socket own = BoundSocket(0, static_cast<uint16_t>(4001 + t));
      const int sd = t % 2 == 0 ? shared : own;
      for (size_t call = 0; call < kCalls; call++) {
        Send(sd, t, call, static_cast<uint32_t>(kBehindGateway + 1 + t * kStep), kRecipients);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  constexpr auto kAll = static_cast<int64_t>(kThreads * kCalls * kRecipients);
  EXPECT_EQ(counted("groupcasts"), static_cast<int64_t>(kThreads * kCalls));
  EXPECT_EQ(counted("recipients"), kAll);
  EXPECT_EQ(counted("engine_recipients"), kAll);
  EXPECT_EQ(counted("packets"), kAll);
  EXPECT_EQ(counted("recipient_errors"), 0);
  ExpectInOrder(sink.Receive(kAll), std::vector<size_t>(kThreads, kCalls), kStep, kRecipients);
}

// A thread that ends leaves its channel to the next one, so 300 in a row are not too many.
TEST_F(SendgroupThreads, ThatFollowOneAnother) {
  constexpr size_t kThreads = 300, kRecipients = 5;
  Attach();
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  Counted counted;
  for (size_t t = 0; t < kThreads; t++) {
    std::thread([&] { Send(sd, t, 0, kBehindGateway + 1, kRecipients); }).join();
  }
  EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(kThreads * kRecipients));
  EXPECT_EQ(counted("kernel_no_channel"), 0);
  ExpectInOrder(sink.Receive(kThreads * kRecipients), std::vector<size_t>(kThreads, 1), 0,
                kRecipients);
}

// The engine has 128 channels; what is beyond goes by the kernel, and arrives as well.
TEST_F(SendgroupThreads, MoreThanTheEngineTakes) {
  constexpr size_t kThreads = 140, kCalls = 5, kRecipients = 10;
  Attach();
  Sink sink(rx(), kUdpPort);
  Socket sd = BoundSocket(0, 4000);
  Counted counted;
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      for (size_t call = 0; call < kCalls; call++) {
        Send(sd, t, call, kBehindGateway + 1, kRecipients);
        together.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  constexpr size_t kAll = kThreads * kCalls * kRecipients;
  EXPECT_GE(counted("kernel_no_channel"), static_cast<int64_t>(12 * kCalls * kRecipients));
  EXPECT_GE(counted("engine_recipients"), static_cast<int64_t>(100 * kCalls * kRecipients));
  EXPECT_EQ(counted("engine_recipients") + counted("kernel_recipients"),
            static_cast<int64_t>(kAll));
  ExpectInOrder(sink.Receive(kAll), std::vector<size_t>(kThreads, kCalls), 0, kRecipients);

  // They are gone, and their channels free.
  Counted after;
  std::thread([&] { Send(sd, 0, 0, kBehindGateway + 1, kRecipients); }).join();
  EXPECT_EQ(after("engine_recipients"), static_cast<int64_t>(kRecipients));
}

TEST_F(SendgroupThreads, DetachWhileTheySend) {
  constexpr size_t kThreads = 4, kMostCalls = 3000, kRecipients = 10;
  Attach();
  Sink sink(rx(), kUdpPort);
  Counted counted;
  std::atomic<bool> stop = false;
  std::vector<size_t> calls(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      Socket sd = BoundSocket(0, static_cast<uint16_t>(4000 + t));
      while (!stop && calls[t] < kMostCalls) {
        Send(sd, t, calls[t], kBehindGateway + 1, kRecipients);
        ++calls[t];
        std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
    });
  }
  for (int turn = 0; turn < 4; turn++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(groupcast_detach(), 0) << groupcast_last_error();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    Attach();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(counted("engine_recipients"), 0);
  EXPECT_GT(counted("kernel_no_engine"), 0);
  size_t all = 0;
  for (size_t n : calls) all += n * kRecipients;
  ExpectInOrder(sink.Receive(all), calls, 0, kRecipients);
}

}  // namespace
}  // namespace groupcast
