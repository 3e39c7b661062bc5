// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Relayed groups of two lcores: each is owned by one of them, whichever of the port's receive
// queues its datagrams come by.
#include <rte_ether.h>
#include <rte_udp.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <set>

#include "api/groupcast/ingress.h"
#include "tests/wire/group_wire.h"
#include "tests/wire/ring_port.h"

namespace groupcast {
namespace {

constexpr size_t kLcores = RingPort::kQueues;
constexpr uint16_t kFirstPort = 6000;
constexpr uint32_t kMembers = 40;
constexpr uint16_t kSources = 2;       // of a group, each by a receive queue of its own
constexpr uint16_t kProbe = kSources;  // says that the group is claimed, by the first queue
constexpr uint64_t kAtOnce = 40;       // datagrams of a group that are on their way

// What a datagram is, at the end of its payload.
struct Stamp {
  uint32_t group;
  uint32_t source;
  uint32_t number;
};

class IngressLcoresTest : public WireTest {
 protected:
  struct Relayed {
    std::optional<Group> group;
    std::optional<Ingress> ingress;
    bool rtp = false;
    const char* to = kSource;
    uint64_t fed = 0;
    std::array<uint32_t, kSources> numbers{};  // of the next datagrams
    std::array<uint64_t, kLcores> frames{};    // that left, by lcore
    std::atomic<uint64_t> left{0};             // of both; consumer: w; feeder: r
    // Numbers by member and source.
    std::map<uint32_t, std::array<std::vector<uint32_t>, kSources>> got;
  };

  void SetUp() override {
    WireTest::SetUp();
    if (port_ == nullptr) {
      Attach("net_null0");  // EAL has to be there before its rings are
      Detach();
      port_ = new RingPort;
      StartCounting();
    }
    Attach(port_->device(), "lcores: [0, 1]\n");
  }
  void TearDown() override {
    EndConsumer();
    relayed_.clear();
    WireTest::TearDown();
  }
  void EndConsumer() {
    end_ = true;
    if (consumer_.joinable()) consumer_.join();
  }

  void Open(size_t groups) {
    for (size_t g = 0; g < groups; g++) relayed_.push_back(std::make_unique<Relayed>());
  }
  void Begin(size_t g) {
    Relayed& one = *relayed_[g];
    IngressOptions options;
    if (one.rtp) options.rtp.emplace();
    one.group.emplace(Must(Group::Create(sd())));
    ASSERT_TRUE(one.group->Add(Members(static_cast<uint32_t>(g) * 1000, kMembers)).ok());
    one.ingress.emplace(Must(Ingress::Create(*one.group, options)));
    const int claim = socket(AF_INET, SOCK_DGRAM, 0);
    const bool multicast = one.to != kSource;
    const sockaddr_in at = Address(multicast ? one.to : "0.0.0.0", UdpPort(g));
    ASSERT_EQ(bind(claim, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    const absl::Status status = one.ingress->Add(claim);
    EXPECT_TRUE(status.ok()) << status;
    close(claim);
  }
  // Until the engine takes what comes.
  void AwaitClaim(size_t g) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const std::string probe =
        Incoming(g, 0, Payload({static_cast<uint32_t>(g), kProbe, 0}, relayed_[g]->rtp));
    while (relayed_[g]->ingress->statistics().engine_datagrams == 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      port_->Receive(0, probe);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  static uint16_t UdpPort(size_t g) { return static_cast<uint16_t>(kFirstPort + g); }

  static std::string Payload(const Stamp& stamp, bool rtp) {
    std::string payload = Bytes(300 + stamp.number % 700, static_cast<uint8_t>(stamp.number));
    payload.append(reinterpret_cast<const char*>(&stamp), sizeof(stamp));
    if (!rtp) return payload;
    const rte_be16_t sequence = htons(static_cast<uint16_t>(65000 + stamp.number));
    const rte_be32_t timestamp = htonl(stamp.number * 3000), ssrc = htonl(77);
    payload.replace(0, 2, "\x80\x60");
    payload.replace(2, 2, reinterpret_cast<const char*>(&sequence), 2);
    payload.replace(4, 4, reinterpret_cast<const char*>(&timestamp), 4);
    payload.replace(8, 4, reinterpret_cast<const char*>(&ssrc), 4);
    return payload;
  }

  // To the port, from a producer in its network.
  std::string Incoming(size_t g, uint16_t source, const std::string& payload, uint8_t ttl = 64) {
    const Relayed& one = *relayed_[g];
    std::string frame =
        ExpectedFrame(Address("10.0.0.9", static_cast<uint16_t>(9000 + source)),
                      Address(one.to, UdpPort(g)), ttl, 0, false, htons(7), payload);
    std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
    if (one.to != kSource) frame.replace(0, 6, std::string("\x01\x00\x5e\x01\x02\x03", 6));
    return frame;
  }

  // The next datagram of a source. A source's datagrams come by the queue of its number.
  void Feed(size_t g, uint16_t source) {
    Relayed& one = *relayed_[g];
    const Stamp stamp = {static_cast<uint32_t>(g), source, one.numbers[source]++};
    const std::string frame = Incoming(g, source, Payload(stamp, one.rtp));
    while (!port_->Receive(source, frame)) std::this_thread::yield();
    one.fed++;
  }
  // Waits where too much is on its way.
  void FeedSlowly(size_t g, uint16_t source) {
    Relayed& one = *relayed_[g];
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (one.fed > one.left.load(std::memory_order_relaxed) / kMembers + kAtOnce) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "group " << g << " stands still";
      std::this_thread::yield();
    }
    Feed(g, source);
  }
  void AwaitLeft(size_t g, uint64_t frames) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (relayed_[g]->left.load(std::memory_order_relaxed) < frames &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(relayed_[g]->left.load(std::memory_order_relaxed), frames) << "of group " << g;
  }

  void Consume() {
    consumer_ = std::thread([this] {
      for (bool more = true; more || !end_;) {
        more = false;
        for (size_t lcore = 0; lcore < kLcores; lcore++) {
          std::vector<std::string> frames;
          more |= port_->Sent(lcore, &frames) > 0;
          for (const std::string& frame : frames) Note(lcore, frame);
        }
        if (!more) std::this_thread::yield();
      }
    });
  }
  void Note(size_t lcore, const std::string& frame) {
    Stamp stamp;
    std::memcpy(&stamp, frame.data() + frame.size() - sizeof(stamp), sizeof(stamp));
    ASSERT_LT(stamp.group, relayed_.size());
    if (stamp.source == kProbe) return;
    ASSERT_LT(stamp.source, kSources);
    Relayed& one = *relayed_[stamp.group];
    const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(frame.data() + sizeof(rte_ether_hdr));
    const uint32_t number = ntohl(ip->dst_addr) - 0x0a010000;
    // Whole, but for an RTP header, which is the member's own.
    std::string payload = Payload(stamp, one.rtp);
    if (one.rtp) payload.replace(0, 12, frame.substr(42, 12));
    const uint8_t ttl = one.to == kSource ? 63 : 64;
    ASSERT_EQ(frame, ExpectedFrame(from(), Member(number).ipv4(), ttl, 0, true, 0, payload));
    one.got[number][stamp.source].push_back(stamp.number);
    one.frames[lcore]++;
    one.left.fetch_add(1, std::memory_order_relaxed);
  }

  // Each member got what `sources` of the group sent, once and in order.
  void ExpectAll(size_t g, uint16_t sources) {
    const Relayed& one = *relayed_[g];
    ASSERT_EQ(one.got.size(), kMembers);
    for (const auto& [member, by_source] : one.got) {
      for (uint16_t s = 0; s < sources; s++) {
        ASSERT_EQ(by_source[s].size(), one.numbers[s]) << member << " of group " << g;
        for (uint32_t i = 0; i < one.numbers[s]; i++) ASSERT_EQ(by_source[s][i], i);
      }
    }
  }
  // What it got is once and in order, whatever is missing.
  void ExpectOrder(size_t g) {
    for (const auto& [member, by_source] : relayed_[g]->got) {
      for (const std::vector<uint32_t>& numbers : by_source) {
        for (size_t i = 1; i < numbers.size(); i++) ASSERT_LT(numbers[i - 1], numbers[i]);
      }
    }
  }
  // The only lcore that it left by.
  size_t OwnerOf(size_t g) {
    const Relayed& one = *relayed_[g];
    EXPECT_NE(one.frames[0] > 0, one.frames[1] > 0) << "group " << g;
    return one.frames[0] > 0 ? 0 : 1;
  }

  static RingPort* port_;
  std::vector<std::unique_ptr<Relayed>> relayed_;
  std::atomic<bool> end_{false};
  std::thread consumer_;
};
RingPort* IngressLcoresTest::port_ = nullptr;

TEST_F(IngressLcoresTest, EachIsOwnedByOneAndHandedOverToIt) {
  constexpr size_t kGroups = 4, kMulticast = 1, kRtp = 2;
  constexpr uint32_t kDatagrams = 80;
  Open(kGroups);
  relayed_[kMulticast]->to = "239.1.2.3";
  relayed_[kRtp]->rtp = true;
  Consume();
  for (size_t g = 0; g < kGroups; g++) {
    Begin(g);
    AwaitClaim(g);
  }
  // An RTP stream has one source.
  const auto sources = [](size_t g) { return g == kRtp ? uint16_t{1} : kSources; };
  for (uint32_t i = 0; i < kDatagrams; i++) {
    for (size_t g = 0; g < kGroups; g++) {
      for (uint16_t s = 0; s < sources(g); s++) FeedSlowly(g, s);
    }
  }
  // What either lcore finds of a datagram, whichever owns its group.
  for (size_t g = 0; g < kGroups; g++) {
    for (uint16_t s = 0; s < kSources; s++) {
      std::string wrong = Incoming(g, s, Bytes(300, 1));
      wrong[60] ^= 1;
      while (!port_->Receive(s, wrong)) std::this_thread::yield();
      // By multicast it would be relayed.
      const std::string last = g == kMulticast ? wrong : Incoming(g, s, Bytes(300, 1), 1);
      while (!port_->Receive(s, last)) std::this_thread::yield();
    }
  }
  const auto wrong_ones = [this] {
    uint64_t counted = 0;
    for (const auto& one : relayed_) {
      const IngressStatistics statistics = one->ingress->statistics();
      counted += statistics.bad_checksum + statistics.expired;
    }
    return counted;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (wrong_ones() < 2 * kSources * kGroups && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (size_t g = 0; g < kGroups; g++) AwaitLeft(g, relayed_[g]->fed * kMembers);
  EndConsumer();
  std::array<size_t, kLcores> owned{};
  uint64_t handed = 0;
  for (size_t g = 0; g < kGroups; g++) {
    ExpectAll(g, sources(g));
    const size_t owner = OwnerOf(g);
    owned[owner]++;
    const IngressStatistics statistics = relayed_[g]->ingress->statistics();
    handed += relayed_[g]->numbers[1 - owner];
    if (owner == 1) handed += statistics.engine_datagrams - relayed_[g]->fed;  // the probes
    EXPECT_EQ(statistics.bad_checksum, g == kMulticast ? 2 * kSources : kSources);
    EXPECT_EQ(statistics.expired, g == kMulticast ? 0 : kSources);
    EXPECT_EQ(statistics.queue_full, 0U);
    EXPECT_EQ(statistics.unsent, 0U);
    EXPECT_EQ(statistics.sent_by_engine, statistics.engine_datagrams * kMembers);
    EXPECT_TRUE(statistics.errors.empty());
  }
  EXPECT_EQ(owned, (std::array<size_t, kLcores>{kGroups / 2, kGroups / 2}));
  EXPECT_EQ(Counted("ingress_handed_over"), handed);
  EXPECT_EQ(Counted("payload_copies"), 0U);
}

// A group that goes while its datagrams are on their way between the lcores takes none from others.
TEST_F(IngressLcoresTest, OneGoesAmidTraffic) {
  constexpr int kRounds = 6;
  constexpr size_t kStays = 0, kGoes = 1;
  Open(2);
  Consume();
  Begin(kStays);
  AwaitClaim(kStays);
  for (int round = 0; round < kRounds; round++) {
    Relayed& goes = *relayed_[kGoes];
    Begin(kGoes);
    AwaitClaim(kGoes);
    const uint64_t before = goes.left.load();
    std::atomic<bool> gone{false};
    std::thread remover([&] {
      while (goes.left.load() < before + 30 * kMembers) std::this_thread::yield();
      goes.ingress.reset();
      goes.group.reset();
      gone = true;
    });
    while (!gone) {
      for (uint16_t s = 0; s < kSources; s++) {
        Feed(kGoes, s);
        FeedSlowly(kStays, s);
      }
    }
    remover.join();
  }
  AwaitLeft(kStays, relayed_[kStays]->fed * kMembers);
  EndConsumer();
  ExpectAll(kStays, kSources);
  ExpectOrder(kGoes);
  EXPECT_EQ(OwnerOf(kStays), 0U);
  EXPECT_EQ(OwnerOf(kGoes), 1U);
  EXPECT_EQ(relayed_[kStays]->ingress->statistics().queue_full, 0U);
}

// What was taken in before the engine stops is sent, whichever lcore has it then.
TEST_F(IngressLcoresTest, StopsAmidTraffic) {
  constexpr size_t kGroups = 2;
  Open(kGroups);
  Consume();
  for (size_t g = 0; g < kGroups; g++) {
    Begin(g);
    AwaitClaim(g);
  }
  std::atomic<bool> stopped{false};
  std::thread stopper([this, &stopped] {
    for (const auto& one : relayed_) {
      while (one->left.load() < 100 * kMembers) std::this_thread::yield();
    }
    StopEngine();
    stopped = true;
  });
  while (!stopped) {
    for (size_t g = 0; g < kGroups; g++) {
      const Relayed& one = *relayed_[g];
      for (uint16_t s = 0; s < kSources; s++) {
        if (one.fed < one.left.load() / kMembers + kAtOnce) Feed(g, s);
      }
    }
    std::this_thread::yield();
  }
  stopper.join();
  EndConsumer();
  port_->EmptyReceived();
  for (size_t g = 0; g < kGroups; g++) {
    const Relayed& one = *relayed_[g];
    ExpectOrder(g);
    // What it had not begun when the group left it is Forward()'s, for which there is no route
    // here.
    std::vector<MemberError> errors;
    while (relayed_[g]->ingress->Forward(100, &errors) > 0) {
    }
    for (const MemberError& error : errors) EXPECT_EQ(error.error, ENETUNREACH);
    const IngressStatistics statistics = one.ingress->statistics();
    EXPECT_EQ(statistics.unsent, 0U);
    EXPECT_EQ(statistics.sent_by_engine + errors.size(), statistics.engine_datagrams * kMembers);
    EXPECT_EQ(one.left.load() % kMembers, 0U);
    EXPECT_GE(one.left.load(), 100 * kMembers);
  }
  relayed_.clear();
  ExpectPoolsFull();
}

}  // namespace
}  // namespace groupcast
