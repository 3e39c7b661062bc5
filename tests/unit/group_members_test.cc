// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/group_members.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <tuple>

namespace groupcast {
namespace {

constexpr Bin kFirst = {.port = 0, .lcore = 0};
constexpr Bin kSecond = {.port = 1, .lcore = 0};
constexpr Bin kByKernel;

MemberKey Key(uint32_t number) {
  return {.address = IpAddress::FromIpv4(rte_cpu_to_be_32(0x0a000000 + number)),
          .scope = 0,
          .udp_port = rte_cpu_to_be_16(5004)};
}

HeaderLine Line(uint32_t number, uint32_t next_hop, uint16_t mtu = 1500) {
  HeaderLine line{};
  const MemberKey key = Key(number);
  WriteIpv4Line({}, key.address.Ipv4(), key.udp_port, &line);
  line.next_hop = next_hop;
  line.path_mtu = mtu;
  return line;
}

// Whoever takes a snapshot gives it back.
class Held {
 public:
  explicit Held(const GroupMembers& members) : snapshot_(members.Acquire()) {}
  ~Held() { GroupMembers::Release(snapshot_); }
  const LineSnapshot* operator->() const { return snapshot_; }
  std::map<uint32_t, uint64_t> TagsByAddress() const {
    std::map<uint32_t, uint64_t> tags;
    for (const LineChunk* chunk : snapshot_->chunks) {
      for (uint16_t i = 0; i < chunk->count; i++) {
        const uint32_t address =
            rte_be_to_cpu_32(KeyOf(chunk->lines[i]).address.Ipv4()) - 0x0a000000;
        EXPECT_TRUE(tags.emplace(address, chunk->tags[i]).second) << "twice: " << address;
      }
    }
    return tags;
  }

 private:
  const LineSnapshot* snapshot_;
};

TEST(GroupMembers, KeysOfBothFamilies) {
  HeaderLine line{};
  MemberKey key;
  for (size_t i = 0; i < 16; i++) key.address.bytes[i] = static_cast<uint8_t>(0x20 + i);
  key.scope = 7;
  key.udp_port = RTE_BE16(4321);
  WriteIpv6Line({}, key.address, key.udp_port, &line);
  line.scope = 7;
  EXPECT_EQ(KeyOf(line), key);
  EXPECT_EQ(KeyOf(Line(9, 0)), Key(9));
}

TEST(GroupMembers, ASnapshotKeepsItsMembership) {
  GroupMembers members;
  for (uint32_t i = 0; i < 3000; i++) members.Put(Line(i, i % 3), kFirst, i, 2);
  members.Publish(1, 1);
  const Held before(members);
  for (uint32_t i = 0; i < 3000; i += 2) EXPECT_TRUE(members.Remove(Key(i)));
  members.Put(Line(5000, 1), kSecond, 5000, 2);
  EXPECT_TRUE(members.SetTag(Key(1), 77));
  EXPECT_FALSE(members.SetTag(Key(4), 77));
  EXPECT_FALSE(members.Remove(Key(4)));
  members.Publish(2, 1);
  const Held after(members);
  EXPECT_EQ(before->revision, 1U);
  EXPECT_EQ(before->members, 3000U);
  const auto old_tags = before.TagsByAddress();
  ASSERT_EQ(old_tags.size(), 3000U);
  EXPECT_EQ(old_tags.at(1), 1U);
  const auto tags = after.TagsByAddress();
  EXPECT_EQ(tags.size(), 1501U);
  EXPECT_EQ(after->members, 1501U);
  EXPECT_EQ(tags.at(1), 77U);
  EXPECT_EQ(tags.at(5000), 5000U);
  EXPECT_EQ(tags.count(4), 0U);
}

// Senders take holds while snapshots are replaced, given back and used again.
TEST(GroupMembers, ASnapshotIsTakenAsItIsReplaced) {
  GroupMembers members;
  members.Publish(0, 0);
  std::atomic<bool> stop{false};
  const auto send = [&] {
    uint64_t seen = 0;
    while (!stop.load(std::memory_order_relaxed)) {
      const Held held(members);
      EXPECT_GE(held->revision, seen);
      seen = held->revision;
      EXPECT_EQ(held->members, seen % 3);
      EXPECT_EQ(held.TagsByAddress().size(), seen % 3);
      const auto* option = static_cast<const uint64_t*>(held->options.get());
      EXPECT_EQ(option == nullptr ? 0 : *option, seen);
    }
  };
  std::thread first(send), second(send);
  for (uint64_t revision = 1; revision <= 5000; revision++) {
    for (uint32_t i = 0; i < 3; i++) {
      if (i < revision % 3) {
        members.Put(Line(i, 1), kFirst, revision, 0);
      } else {
        members.Remove(Key(i));
      }
    }
    members.Publish(revision, 1, std::make_shared<uint64_t>(revision));
    members.Reclaim();
  }
  stop.store(true, std::memory_order_relaxed);
  first.join();
  second.join();
  members.Reclaim();
  EXPECT_FALSE(members.Held());
}

TEST(GroupMembers, ChunksTellMtuAndNextHops) {
  GroupMembers members;
  for (uint32_t i = 0; i < 100; i++)
    members.Put(Line(i, i % 4, i == 50 ? 1280 : 1500), kFirst, 0, 2);
  members.Put(Line(1000, 9), kByKernel, 0, 2);
  members.Publish(1, 1);
  const Held held(members);
  ASSERT_EQ(held->chunks.size(), 2U);
  for (const LineChunk* chunk : held->chunks) {
    if (chunk->bin == kByKernel) {
      EXPECT_TRUE(chunk->hops.empty());
      continue;
    }
    EXPECT_EQ(chunk->least_mtu, 1280);
    std::set<uint32_t> hops;
    for (const LineChunk::Hop& hop : chunk->hops) hops.insert(hop.index);
    EXPECT_EQ(hops, (std::set<uint32_t>{0, 1, 2, 3}));
  }
}

TEST(GroupMembers, NextHopsComeBackWhenNobodyUsesTheLines) {
  GroupMembers members;
  members.Put(Line(1, 11), kFirst, 0, 2);
  members.Put(Line(2, 12), kByKernel, 0, 2);
  members.Put(Line(3, 13), kFirst, 0, 0);  // holds no reference
  members.Publish(1, 1);
  const LineSnapshot* held = members.Acquire();
  members.Remove(Key(1));
  members.Remove(Key(2));
  members.Put(Line(3, 14), kFirst, 0, 2);
  members.Publish(2, 1);
  EXPECT_TRUE(members.Reclaim().empty()) << "somebody still sends with the old lines";
  GroupMembers::Release(held);
  EXPECT_EQ(members.Reclaim(), std::vector<uint32_t>{11});
  members.ForgetNextHops();
  members.Remove(Key(3));
  members.Publish(3, 2);
  EXPECT_TRUE(members.Reclaim().empty());
}

// Random changes against a plain map.
TEST(GroupMembers, RandomChangesAreThoseOfAMap) {
  std::mt19937 random(7);
  GroupMembers members;
  std::map<uint32_t, std::tuple<uint64_t, uint16_t>> expected;  // tag, port
  std::map<uint32_t, uint32_t> references;                      // by next hop
  for (int revision = 1; revision < 400; revision++) {
    const int changes = static_cast<int>(random() % 200);
    for (int i = 0; i < changes; i++) {
      const uint32_t number = random() % 5000;
      if (random() % 3 == 0) {
        EXPECT_EQ(members.Remove(Key(number)), expected.erase(number) == 1);
        continue;
      }
      const Bin bins[] = {kFirst, kSecond, kByKernel};
      const Bin bin = bins[random() % 3];
      const uint64_t tag = random();
      members.Put(Line(number, number % 17), bin, tag, 2);
      if (bin != kByKernel) references[number % 17]++;
      expected[number] = {tag, bin.port};
    }
    members.Publish(static_cast<uint64_t>(revision), 1);
    const Held held(members);
    ASSERT_EQ(held->members, expected.size());
    const auto tags = held.TagsByAddress();
    ASSERT_EQ(tags.size(), expected.size());
    for (const auto& [number, what] : expected) ASSERT_EQ(tags.at(number), std::get<0>(what));
    for (const LineChunk* chunk : held->chunks) {
      for (uint16_t i = 0; i < chunk->count; i++) {
        const uint32_t number =
            rte_be_to_cpu_32(KeyOf(chunk->lines[i]).address.Ipv4()) - 0x0a000000;
        ASSERT_EQ(std::get<1>(expected.at(number)), chunk->bin.port);
      }
    }
    for (const uint32_t hop : members.Reclaim()) references[hop]--;
  }
  for (const auto& [number, what] : expected) members.Remove(Key(number));
  members.Publish(1000, 1);
  for (const uint32_t hop : members.Reclaim()) references[hop]--;
  for (const auto& [hop, count] : references) EXPECT_EQ(count, 0U) << hop;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// What the design promises, also while members change.
TEST(GroupMembers, AMemberCostsAtMost96Bytes) {
  constexpr uint32_t kMembers = 300'000;
  const auto used = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const size_t before = used();
  GroupMembers members;
  for (uint32_t i = 0; i < kMembers; i++) members.Put(Line(i, i % 64), kFirst, i, 2);
  members.Publish(1, 1);
  EXPECT_LE((used() - before) / kMembers, 96U);
  for (uint64_t revision = 2; revision < 300; revision++) {
    for (uint32_t i = 0; i < 10; i++) {
      const auto number = static_cast<uint32_t>(revision * 7919 + i * 104729) % kMembers;
      members.Remove(Key(number));
      members.Put(Line(number, 5), kFirst, number, 2);
    }
    members.Publish(revision, 1);
    EXPECT_TRUE(members.Reclaim().size() <= 10);
  }
  EXPECT_LE((used() - before) / kMembers, 96U);
}
#endif

}  // namespace
}  // namespace groupcast
