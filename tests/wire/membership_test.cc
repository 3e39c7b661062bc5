// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A membership that changes a thousand times a second while four threads send: every message
// reaches exactly the members of the revision that its send returned.
#include <rte_ether.h>
#include <rte_ip.h>

#include <atomic>
#include <bitset>
#include <chrono>
#include <cstring>
#include <mutex>
#include <random>
#include <unordered_map>

#include "tests/wire/group_wire.h"

namespace groupcast {
namespace {

constexpr uint32_t kPossible = 1500;
constexpr int kSenders = 4;
constexpr auto kRuns = std::chrono::seconds(3);
constexpr auto kBetweenChanges = std::chrono::milliseconds(1);

using Membership = std::bitset<kPossible>;

struct Message {
  uint32_t id;
  char padding[396];
};

class MembershipTest : public GroupWireTest {
 protected:
  // Adds and removes some members a thousand times a second.
  void Change() {
    std::mt19937 random(1);
    Membership now;
    auto next = std::chrono::steady_clock::now();
    while (!stop_.load()) {
      std::vector<Recipient> some;
      const uint32_t first = random() % kPossible;
      const bool add = random() % 2 == 0;
      for (uint32_t i = first; i < std::min(first + 40, kPossible); i++) {
        if (random() % 2 == 0) continue;
        some.push_back(Member(i));
        now.set(i, add);
      }
      const uint64_t revision = Must(add ? group().Add(some) : group().Remove(some));
      memberships_[revision] = now;
      changes_++;
      next += kBetweenChanges;
      std::this_thread::sleep_until(next);
    }
  }

  void Send(uint32_t sender) {
    Payload payload = Must(Payload::Allocate(sizeof(Message)));
    for (uint32_t n = 0; !stop_.load(); n++) {
      while (payload.in_use()) std::this_thread::yield();
      Message message{};
      message.id = sender << 24 | n;
      std::memcpy(payload.data(), &message, sizeof(message));
      const SendResult result = Must(group().Send(payload));
      EXPECT_EQ(result.sent, result.members);
      const std::lock_guard lock(mutex_);
      revisions_[message.id] = result.revision;
    }
  }

  // Takes frames as long as senders send, and what is left.
  void Receive() {
    int quiet = 0;
    while (quiet < 200) {
      const std::vector<rte_mbuf*> frames = Take(256);
      quiet = frames.empty() && senders_done_.load() ? quiet + 1 : 0;
      if (frames.empty()) std::this_thread::sleep_for(std::chrono::microseconds(50));
      for (rte_mbuf* frame : frames) {
        uint8_t buffer[46];
        const auto* bytes =
            static_cast<const uint8_t*>(rte_pktmbuf_read(frame, 0, sizeof(buffer), buffer));
        uint32_t address, id;
        std::memcpy(&address, bytes + 30, sizeof(address));
        std::memcpy(&id, bytes + 42, sizeof(id));
        const uint32_t number = ntohl(address) - 0x0a010000;
        Membership& reached = reached_[id];
        EXPECT_FALSE(reached.test(number)) << "twice";
        reached.set(number);
        Free(frame);
      }
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<bool> senders_done_{false};
  uint64_t changes_ = 0;
  std::unordered_map<uint64_t, Membership> memberships_;
  std::unordered_map<uint32_t, Membership> reached_;
  std::mutex mutex_;
  std::unordered_map<uint32_t, uint64_t> revisions_;
};

TEST_F(MembershipTest, EveryMessageReachesTheMembershipOfItsMoment) {
  memberships_[0] = {};
  std::thread changer([this] { Change(); });
  std::thread receiver([this] { Receive(); });
  std::vector<std::thread> senders;
  for (uint32_t i = 0; i < kSenders; i++) senders.emplace_back([this, i] { Send(i); });
  std::this_thread::sleep_for(kRuns);
  stop_ = true;
  for (std::thread& sender : senders) sender.join();
  senders_done_ = true;
  receiver.join();
  changer.join();
  std::unordered_map<uint64_t, int> different;
  for (const auto& [id, revision] : revisions_) {
    different[revision]++;
    ASSERT_EQ(memberships_.count(revision), 1U) << "no change returned revision " << revision;
    EXPECT_EQ(reached_[id], memberships_[revision]) << "message " << id << " of " << revision;
  }
  std::printf("%zu messages, %zu changes, %zu revisions sent to\n", revisions_.size(),
              static_cast<size_t>(changes_), different.size());
  EXPECT_GT(revisions_.size(), 20U);
  EXPECT_GT(different.size(), 10U);
}

}  // namespace
}  // namespace groupcast
