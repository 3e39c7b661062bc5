// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Large groups to a consumer that is slower than the engine: nothing is lost, everything is in
// order, and every mbuf comes back (WireTest::Detach()).
#include <arpa/inet.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/software_nic/vhost_pair.h"

namespace groupcast {
namespace {

constexpr uint32_t kRecipients = 1000;

// Each recipient another address and port; payloads differ between groupcasts.
TestGroup MakeGroup(size_t payload, unsigned number) {
  TestGroup group(kRecipients);
  std::string bytes = Bytes(payload, static_cast<uint8_t>(number));
  std::memcpy(bytes.data(), &number, std::min(sizeof(number), bytes.size()));
  group.SetPayload(bytes);
  for (uint32_t i = 0; i < kRecipients; i++) {
    sockaddr_in to = Address("10.16.0.0", static_cast<uint16_t>(2000 + i));
    to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + i);
    group.at(i).giov_dest = to;
    group.SetPrivate(i, "to " + std::to_string(i) + ": ", i % 3 == 0 ? "." : "");
  }
  return group;
}

class VhostFlow : public VhostPair, public testing::WithParamInterface<Side> {
 protected:
  void SetUp() override {
    VhostPair::SetUp();
    Connect(GetParam());
  }
};

TEST_P(VhostFlow, NothingIsLostAtFullSpeed) {
  constexpr unsigned kGroupcasts = 60;
  for (unsigned i = 0; i < kGroupcasts; i++) {
    TestGroup group = MakeGroup(i % 2 == 0 ? 1000 : 100, i);
    ASSERT_EQ(Send(&group), static_cast<int>(kRecipients));
  }
  ExpectAllArrived();
  EXPECT_EQ(Counted("packets"), kGroupcasts * kRecipients);
}

TEST_P(VhostFlow, ASlowConsumerHoldsTheSenderBack) {
  constexpr unsigned kGroupcasts = 20;
  consumer().Ask("pace 500");
  for (unsigned i = 0; i < kGroupcasts; i++) {
    TestGroup group = MakeGroup(700, i);
    ASSERT_EQ(Send(&group), static_cast<int>(kRecipients));
  }
  ExpectAllArrived();
  EXPECT_GT(Counted("tx_full"), 0U);
  EXPECT_EQ(Counted("packets"), kGroupcasts * kRecipients);
}

// A blocking call waits for room, however long that takes.
TEST_P(VhostFlow, AStoppedConsumerStopsTheCall) {
  consumer().Ask("pause");
  std::thread waker([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    consumer().Ask("resume");
  });
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < 4; i++) {
    TestGroup group = MakeGroup(700, i);
    EXPECT_EQ(Send(&group), static_cast<int>(kRecipients));
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(400));
  waker.join();
  ExpectAllArrived();
}

// What the driver and the engine hold then is given back, not waited for without end.
TEST_P(VhostFlow, DetachDoesNotWaitForAStoppedConsumer) {
  consumer().Ask("pause");
  TestGroup group = MakeGroup(700, 1);
  for (unsigned i = 0; i < 4; i++)
    sendgroup(sd(), group.buf(), group.size(), MSG_DONTWAIT, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  Detach();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
}

INSTANTIATE_TEST_SUITE_P(
    Sides, VhostFlow,
    testing::Values(Side{"VirtioPacked", "net_virtio_user", "", false},
                    Side{"VirtioSplit", "net_virtio_user", ",packed_vq=0", false},
                    Side{"VirtioIndirect", "net_virtio_user", ",packed_vq=0,in_order=0", false},
                    Side{"VirtioTwoQueues", "net_virtio_user", "", false, 2},
                    Side{"Vhost", "net_vhost", "", true},
                    Side{"VhostTwoQueues", "net_vhost", "", true, 2}),
    [](const auto& side) { return side.param.name; });

}  // namespace
}  // namespace groupcast
