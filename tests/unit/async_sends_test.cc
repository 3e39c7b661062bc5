// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "api/async_send.h"

namespace groupcast {
namespace {

constexpr size_t kCapacity = 5;

class AsyncSendsTest : public testing::Test {
 protected:
  AsyncSend* Begin(uint64_t user_data) {
    bool wake = false;
    AsyncSend* send = sends_->Begin(&wake);
    if (send != nullptr) send->result.user_data = user_data;
    return send;
  }
  // Its sender is done, and left so much to lcores.
  static void Post(AsyncSend* send, uint32_t left) { Advance(send, AsyncSend::kPosting - left); }
  std::vector<uint64_t> Poll(size_t most = kCapacity) {
    std::vector<CompletedSend> completed;
    const size_t n = sends_->Poll(most, &completed);
    EXPECT_EQ(n, completed.size());
    std::vector<uint64_t> data;
    for (const CompletedSend& send : completed) data.push_back(send.user_data);
    return data;
  }

  std::unique_ptr<AsyncSends> sends_ = std::make_unique<AsyncSends>(kCapacity);
};

using Data = std::vector<uint64_t>;

TEST_F(AsyncSendsTest, AreCollectedOnceNothingIsLeftTheOlderOnesFirst) {
  std::array<AsyncSend*, 4> sends;
  for (uint64_t i = 0; i < sends.size(); i++) {
    sends[i] = Begin(i);
    Post(sends[i], 2);
    Advance(sends[i]);
  }
  EXPECT_EQ(Poll(), Data{});
  for (const size_t i : {3, 0, 2}) Advance(sends[i]);
  EXPECT_EQ(Poll(1), Data{0});
  Advance(sends[1]);
  EXPECT_EQ(Poll(), (Data{1, 2, 3}));
  EXPECT_EQ(sends_->outstanding(), 0U);
}

TEST_F(AsyncSendsTest, AreInTheirOrderWhicheverLcoreEndsThem) {
  std::array<AsyncSend*, 5> sends;
  for (uint64_t i = 0; i < sends.size(); i++) {
    sends[i] = Begin(i);
    Post(sends[i], 1);
  }
  for (const size_t i : {4, 1, 3, 0, 2}) {
    Advance(sends[i], 1, i % 2 == 0 ? kNoLcore : static_cast<unsigned>(i / 2));
  }
  EXPECT_EQ(Poll(2), (Data{0, 1}));
  EXPECT_EQ(Poll(), (Data{2, 3, 4}));
}

TEST_F(AsyncSendsTest, AreAsManyAsThereIsRoomFor) {
  for (int round = 0; round < 3; round++) {
    std::vector<AsyncSend*> sends;
    for (uint64_t i = 0; i < kCapacity; i++) sends.push_back(Begin(i));
    EXPECT_EQ(Begin(99), nullptr);
    EXPECT_EQ(sends_->outstanding(), kCapacity);
    for (AsyncSend* send : sends) Post(send, 0);
    // Uncollected ones take their places, too.
    EXPECT_EQ(Begin(99), nullptr);
    EXPECT_EQ(Poll(), (Data{0, 1, 2, 3, 4}));
  }
}

TEST_F(AsyncSendsTest, SignalOnceWhatIsNew) {
  bool wake = true;
  AsyncSend* first = sends_->Begin(&wake);
  EXPECT_FALSE(wake) << "nobody wants signals";
  EXPECT_FALSE(sends_->SetSignals());
  EXPECT_TRUE(sends_->SetSignals());
  AsyncSend* second = sends_->Begin(&wake);
  EXPECT_FALSE(wake) << "somebody looks already";
  EXPECT_FALSE(sends_->AnyNew());
  Post(second, 0);
  EXPECT_TRUE(sends_->AnyNew());
  EXPECT_FALSE(sends_->AnyNew());
  Post(first, 0);
  EXPECT_TRUE(sends_->AnyNew());
  EXPECT_EQ(Poll().size(), 2U);
  Post(sends_->Begin(&wake), 0);
  EXPECT_TRUE(wake);
  EXPECT_EQ(Poll().size(), 1U);
  EXPECT_FALSE(sends_->AnyNew()) << "it was collected";
}

TEST_F(AsyncSendsTest, StayInUseUntilEachIsComplete) {
  AsyncSend* one = Begin(1);
  AsyncSend* other = Begin(2);
  Post(one, 1);
  Post(other, 0);
  EXPECT_TRUE(sends_->in_use());
  Advance(one);
  EXPECT_FALSE(sends_->in_use()) << "nobody has to collect them";
}

TEST_F(AsyncSendsTest, TellOfFailures) {
  AsyncSend* send = Begin(1);
  send->result.members = send->result.sent = 7;
  send->failed.fetch_add(3);
  Post(send, 0);
  std::vector<CompletedSend> completed;
  ASSERT_EQ(sends_->Poll(1, &completed), 1U);
  EXPECT_EQ(completed[0].sent, 4U);
  // Its memory is the next one's.
  send = Begin(2);
  Post(send, 0);
  ASSERT_EQ(sends_->Poll(1, &completed), 1U);
  EXPECT_EQ(completed[1].sent, 0U);
  EXPECT_EQ(completed[1].members, 0U);
}

TEST_F(AsyncSendsTest, AreBegunEndedAndCollectedByDifferentThreads) {
  constexpr uint64_t kSends = 20'000;
  // Two without one: they share what the others have alone.
  constexpr std::array<unsigned, 4> kIndices = {0, kOwnPlaces - 1, kOwnPlaces, kNoLcore};
  constexpr size_t kLcores = kIndices.size();
  std::array<std::vector<std::atomic<AsyncSend*>>, kLcores> posted;
  for (auto& to : posted) to = std::vector<std::atomic<AsyncSend*>>(kSends);
  std::vector<std::thread> lcores;
  for (size_t i = 0; i < kLcores; i++) {
    lcores.emplace_back([&from = posted[i], lcore = kIndices[i]] {
      for (auto& place : from) {
        AsyncSend* send;
        while ((send = place.load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
        Advance(send, 1, lcore);
      }
    });
  }
  std::vector<bool> seen(kSends);
  std::thread collector([&] {
    for (uint64_t n = 0; n < kSends;) {
      const Data some = Poll();
      for (const uint64_t data : some) {
        EXPECT_FALSE(seen[data]);
        seen[data] = true;
      }
      n += some.size();
      if (some.empty()) std::this_thread::yield();
    }
  });
  for (uint64_t i = 0; i < kSends; i++) {
    AsyncSend* send;
    while ((send = Begin(i)) == nullptr) std::this_thread::yield();
    for (auto& to : posted) to[i].store(send, std::memory_order_release);
    Post(send, kLcores);
  }
  collector.join();
  for (std::thread& lcore : lcores) lcore.join();
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<ptrdiff_t>(kSends));
  EXPECT_EQ(sends_->outstanding(), 0U);
}

}  // namespace
}  // namespace groupcast
