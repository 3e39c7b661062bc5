// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Full rings, large groups, many threads, stopping: everything arrives once, and mempools fill up
// again.
#include <pcap/pcap.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "engine/datapath/assembler.h"
#include "tests/wire/wire.h"

namespace groupcast {
namespace {

// Recipient number `i`: distinct address and port for each.
sockaddr_in Recipient(uint32_t i) {
  sockaddr_in to = Address("10.16.0.0", static_cast<uint16_t>(1024 + i % 50000));
  to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + i);
  return to;
}

uint32_t RecipientOf(const rte_mbuf* frame) {
  const auto* ip = rte_pktmbuf_mtod_offset(frame, const rte_ipv4_hdr*, sizeof(rte_ether_hdr));
  return ntohl(ip->dst_addr) - ntohl(Address("10.16.0.0", 0).sin_addr.s_addr);
}

class FlowTest : public WireTest {
 protected:
  TestGroup MakeGroup(uint32_t recipients, size_t payload, uint32_t first = 0) {
    TestGroup group(recipients);
    group.SetPayload(Bytes(payload, 1));
    for (uint32_t i = 0; i < recipients; i++) group.at(i).giov_dest = Recipient(first + i);
    return group;
  }

  // Until the ring is full and more waits for it; nobody takes from it meanwhile.
  void FillRing() {
    TestGroup filler = MakeGroup(64, 1000);
    while (Counted("tx_full") == 0) {
      if (sendgroup(sd(), filler.buf(), 64, MSG_DONTWAIT, nullptr) == 0) usleep(1000);
    }
  }

  // Takes frames until told to stop, and what is there then; counts them by recipient.
  struct Consumer {
    std::map<uint32_t, uint32_t> seen;
    uint32_t most_references = 0;
    size_t frames = 0;
  };
  Consumer Consume(const std::atomic<bool>& stop) {
    Consumer consumer;
    for (;;) {
      const bool last = stop.load();
      const std::vector<rte_mbuf*> frames = Take(256);
      for (rte_mbuf* frame : frames) {
        consumer.seen[RecipientOf(frame)]++;
        if (frame->next != nullptr) {
          consumer.most_references =
              std::max<uint32_t>(consumer.most_references, rte_mbuf_refcnt_read(frame->next));
        }
        Free(frame);
      }
      consumer.frames += frames.size();
      if (frames.empty()) {
        if (last) return consumer;
        std::this_thread::yield();
      }
    }
  }

  // Detaches while what was accepted leaves.
  Consumer DetachWhileConsuming() {
    std::atomic<bool> stop{false};
    Consumer consumer;
    std::thread taker([&] { consumer = Consume(stop); });
    EXPECT_EQ(groupcast_detach(), 0);
    stop = true;
    taker.join();
    return consumer;
  }
};

TEST_F(FlowTest, TwoHundredThousandOnRing) {
  Attach("net_ring0");
  constexpr uint32_t kRecipients = 200'000;
  TestGroup group = MakeGroup(kRecipients, 1000);
  std::atomic<bool> stop{false};
  Consumer consumer;
  std::thread thread([&] { consumer = Consume(stop); });
  std::vector<int> errors(kRecipients, -1);
  EXPECT_EQ(sendgroup(sd(), group.buf(), kRecipients, 0, errors.data()),
            static_cast<int>(kRecipients));
  stop = true;
  thread.join();
  EXPECT_EQ(consumer.seen.size(), kRecipients);
  EXPECT_EQ(consumer.frames, kRecipients);
  EXPECT_GT(consumer.most_references, 0U);
  EXPECT_LE(consumer.most_references, kMaxReferences);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), 0), kRecipients);
}

TEST_F(FlowTest, TwoHundredThousandOnNull) {
  Attach("net_null0");
  constexpr uint32_t kRecipients = 200'000;
  TestGroup group = MakeGroup(kRecipients, 1000);
  EXPECT_EQ(sendgroup(sd(), group.buf(), kRecipients, 0, nullptr), static_cast<int>(kRecipients));
  EXPECT_EQ(Counted("packets"), kRecipients);
  EXPECT_EQ(Counted("bytes"), kRecipients * uint64_t{1042});
  EXPECT_EQ(Counted("payload_copies"), 1U);
}

TEST_F(FlowTest, FullRingHoldsTheCallBackAndLosesNothing) {
  Attach("net_ring0");
  constexpr uint32_t kRecipients = 20'000;
  TestGroup group = MakeGroup(kRecipients, 800);
  std::atomic<bool> returned{false}, stop{false};
  std::thread sender([&] {
    EXPECT_EQ(sendgroup(sd(), group.buf(), kRecipients, 0, nullptr), static_cast<int>(kRecipients));
    returned = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(returned) << "the ring can't hold " << kRecipients;
  Consumer consumer;
  std::thread taker([&] { consumer = Consume(stop); });
  sender.join();
  stop = true;
  taker.join();
  EXPECT_EQ(consumer.frames, kRecipients);
  EXPECT_EQ(consumer.seen.size(), kRecipients);
  EXPECT_GT(Counted("tx_full"), 0U);
}

TEST_F(FlowTest, NonBlockingGetsEagainAboveTheSendBuffer) {
  Attach("net_ring0");
  int send_buffer = 0;
  socklen_t len = sizeof(send_buffer);
  getsockopt(sd(), SOL_SOCKET, SO_SNDBUF, &send_buffer, &len);
  TestGroup group = MakeGroup(64, 1000);
  std::vector<int> errors(64);
  uint64_t sent = 0;
  int calls = 0;
  for (; calls < 10'000; calls++) {
    const int n = sendgroup(sd(), group.buf(), 64, MSG_DONTWAIT, errors.data());
    ASSERT_GE(n, 0);
    if (n == 0) break;
    sent += static_cast<uint64_t>(n);
  }
  EXPECT_EQ(std::count(errors.begin(), errors.end(), EAGAIN), 64);
  // What the ring took, and beyond it about what the socket may have unsent.
  EXPECT_GT(sent * 1000, static_cast<uint64_t>(send_buffer));
  EXPECT_LT(sent, 1024 + static_cast<uint64_t>(send_buffer) / 1000 + 200);
  std::atomic<bool> stop{false};
  Consumer consumer;
  std::thread taker([&] { consumer = Consume(stop); });
  while (sendgroup(sd(), group.buf(), 64, MSG_DONTWAIT, errors.data()) == 0)
    std::this_thread::yield();
  EXPECT_EQ(groupcast_detach(), 0);  // drains what was accepted
  EXPECT_EQ(Counted("packets"), sent + 64);
  stop = true;
  taker.join();
  Attach("net_ring0");
}

// What goes by the kernel waits for earlier calls on its socket, not for its own call's packets.
TEST_F(FlowTest, NonBlockingSendsTheKernelsRecipientsBesideAFullRing) {
  Attach("net_ring0");
  FillRing();
  const int other = BoundSocket();
  TestGroup mixed = MakeGroup(3, 1000);
  mixed.SetPrivate(1, Bytes(600, 2), "");  // above the MTU
  std::vector<int> errors(3, -1);
  EXPECT_EQ(sendgroup(other, mixed.buf(), 3, MSG_DONTWAIT, errors.data()), 2);
  EXPECT_EQ(errors, std::vector<int>({0, ENETUNREACH, 0}));
  // Now the first two are the earlier call: the datagram above the MTU must not overtake them.
  EXPECT_EQ(sendgroup(other, mixed.buf(), 3, MSG_DONTWAIT, errors.data()), 2);
  EXPECT_EQ(errors, std::vector<int>({0, EAGAIN, 0}));
  close(other);
  DetachWhileConsuming();
  Attach("net_ring0");
}

TEST_F(FlowTest, SendTimeoutEndsInEagain) {
  Attach("net_ring0");
  const timeval timeout = {0, 200'000};
  setsockopt(sd(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  groupcast_refresh(sd());
  constexpr uint32_t kRecipients = 50'000;
  TestGroup group = MakeGroup(kRecipients, 1000);
  std::vector<int> errors(kRecipients, -1);
  const int sent = sendgroup(sd(), group.buf(), kRecipients, 0, errors.data());
  EXPECT_GT(sent, 1000);
  EXPECT_LT(sent, static_cast<int>(kRecipients));
  EXPECT_EQ(std::count(errors.begin(), errors.end(), 0), sent);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), EAGAIN), static_cast<int>(kRecipients) - sent);
  const Consumer consumer = DetachWhileConsuming();
  EXPECT_EQ(consumer.frames, static_cast<size_t>(sent)) << "what was reported as sent arrives";
  Attach("net_ring0");
}

TEST_F(FlowTest, EightThreadsWithOverlappingGroups) {
  Attach("net_ring0");
  constexpr int kThreads = 8, kCalls = 200;
  constexpr uint32_t kRecipients = 300;
  std::atomic<bool> stop{false};
  Consumer consumer;
  std::thread taker([&] { consumer = Consume(stop); });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      TestGroup group = MakeGroup(kRecipients, 500, static_cast<uint32_t>(t) * 100);
      for (int call = 0; call < kCalls; call++) {
        EXPECT_EQ(sendgroup(sd(), group.buf(), kRecipients, 0, nullptr),
                  static_cast<int>(kRecipients));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  taker.join();
  EXPECT_EQ(consumer.frames, size_t{kThreads} * kCalls * kRecipients);
  for (const auto& [recipient, count] : consumer.seen) {
    uint32_t groups = 0;
    for (uint32_t t = 0; t < kThreads; t++)
      groups += recipient >= t * 100 && recipient < t * 100 + kRecipients;
    EXPECT_EQ(count, groups * kCalls) << "recipient " << recipient;
  }
}

TEST_F(FlowTest, DetachEndsWhatCannotLeaveAndSendsNothingTwice) {
  Attach("net_ring0");
  constexpr uint32_t kRecipients = 10'000;
  TestGroup group = MakeGroup(kRecipients, 1000);
  std::vector<int> errors(kRecipients, -1);
  int sent = -1;
  std::thread sender([&] { sent = sendgroup(sd(), group.buf(), kRecipients, 0, errors.data()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  rte_ring* ring = rte_ring_lookup("ETH_RXTX0_net_ring0");
  const unsigned in_ring = rte_ring_count(ring);
  EXPECT_GT(in_ring, 500U);
  // Nobody takes from the ring: the rest goes by the kernel, which has no route here.
  std::thread taker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    for (rte_mbuf* frame : Take(2048)) Free(frame);
  });
  EXPECT_EQ(groupcast_detach(), 0);
  sender.join();
  taker.join();
  EXPECT_EQ(sent, static_cast<int>(in_ring));
  EXPECT_EQ(std::count(errors.begin(), errors.end(), ENETUNREACH),
            static_cast<int>(kRecipients) - sent);
  EXPECT_EQ(Counted("kernel_stopped"), kRecipients - in_ring);
  Attach("net_null0");
}

// A port that gives nothing back, and a backlog on it, hold no other port up.
TEST_F(FlowTest, APortThatIsStuckTakesNoRoomFromAnother) {
  Attach("net_ring0",
         "\n  - name: wire1\n    device: net_null0\n    static: {mac: \"02:00:00:00:00:03\", "
         "address: 10.0.0.1, next_hops: [{to: 172.16.0.0/12, mac: \"02:00:00:00:00:02\"}]}\n");
  FillRing();
  const int other = BoundSocket();
  TestGroup free(1);
  free.SetPayload(Bytes(1000, 5));
  free.at(0).giov_dest = Address("172.16.0.1", 9);
  for (int i = 0; i < 10'000; i++) {
    ASSERT_EQ(sendgroup(other, free.buf(), 1, 0, nullptr), 1) << i;
  }
  close(other);
  DetachWhileConsuming();
  Attach("net_null0");
}

// What a call that timed out has handed over is sent later, or counted.
TEST_F(FlowTest, NothingOfATimedOutCallIsLostUncounted) {
  Attach("net_ring0");
  const timeval timeout = {0, 100'000};
  setsockopt(sd(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  groupcast_refresh(sd());
  TestGroup group = MakeGroup(2000, 1000);
  const int sent = sendgroup(sd(), group.buf(), 2000, 0, nullptr);
  EXPECT_GT(sent, 1000);
  std::thread taker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    for (rte_mbuf* frame : Take(2048)) Free(frame);
  });
  EXPECT_EQ(groupcast_detach(), 0);
  taker.join();
  EXPECT_EQ(Counted("packets") + Counted("late_errors"), static_cast<uint64_t>(sent));
  Attach("net_null0");
}

// More than arena and ring hold, and a consumer that gives nothing back.
TEST_F(FlowTest, DetachEndsACallThatWaitsForRoom) {
  Attach("net_ring0");
  constexpr uint32_t kRecipients = 100'000;
  TestGroup group = MakeGroup(kRecipients, 1000);
  std::vector<int> errors(kRecipients, -1);
  std::atomic<int> sent{-1};
  std::thread sender([&] { sent = sendgroup(sd(), group.buf(), kRecipients, 0, errors.data()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::thread taker([&] {
    while (sent == -1 && Clock::now() - start < std::chrono::seconds(10)) usleep(50);
    for (rte_mbuf* frame : Take(2048)) Free(frame);
  });
  EXPECT_EQ(groupcast_detach(), 0);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(8)) << "it waited for the consumer";
  sender.join();
  taker.join();
  EXPECT_GT(sent, 500);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), 0), sent);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), ENETUNREACH),
            static_cast<int>(kRecipients) - sent);
  Attach("net_null0");
}

TEST_F(FlowTest, AttachTwiceIsRefusedAndAgainAfterDetachWorks) {
  Attach("net_null0");
  EXPECT_EQ(groupcast_attach("/nonexistent.yaml"), -1);
  EXPECT_EQ(errno, EBUSY);
  Detach();
  EXPECT_EQ(groupcast_detach(), -1);
  EXPECT_EQ(errno, ENOTCONN);
  Attach("net_null0");
  TestGroup group = MakeGroup(10, 100);
  EXPECT_EQ(sendgroup(sd(), group.buf(), 10, 0, nullptr), 10);
  EXPECT_EQ(Counted("packets"), 10U);
}

TEST_F(FlowTest, CaptureFileHoldsTheFrames) {
  const std::string file =
      std::filesystem::temp_directory_path() / ("groupcast-" + std::to_string(getpid()) + ".pcap");
  Attach("net_pcap0,tx_pcap=" + file);
  TestGroup group = MakeGroup(300, 700);
  for (size_t i = 0; i < group.size(); i++) group.SetPrivate(i, Bytes(i % 5, 7), Bytes(i % 3, 8));
  ASSERT_EQ(sendgroup(sd(), group.buf(), group.size(), 0, nullptr), 300);
  Detach();
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* capture = pcap_open_offline(file.c_str(), error.data());
  ASSERT_NE(capture, nullptr) << error.data();
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  size_t frames = 0;
  for (; pcap_next_ex(capture, &header, &bytes) == 1; frames++) {
    ASSERT_LT(frames, group.size());
    EXPECT_EQ(
        std::string(reinterpret_cast<const char*>(bytes), header->caplen),
        ExpectedFrame(from(), group.at(frames).giov_dest, 64, 0, true, 0, group.Datagram(frames)));
  }
  EXPECT_EQ(frames, 300U);
  pcap_close(capture);
  std::filesystem::remove(file);
  Attach("net_null0");
}

}  // namespace
}  // namespace groupcast
