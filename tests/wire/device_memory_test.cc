// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A port whose device reads the application's memory by itself, and says in its ring how far it is:
// net_ring with such a profile, whose descriptors are the test's. Drivers of such devices free
// their mbufs when an lcore sends; a test must not free any while that is told that all were read.
#include <dlfcn.h>
#include <rte_ethdev.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "tests/wire/group_wire.h"

namespace groupcast {
namespace {

constexpr int kTellsNothing = -ENOTSUP;
std::atomic<int> newest_descriptor{RTE_ETH_TX_DESC_FULL};
bool rings_tell = false;  // as these tests want

int NewestDescriptor(void*, uint16_t) { return newest_descriptor.load(); }

}  // namespace
}  // namespace groupcast

// What the engine starts ports by.
int rte_eth_dev_start(uint16_t port_id) {
  static const auto of_library =
      reinterpret_cast<int (*)(uint16_t)>(dlsym(RTLD_NEXT, "rte_eth_dev_start"));
  const int rc = of_library(port_id);
  if (rc == 0 && groupcast::rings_tell) {
    rte_eth_fp_ops[port_id].tx_descriptor_status = groupcast::NewestDescriptor;
  }
  return rc;
}

namespace groupcast {
namespace {

class DeviceMemoryTest : public GroupWireTest {
 protected:
  static constexpr uint32_t kMembers = 20;
  static constexpr size_t kPage = 4096;

  void SetUp() override {
    newest_descriptor = RTE_ETH_TX_DESC_FULL;
    rings_tell = true;
    folder_ =
        std::filesystem::temp_directory_path() / ("groupcast-drivers-" + std::to_string(getpid()));
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ + "/net_ring.yaml")
        << "driver: net_ring\nchains: always\nmax_segments: 8\ncopybreak: 256\n"
           "completion: descriptors\nmemory: mapped\n";
    ASSERT_EQ(setenv("GROUPCAST_DRIVERS", folder_.c_str(), 1), 0);
    Open();
    queue_.emplace(Must(CompletionQueue::Create()));
    pages_ = static_cast<char*>(
        mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(pages_, MAP_FAILED);
  }
  void TearDown() override {
    GroupWireTest::TearDown();
    munmap(pages_, 4 * kPage);
    unsetenv("GROUPCAST_DRIVERS");
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    GroupWireTest::SetUp();
    ASSERT_TRUE(group().Add(Members(0, kMembers)).ok());
    StartCounting();
  }

  Memory Register(size_t first_page, size_t pages) {
    return Must(Memory::Register(pages_ + first_page * kPage, pages * kPage));
  }
  // Some bytes around the page's beginning, in two pieces.
  Payload Borrow(const Memory& memory, size_t page, uint8_t seed) {
    const std::string bytes = Bytes(kBytes, seed);
    char* at = pages_ + page * kPage - kBytes / 2;
    std::copy(bytes.begin(), bytes.end(), at);
    const iovec pieces[] = {{at, kBytes / 2}, {at + kBytes / 2, kBytes - kBytes / 2}};
    return Must(Payload::Borrow(memory, pieces));
  }
  void SendAsync(const Payload& payload, uint64_t number = 0) {
    ASSERT_TRUE(group().SendAsync(payload, *queue_, number, Stage::kDone).ok());
  }
  size_t Done() {
    std::vector<CompletedSend> completed;
    queue_->Poll(100, &completed);
    for (const CompletedSend& send : completed) EXPECT_EQ(send.sent, kMembers);
    return completed.size();
  }
  // Frames of a payload that the test still has.
  static void ExpectDatagrams(const std::vector<rte_mbuf*>& frames, uint8_t seed) {
    for (const rte_mbuf* frame : frames) EXPECT_EQ(FrameOf(frame).substr(42), Bytes(kBytes, seed));
  }
  static void FreeAll(std::vector<rte_mbuf*>* frames) {
    for (rte_mbuf* frame : *frames) Free(frame);
    frames->clear();
  }

  static constexpr size_t kBytes = 801;
  std::string folder_;
  std::optional<CompletionQueue> queue_;
  char* pages_ = nullptr;
};

TEST_F(DeviceMemoryTest, IsHandedBackWhenTheRingSaysThatItWasRead) {
  const Memory memory = Register(0, 4);
  for (uint8_t round = 0; round < 20; round++) {
    newest_descriptor = RTE_ETH_TX_DESC_FULL;
    const Payload payload = Borrow(memory, 1 + round % 3, round);
    SendAsync(payload);
    // The driver keeps them all the time.
    std::vector<rte_mbuf*> frames = TakeAll(kMembers);
    ExpectDatagrams(frames, round);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(Done(), 0U) << round;
    EXPECT_TRUE(payload.in_use());
    newest_descriptor = RTE_ETH_TX_DESC_DONE;
    ASSERT_TRUE(Eventually([&] { return Done() == 1; })) << round;
    EXPECT_FALSE(payload.in_use());
    EXPECT_FALSE(memory.in_use());
    FreeAll(&frames);
  }
  EXPECT_EQ(Counted("payload_copies"), 0U);
  EXPECT_EQ(Counted("chained"), 20U * kMembers);
}

TEST_F(DeviceMemoryTest, OrWhenTheDriverGivesItBackBefore) {
  const Memory memory = Register(0, 4);
  const Payload first = Borrow(memory, 1, 1), second = Borrow(memory, 2, 2),
                third = Borrow(memory, 3, 3);
  SendAsync(first, 1);
  SendAsync(second, 2);
  SendAsync(third, 3);
  std::vector<rte_mbuf*> frames = TakeAll(3 * kMembers);
  // The one in the middle.
  for (size_t i = kMembers; i < 2 * kMembers; i++) Free(frames[i]);
  frames.erase(frames.begin() + kMembers, frames.begin() + 2 * kMembers);
  ASSERT_TRUE(Eventually([&] { return Done() == 1; }));
  EXPECT_TRUE(first.in_use() && third.in_use());
  EXPECT_FALSE(second.in_use());
  newest_descriptor = RTE_ETH_TX_DESC_DONE;
  ASSERT_TRUE(Eventually([&] { return Done() == 2; }));
  EXPECT_FALSE(first.in_use() || third.in_use());
  FreeAll(&frames);
}

// Whoever waits for its call does not wait for the device.
TEST_F(DeviceMemoryTest, OfASynchronousSendLater) {
  const Memory memory = Register(0, 4);
  const Payload payload = Borrow(memory, 1, 1);
  Payload own = Must(Payload::Allocate(kBytes));
  for (uint8_t round = 0; round < 10; round++) {
    newest_descriptor = RTE_ETH_TX_DESC_FULL;
    EXPECT_EQ(Must(group().Send(payload)).sent, kMembers);
    EXPECT_EQ(Must(group().Send(own)).sent, kMembers);
    EXPECT_TRUE(payload.in_use() && own.in_use());
    newest_descriptor = RTE_ETH_TX_DESC_DONE;
    ASSERT_TRUE(Eventually([&] { return !payload.in_use() && !own.in_use(); }));
    std::vector<rte_mbuf*> frames = TakeAll(2 * kMembers);
    FreeAll(&frames);
  }
  EXPECT_EQ(Counted("payload_copies"), 0U);
}

// The arena has room for fewer: those that were read make room, though nobody ever asks for them.
TEST_F(DeviceMemoryTest, RequestsOfWhatWasReadDoNotStay) {
  const Memory memory = Register(0, 4);
  const Payload payload = Borrow(memory, 1, 1);
  std::vector<std::vector<rte_mbuf*>> kept;
  for (uint32_t i = 0; i < 6000; i++) {
    ASSERT_EQ(Must(group().Send(payload)).sent, kMembers) << i;
    if (i % 1000 == 0) {
      newest_descriptor = RTE_ETH_TX_DESC_DONE;
      ASSERT_TRUE(Eventually([&] { return !payload.in_use(); })) << i;
      newest_descriptor = RTE_ETH_TX_DESC_FULL;
    }
    kept.push_back(TakeAll(kMembers));
    if (kept.size() < 8) continue;
    FreeAll(&kept.front());
    kept.erase(kept.begin());
  }
  for (auto& frames : kept) FreeAll(&frames);
  ASSERT_TRUE(Eventually([&] { return !payload.in_use(); }));
}

TEST_F(DeviceMemoryTest, WhatIsNeverReadEndsWithItsFrames) {
  const Memory memory = Register(0, 4);
  const Payload payload = Borrow(memory, 1, 1);
  SendAsync(payload);
  std::vector<rte_mbuf*> frames = TakeAll(kMembers);
  group_.reset();
  ASSERT_EQ(groupcast_detach(), 0);
  EXPECT_TRUE(payload.in_use());
  EXPECT_EQ(Done(), 0U);
  FreeAll(&frames);
  EXPECT_FALSE(payload.in_use());
  EXPECT_EQ(Done(), 1U);
  Open();
}

TEST_F(DeviceMemoryTest, PagesOfTwoRegistrationsAreCopied) {
  const Memory memory = Register(0, 3);
  const Memory overlapping = Register(2, 2);
  const Payload mapped = Borrow(memory, 1, 1), other = Borrow(overlapping, 3, 2);
  EXPECT_EQ(Must(group().Send(mapped)).sent, kMembers);
  EXPECT_EQ(Counted("payload_copies"), 0U);
  EXPECT_EQ(Must(group().Send(other)).sent, kMembers);
  EXPECT_EQ(Counted("payload_copies"), 1U);
  EXPECT_FALSE(other.in_use());
  std::vector<rte_mbuf*> frames = TakeAll(2 * kMembers);
  FreeAll(&frames);
}

// Once the first registration has ended, and its payloads are gone, the pages are free for another.
TEST_F(DeviceMemoryTest, IsMappedAsLongAsPayloadsOfItAre) {
  std::optional<Memory> memory = Register(0, 4);
  std::optional<Payload> payload = Borrow(*memory, 1, 1);
  memory.reset();
  newest_descriptor = RTE_ETH_TX_DESC_DONE;
  for (const bool first_is_there : {true, false}) {
    if (!first_is_there) payload.reset();
    const Memory again = Register(0, 4);
    const Payload other = Borrow(again, 2, 2);
    StartCounting();
    EXPECT_EQ(Must(group().Send(other)).sent, kMembers);
    EXPECT_EQ(Counted("payload_copies"), first_is_there ? 1U : 0U);
    ASSERT_TRUE(Eventually([&] { return !other.in_use(); }));
    std::vector<rte_mbuf*> frames = TakeAll(kMembers);
    ExpectDatagrams(frames, 2);
    FreeAll(&frames);
  }
}

TEST_F(DeviceMemoryTest, AnotherEngineMapsItAnew) {
  const Memory memory = Register(0, 4);
  const Payload before = Borrow(memory, 1, 1);
  group_.reset();
  Detach();
  newest_descriptor = RTE_ETH_TX_DESC_DONE;
  Open();
  const Payload after = Borrow(memory, 2, 2);
  EXPECT_EQ(Must(group().Send(after)).sent, kMembers);
  EXPECT_EQ(Counted("payload_copies"), 0U);
  // Its pieces are those of the other engine's devices.
  EXPECT_EQ(Must(group().Send(before)).sent, kMembers);
  EXPECT_EQ(Counted("payload_copies"), 1U);
  ASSERT_TRUE(Eventually([&] { return !after.in_use(); }));
  std::vector<rte_mbuf*> frames = TakeAll(2 * kMembers);
  FreeAll(&frames);
}

TEST_F(DeviceMemoryTest, ADriverThatTellsOfNoDescriptorsHasItCopied) {
  group_.reset();
  Detach();
  newest_descriptor = kTellsNothing;
  Open();
  const Memory memory = Register(0, 4);
  const Payload payload = Borrow(memory, 1, 1);
  SendAsync(payload);
  std::vector<rte_mbuf*> frames = TakeAll(kMembers);
  ASSERT_TRUE(Eventually([&] { return Done() == 1; }));
  EXPECT_FALSE(payload.in_use());
  ExpectDatagrams(frames, 1);
  EXPECT_EQ(Counted("payload_copies"), 1U);
  FreeAll(&frames);
}

}  // namespace
}  // namespace groupcast
