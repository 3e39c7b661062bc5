// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Two engine lcores with a TX queue each: a recipient's packets all leave by one of them, in each
// sender's order, by whichever call, and every mbuf comes back to its lcore's pool.
#include <rte_ether.h>
#include <rte_udp.h>

#include <array>
#include <cstring>
#include <set>

#include "engine/datapath/hand_over.h"
#include "tests/wire/group_wire.h"

namespace groupcast {
namespace {

constexpr uint32_t kMembers = 600, kSenders = 3, kRounds = 60;
constexpr size_t kLcores = 2;

struct Stamp {
  uint32_t sender;
  uint32_t round;
};

class LcoresTest : public WireTest, public testing::WithParamInterface<Strategy> {
 protected:
  // What came out of one queue.
  struct Seen {
    std::map<uint32_t, std::array<std::vector<uint32_t>, kSenders>> rounds;  // by member
    size_t frames = 0;
  };

  void SetUp() override {
    WireTest::SetUp();
    Attach("net_ring0", "lcores: [0, 1]\n");
  }

  // Everything that comes, until all of `frames` have.
  void Consume(size_t frames, const std::string& payload) {
    std::array<rte_ring*, kLcores> rings;
    for (size_t i = 0; i < kLcores; i++) {
      rings[i] = rte_ring_lookup(("ETH_RXTX" + std::to_string(i) + "_net_ring0").c_str());
      ASSERT_NE(rings[i], nullptr);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (size_t taken = 0; taken < frames && std::chrono::steady_clock::now() < deadline;) {
      const size_t before = taken;
      for (size_t i = 0; i < kLcores; i++) {
        void* some[32];
        const unsigned n = rte_ring_dequeue_burst(rings[i], some, 32, nullptr);
        for (unsigned k = 0; k < n; k++) {
          auto* frame = static_cast<rte_mbuf*>(some[k]);
          TakeOver(frame);
          Note(FrameOf(frame), payload, &seen_[i]);
          Free(frame);
        }
        taken += n;
      }
      if (taken == before) std::this_thread::yield();
    }
    EXPECT_EQ(seen_[0].frames + seen_[1].frames, frames);
  }

  void Note(const std::string& frame, const std::string& payload, Seen* seen) {
    const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(frame.data() + sizeof(rte_ether_hdr));
    const auto* udp = reinterpret_cast<const rte_udp_hdr*>(ip + 1);
    EXPECT_EQ(rte_ipv4_cksum(ip), 0);
    EXPECT_EQ(rte_ipv4_udptcp_cksum(ip, udp), 0xffff) << "its own checksum summed as well";
    Stamp stamp;
    std::memcpy(&stamp, udp + 1, sizeof(stamp));
    ASSERT_LT(stamp.sender, kSenders);
    EXPECT_EQ(frame.substr(sizeof(rte_ether_hdr) + kHeaders + sizeof(stamp)), payload);
    seen->rounds[ntohl(ip->dst_addr)][stamp.sender].push_back(stamp.round);
    seen->frames++;
  }
  static constexpr size_t kHeaders = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);

  // By sendgroup() and by the group in turns: what a member gets of both stays in order.
  void Send(uint32_t sender, Group* group, const std::string& payload) {
    TestGroup call(kMembers);
    call.SetPayload(payload);
    const std::vector<Recipient> members = Members(0, kMembers);
    for (uint32_t i = 0; i < kMembers; i++) call.at(i).giov_dest = members[i].ipv4();
    const Payload shared = Must(Payload::Copy(SpanOf(payload)));
    for (uint32_t round = 0; round < kRounds; round++) {
      const Stamp stamp = {sender, round};
      if (round % 2 == 0) {
        const std::string prepend(reinterpret_cast<const char*>(&stamp), sizeof(stamp));
        for (uint32_t i = 0; i < kMembers; i++) call.SetPrivate(i, prepend, "");
        EXPECT_EQ(sendgroup(sd(), call.buf(), kMembers, 0, nullptr), static_cast<int>(kMembers));
        continue;
      }
      SendOptions options;
      options.strategy = GetParam();
      options.private_bytes = [&](const Recipient&, PrivateBytes* bytes) {
        bytes->prepend = {const_cast<Stamp*>(&stamp), sizeof(stamp)};
      };
      EXPECT_EQ(Must(group->Send(shared, options)).sent, kMembers);
    }
  }

  std::array<Seen, kLcores> seen_;
};

TEST_P(LcoresTest, AMembersPacketsLeaveByOneOfThemInOrder) {
  const std::string payload = Bytes(700, 1);
  {
    Group group = Must(Group::Create(sd()));
    ASSERT_TRUE(group.Add(Members(0, kMembers)).ok());
    std::vector<std::thread> senders;
    for (uint32_t s = 0; s < kSenders; s++) {
      senders.emplace_back([&, s] { Send(s, &group, payload); });
    }
    Consume(size_t{kMembers} * kSenders * kRounds, payload);
    for (std::thread& sender : senders) sender.join();
  }
  std::set<uint32_t> members;
  for (const Seen& seen : seen_) {
    EXPECT_GT(seen.frames, size_t{kMembers} * kSenders * kRounds / 4) << "of one lcore";
    for (const auto& [member, by_sender] : seen.rounds) {
      EXPECT_TRUE(members.insert(member).second) << member << " left by both";
      for (const std::vector<uint32_t>& rounds : by_sender) {
        ASSERT_EQ(rounds.size(), kRounds);
        for (uint32_t round = 0; round < kRounds; round++) ASSERT_EQ(rounds[round], round);
      }
    }
  }
  EXPECT_EQ(members.size(), kMembers);
}

INSTANTIATE_TEST_SUITE_P(Strategies, LcoresTest, testing::Values(Strategy::kChain, Strategy::kCopy),
                         [](const auto& strategy) {
                           return strategy.param == Strategy::kChain ? "Chain" : "Copy";
                         });

}  // namespace
}  // namespace groupcast
