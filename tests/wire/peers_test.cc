// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// The packets that groupcast-perf compares ours with (bench/peers/strategies): what leaves is the
// same, byte for byte, and every mbuf comes back.
#include <rte_lcore.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "bench/peers/strategies/clone.h"
#include "bench/peers/strategies/driver_floor.h"
#include "bench/peers/strategies/lazy_copy.h"
#include "bench/peers/strategies/packet_loop.h"
#include "engine/control/eal.h"
#include "engine/control/mempools.h"
#include "engine/control/port_setup.h"
#include "engine/datapath/cache_line.h"
#include "engine/datapath/hand_over.h"
#include "engine/datapath/request_memory.h"
#include "engine/datapath/request_uses.h"
#include "tests/wire/wire.h"

namespace groupcast {
namespace {

constexpr uint32_t kMtu = 9000;
constexpr uint16_t kHopTag = 7;
constexpr uint32_t kPackets = 2048;  // in flight at most: above the ring's 1024
constexpr uint32_t kLarge = 3000;    // recipients: the ring is full again and again
constexpr uint32_t kLazyPackets = 512;
constexpr uint8_t kTtl = 64;
constexpr size_t kArenaBytes = 1 << 20;
constexpr auto kLongestWait = std::chrono::seconds(10);

bool CountsIds(uint32_t recipient) { return recipient % 10 == 0; }

class PeersTest : public testing::Test {
 protected:
  void SetUp() override {
    EngineConfig config;
    config.hugepages = Hugepages::kOff;
    config.memory_mib = 256;
    PortConfig& port = config.ports.emplace_back();
    port.name = port.device = "net_ring0";
    port.fixed.emplace();
    port.fixed->mac = {{0x02, 0, 0, 0, 0, 0x01}};
    port.fixed->mtu = kMtu;
    ASSERT_TRUE(StartEal(config).ok());
    auto started = PortSetup::Start(port, 1);
    ASSERT_TRUE(started.ok()) << started.status();
    port_ = *std::move(started);
    auto mempools = Mempools::Create("peers", kPackets, kMtu + kEthernetHeader);
    ASSERT_TRUE(mempools.ok()) << mempools.status();
    mempools_ = *std::move(mempools);
    ring_ = rte_ring_lookup("ETH_RXTX0_net_ring0");
    ASSERT_NE(ring_, nullptr);
    next_hops_[0].SetEthernet({{0x02, 0, 0, 0, 0, 0x01}}, {{0x02, 0, 0, 0, 0, 0x02}},
                              RTE_BE16(RTE_ETHER_TYPE_IPV4), kHopTag);
    next_hops_[1].SetEthernet({{0x02, 0, 0, 0, 0, 0x01}}, {{0x02, 0, 0, 0, 0, 0x02}},
                              RTE_BE16(RTE_ETHER_TYPE_IPV6), kHopTag);
    arena_memory_.reset(new CacheLine[LinesFor(kArenaBytes)]);
    arena_ = std::make_unique<Arena>(arena_memory_.get(), kArenaBytes, 0);
  }
  void TearDown() override {
    EXPECT_EQ(arena_->Used(), 0U);
    EXPECT_TRUE(mempools_->Full());
  }

  static sockaddr_in From() { return Address("10.0.0.1", 4000); }
  static sockaddr_in To(uint32_t recipient) {
    sockaddr_in to = Address("10.1.0.0", 5004);
    to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + recipient);
    return to;
  }
  // The last bytes of their addresses are those of an IPv4 recipient.
  static sockaddr_in6 From6() { return Address6("fd00::1", 4000); }
  static sockaddr_in6 To6(uint32_t recipient) {
    sockaddr_in6 to = Address6("fd00::", 5004);
    const in_addr_t last = To(recipient).sin_addr.s_addr;
    std::memcpy(to.sin6_addr.s6_addr + 12, &last, sizeof(last));
    return to;
  }
  bool IsIpv6To(uint32_t recipient) const { return ipv6_ && recipient % 3 == 1; }
  std::string PrependOf(uint32_t recipient) const {
    return Bytes(prepend_, static_cast<uint8_t>(recipient));
  }

  // `ipv6`: every third.
  void Prepare(uint32_t recipients, const std::string& payload, uint16_t prepend,
               bool ipv6 = false) {
    ipv6_ = ipv6;
    payload_ = payload;
    payload_.reserve(payload.size() + kPrivateSlack);
    prepend_ = prepend;
    lines_.assign(recipients, {});
    sums_.clear();
    private_bytes_.clear();
    for (uint32_t i = 0; i < recipients; i++) {
      if (IsIpv6To(i)) {
        WriteIpv6Line({IpAddress::FromIpv6(From6().sin6_addr), From6().sin6_port, kTtl, 0, 0},
                      IpAddress::FromIpv6(To6(i).sin6_addr), To6(i).sin6_port, &lines_[i]);
        lines_[i].next_hop = 1;
      } else {
        WriteIpv4Line({From().sin_addr.s_addr, From().sin_port, kTtl, 0, !CountsIds(i)},
                      To(i).sin_addr.s_addr, To(i).sin_port, &lines_[i]);
      }
      lines_[i].next_hop_tag = kHopTag;
      if (prepend == 0) continue;
      const std::string own = PrependOf(i);
      sums_.push_back(SumBytes(own.data(), own.size()));
      private_bytes_ += own;
    }
    private_bytes_.append(kPrivateSlack, '\0');
  }

  // With a hold for who sends it, and one for us.
  Request* Make(uint32_t first) {
    const auto n =
        static_cast<uint16_t>(std::min<size_t>(lines_.size() - first, kMaxGroupRecipients));
    Request* request = AllocateRequest(arena_.get(), {n, false, false, 0}, true);
    StartRequest(request);
    segment_ = {reinterpret_cast<const uint8_t*>(payload_.data()),
                reinterpret_cast<rte_iova_t>(payload_.data()),
                static_cast<uint32_t>(payload_.size())};
    request->sharing = sharing_;
    request->payload_len = segment_.len;
    request->payload_sum = SumBytes(segment_.data, segment_.len);
    request->segments = &segment_;
    request->nb_segments = segment_.len > 0 ? 1 : 0;
    request->lines = lines_.data() + first;
    if (sums_.empty()) return request;
    request->prepend_len = prepend_;
    request->sums = sums_.data() + first;
    request->private_bytes =
        reinterpret_cast<const uint8_t*>(private_bytes_.data()) + size_t{first} * prepend_;
    return request;
  }

  // Sends to all, on a thread that is an lcore.
  void SendAll(RequestLoop* loop) {
    for (uint32_t first = 0; first < lines_.size(); first += kMaxGroupRecipients) {
      Request* request = Make(first);
      loop->Send(request);
      failed_ += request->failed;
      ReleaseRequest(request);
    }
  }
  template <typename Maker>
  std::unique_ptr<RequestLoop> LoopOf(Maker* maker) {
    return std::make_unique<PacketLoop<Maker>>(maker, port_->Plan(0), *port_->state(),
                                               KickSockets{}, &counters_);
  }
  static void OnLcore(const std::function<void()>& work) {
    std::thread([&] {
      ASSERT_EQ(rte_thread_register(), 0);
      work();
      rte_thread_unregister();
    }).join();
  }

  // `send` on an lcore, while the frames of all recipients are taken and compared. `segments`: of
  // each packet.
  void SendAndCompare(const std::function<void()>& send, unsigned segments) {
    std::vector<uint32_t> seen(lines_.size());
    std::thread sender([&] { OnLcore(send); });
    const auto deadline = std::chrono::steady_clock::now() + kLongestWait;
    for (size_t taken = 0; taken < lines_.size() && std::chrono::steady_clock::now() < deadline;) {
      rte_mbuf* frame;
      if (rte_ring_dequeue(ring_, reinterpret_cast<void**>(&frame)) != 0) {
        std::this_thread::yield();
        continue;
      }
      TakeOver(frame);
      taken++;
      Compare(frame, segments, &seen);
      Free(frame);
    }
    sender.join();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1U), static_cast<ptrdiff_t>(seen.size()));
    EXPECT_EQ(failed_, 0U);
  }

  void Compare(const rte_mbuf* frame, unsigned segments, std::vector<uint32_t>* seen) {
    const std::string bytes = FrameOf(frame);
    ASSERT_GE(bytes.size(), 42U);
    rte_ipv4_hdr ip;
    std::memcpy(&ip, bytes.data() + sizeof(rte_ether_hdr), sizeof(ip));
    const bool ipv6 = ip.version_ihl != RTE_IPV4_VHL_DEF;
    rte_be32_t to = ip.dst_addr;
    if (ipv6) {
      std::memcpy(&to, bytes.data() + sizeof(rte_ether_hdr) + sizeof(rte_ipv6_hdr) - sizeof(to),
                  sizeof(to));
    }
    const uint32_t i = ntohl(to) - ntohl(To(0).sin_addr.s_addr);
    ASSERT_LT(i, seen->size());
    (*seen)[i]++;
    const std::string datagram = PrependOf(i) + payload_;
    EXPECT_EQ(bytes, IsIpv6To(i) ? ExpectedFrame6(From6(), To6(i), kTtl, 0, 0, datagram)
                                 : ExpectedFrame(From(), To(i), kTtl, 0, !CountsIds(i),
                                                 ip.packet_id, datagram))
        << "recipient " << i;
    EXPECT_TRUE(ipv6 || (ip.packet_id != 0) == CountsIds(i)) << "recipient " << i;
    EXPECT_EQ(frame->nb_segs, segments);
    EXPECT_EQ(frame->pkt_len, bytes.size());
  }

  std::unique_ptr<LazyCopyAssembler> MakeLazyCopy() {
    auto made = LazyCopyAssembler::Create("lazy", kLazyPackets, kMtu + kEthernetHeader, next_hops_,
                                          &counters_, 1);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  Counters counters_;
  NextHopTable next_hops_{2};
  std::unique_ptr<Mempools> mempools_;
  std::unique_ptr<PortSetup> port_;
  rte_ring* ring_ = nullptr;
  CacheLines arena_memory_;
  std::unique_ptr<Arena> arena_;
  Sharing sharing_ = Sharing::kAuto;
  std::string payload_;
  uint16_t prepend_ = 0;
  bool ipv6_ = false;
  PayloadSegment segment_{};
  std::vector<HeaderLine> lines_;
  std::vector<uint16_t> sums_;  // of private_bytes_
  std::string private_bytes_;
  uint32_t failed_ = 0;
};

constexpr size_t kPayloads[] = {0, 1, 3, 15, 16, 17, 300, 1000, 8900};
constexpr uint16_t kPrepends[] = {0, 1, 3, 12, 15, 16, 17, 40, 600};

TEST_F(PeersTest, ClonesAreByteExact) {
  CloneAssembler clone(mempools_->pools(), next_hops_, &counters_, 1);
  const auto loop = LoopOf(&clone);
  for (const size_t payload : kPayloads) {
    for (const uint16_t prepend : kPrepends) {
      SCOPED_TRACE(testing::Message() << payload << " bytes behind " << prepend);
      Prepare(100, Bytes(payload, 3), prepend);
      ASSERT_TRUE(clone.SetPayload(reinterpret_cast<const uint8_t*>(payload_.data()),
                                   static_cast<uint16_t>(payload)));
      SendAndCompare([&] { SendAll(loop.get()); }, payload > 0 ? 2 : 1);
    }
  }
}

TEST_F(PeersTest, ClonesWaitForAFullRing) {
  CloneAssembler clone(mempools_->pools(), next_hops_, &counters_, 1);
  const auto loop = LoopOf(&clone);
  Prepare(kLarge, Bytes(1000, 3), 12);
  ASSERT_TRUE(clone.SetPayload(reinterpret_cast<const uint8_t*>(payload_.data()), 1000));
  SendAndCompare([&] { SendAll(loop.get()); }, 2);
  EXPECT_GT(counters_.Read(Counter::kTxFull), 0U);
}

// To more recipients than there are mbufs, so that some keep the payload behind a new prepend.
TEST_F(PeersTest, LazyCopiesAreByteExact) {
  const auto lazy_copy = MakeLazyCopy();
  const auto loop = LoopOf(lazy_copy.get());
  uint8_t seed = 0;
  uint64_t rewritten = 0;
  for (const size_t payload : {1, 3, 15, 16, 17, 1000}) {
    for (const uint16_t prepend : {0, 1, 12, 15, 16, 17}) {
      SCOPED_TRACE(testing::Message() << payload << " bytes behind " << prepend);
      Prepare(kLazyPackets + 100, Bytes(payload, seed++), prepend);
      lazy_copy->NewPayload();
      SendAndCompare([&] { SendAll(loop.get()); }, 1);
      EXPECT_GE(lazy_copy->rewritten(), rewritten + 100);
      rewritten = lazy_copy->rewritten();
    }
  }
  Prepare(100, "", 12);
  SendAndCompare([&] { SendAll(loop.get()); }, 1);
  EXPECT_EQ(rte_mempool_full(lazy_copy->pool()), 1);
}

// Headers of two lengths: what a packet has of the payload lies at another place then.
TEST_F(PeersTest, BothFamiliesAreByteExact) {
  Prepare(600, Bytes(1000, 3), 12, /*ipv6=*/true);
  CloneAssembler clone(mempools_->pools(), next_hops_, &counters_, 1);
  ASSERT_TRUE(clone.SetPayload(reinterpret_cast<const uint8_t*>(payload_.data()), 1000));
  const auto clones = LoopOf(&clone);
  SendAndCompare([&] { SendAll(clones.get()); }, 2);
  const auto lazy_copy = MakeLazyCopy();
  const auto lazy_copies = LoopOf(lazy_copy.get());
  SendAndCompare([&] { SendAll(lazy_copies.get()); }, 1);
}

// The engine's own packets by the same loop.
TEST_F(PeersTest, ChainsAndCopiesAreByteExact) {
  Assembler assembler(mempools_->pools(), next_hops_, &counters_, 1);
  const auto loop = LoopOf(&assembler);
  for (const Sharing sharing : {Sharing::kChain, Sharing::kCopy}) {
    sharing_ = sharing;
    Prepare(kLarge, Bytes(1000, 3), 12);
    SendAndCompare([&] { SendAll(loop.get()); }, sharing == Sharing::kChain ? 2 : 1);
  }
}

// More recipients than mbufs: packets are taken back within one groupcast.
TEST_F(PeersTest, LazyCopiesAreTakenBack) {
  constexpr uint32_t kRecipients = 1000;
  const auto lazy_copy = MakeLazyCopy();
  const auto loop = LoopOf(lazy_copy.get());
  const auto send = [&](uint8_t seed) {
    Prepare(kRecipients, Bytes(1000, seed), 12);
    SendAndCompare([&] { SendAll(loop.get()); }, 1);
  };
  send(1);
  EXPECT_GE(lazy_copy->copied(), 1U);
  EXPECT_LE(lazy_copy->copied(), kLazyPackets);
  EXPECT_EQ(lazy_copy->copied() + lazy_copy->rewritten(), kRecipients);
  // The same payload again: only packets that were not used yet lack it.
  send(1);
  EXPECT_LE(lazy_copy->copied(), kLazyPackets);
  EXPECT_EQ(lazy_copy->copied() + lazy_copy->rewritten(), 2 * kRecipients);
  // Another one: what packets have is of no use.
  const uint64_t before = lazy_copy->copied();
  lazy_copy->NewPayload();
  send(2);
  EXPECT_GT(lazy_copy->copied(), before);
  EXPECT_LE(lazy_copy->copied(), before + kLazyPackets);
  EXPECT_EQ(lazy_copy->copied() + lazy_copy->rewritten(), 3 * kRecipients);
  EXPECT_EQ(rte_mempool_full(lazy_copy->pool()), 1);
}

class FloorTest : public PeersTest, public testing::WithParamInterface<bool> {};

TEST_P(FloorTest, SendsWholeFrames) {
  DriverFloor floor(mempools_->pools(), port_->Plan(0), &counters_, /*writes=*/GetParam());
  // More than a burst, and no multiple of it.
  constexpr uint32_t kTheseMany = 75;
  static_assert(kLarge % kTheseMany == 0);
  Prepare(kTheseMany, Bytes(1000, 3), 12);
  Request* request = Make(0);
  ASSERT_TRUE(floor.Prepare(*request, next_hops_));
  ASSERT_TRUE(!GetParam() || floor.AddImages(*request, next_hops_));
  CompleteRequest(request, &counters_);
  ReleaseRequest(request);
  uint64_t sent = 0;
  std::thread sender([&] { OnLcore([&] { sent = floor.Send(kLarge); }); });
  std::vector<uint32_t> seen(lines_.size());
  const auto deadline = std::chrono::steady_clock::now() + kLongestWait;
  for (uint32_t taken = 0; taken < kLarge && std::chrono::steady_clock::now() < deadline;) {
    rte_mbuf* frame;
    if (rte_ring_dequeue(ring_, reinterpret_cast<void**>(&frame)) != 0) continue;
    TakeOver(frame);
    taken++;
    Compare(frame, 2, &seen);
    Free(frame);
  }
  sender.join();
  EXPECT_EQ(sent, kLarge);
  EXPECT_EQ(counters_.Read(Counter::kPackets), kLarge);
  // Heads that lay ready come as the pool has them; written ones are everybody's in turn.
  if (!GetParam()) return;
  EXPECT_EQ(seen, std::vector<uint32_t>(kTheseMany, kLarge / kTheseMany));
}

INSTANTIATE_TEST_SUITE_P(AsItWas, FloorTest, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Written, FloorTest, testing::Values(true));

TEST_F(PeersTest, WhatADriverNeverTakesFails) {
  CloneAssembler clone(mempools_->pools(), next_hops_, &counters_, 1);
  constexpr uint32_t kOneTooMany = 1024;  // for the ring
  Prepare(kOneTooMany, Bytes(1000, 3), 12);
  ASSERT_TRUE(clone.SetPayload(reinterpret_cast<const uint8_t*>(payload_.data()), 1000));
  const auto loop = LoopOf(&clone);
  OnLcore([&] { SendAll(loop.get()); });
  EXPECT_EQ(failed_, 1U);
  EXPECT_EQ(rte_ring_count(ring_), kOneTooMany - 1);
  rte_mbuf* frame;
  while (rte_ring_dequeue(ring_, reinterpret_cast<void**>(&frame)) == 0) Free(frame);
}

}  // namespace
}  // namespace groupcast
