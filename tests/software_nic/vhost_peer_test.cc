// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A peer that is not there yet, goes away, comes back, or never comes.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tests/software_nic/vhost_pair.h"

namespace groupcast {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kRecipients = 500;

TestGroup MakeGroup(uint8_t number) {
  TestGroup group(kRecipients);
  group.SetPayload(Bytes(900, number));
  for (size_t i = 0; i < kRecipients; i++) {
    group.at(i).giov_dest = Address("10.5.0.1", static_cast<uint16_t>(3000 + i));
  }
  return group;
}

class OnePeer : public VhostPair {
 protected:
  // Sends until every recipient gets ENETDOWN, so that the engine knows that the peer is gone.
  void SendUntilDown() {
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    TestGroup group = MakeGroup(77);
    std::vector<int> errors(kRecipients, -1);
    const std::vector<int> down(kRecipients, ENETDOWN);
    while (errors != down) {
      ASSERT_LT(Clock::now(), deadline) << "the peer is gone, and nothing says so";
      sendgroup(sd(), group.buf(), kRecipients, 0, errors.data());
    }
  }
};

class VhostPeer : public OnePeer, public testing::WithParamInterface<Side> {};

TEST_P(VhostPeer, ComesBackAfterItWasKilled) {
  Connect(GetParam());
  for (int round = 0; round < 3; round++) {
    SCOPED_TRACE(round);
    for (uint8_t i = 0; i < 10; i++) {
      TestGroup group = MakeGroup(i);
      ASSERT_EQ(Send(&group), static_cast<int>(kRecipients));
    }
    ExpectAllArrived();
    consumer().Kill();
    SendUntilDown();
    EXPECT_GT(Counted("link_down"), 0U);
    RestartConsumer();
  }
}

// The call that waits for room in its ring returns, and says whom it did not reach.
TEST_P(VhostPeer, KilledWhileACallWaits) {
  Connect(GetParam());
  consumer().Ask("pause");
  std::thread killer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    consumer().Kill();
  });
  int sent = static_cast<int>(kRecipients);
  std::vector<int> errors(kRecipients, -1);
  const auto begin = Clock::now();
  for (uint8_t i = 0; i < 20 && sent == static_cast<int>(kRecipients); i++) {
    TestGroup group = MakeGroup(i);
    sent = sendgroup(sd(), group.buf(), kRecipients, 0, errors.data());
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  killer.join();
  EXPECT_LT(sent, static_cast<int>(kRecipients));
  EXPECT_EQ(sent, std::count(errors.begin(), errors.end(), 0));
  EXPECT_EQ(static_cast<long>(kRecipients) - sent,
            std::count(errors.begin(), errors.end(), ENETDOWN));
  SendUntilDown();
  RestartConsumer();
  Forget();
  TestGroup group = MakeGroup(99);
  ASSERT_EQ(Send(&group), static_cast<int>(kRecipients));
  ExpectAllArrived();
}

// Its driver writes to the connection once more then; that must not end the process.
TEST_P(VhostPeer, DetachedAfterItWasKilled) {
  Connect(GetParam());
  TestGroup group = MakeGroup(1);
  ASSERT_EQ(Send(&group), static_cast<int>(kRecipients));
  consumer().Kill();
  Detach();
}

INSTANTIATE_TEST_SUITE_P(Sides, VhostPeer,
                         testing::Values(Side{"VirtioPacked", "net_virtio_user", ",server=1", true},
                                         Side{"VirtioSplit", "net_virtio_user",
                                              ",server=1,packed_vq=0", true},
                                         Side{"Vhost", "net_vhost", "", true},
                                         Side{"VhostClient", "net_vhost", ",client=1", false}),
                         [](const auto& side) { return side.param.name; });

class PausedPeer : public OnePeer, public testing::WithParamInterface<Side> {};

// One that is there, and takes nothing any more: who waits is told so, those who come later at
// once. What was accepted arrives, and all is as before, when it goes on.
TEST_P(PausedPeer, TakesNothingForLong) {
  Connect(GetParam());
  consumer().Ask("pause");
  std::vector<int> errors(kRecipients, -1);
  const auto refused = [&] {
    return static_cast<int>(std::count(errors.begin(), errors.end(), ENOBUFS));
  };
  constexpr int kAll = kRecipients;
  int sent = kAll;
  auto begin = Clock::now();
  for (uint8_t number = 0; number < 20 && sent == kAll; number++) {
    TestGroup group = MakeGroup(number);
    begin = Clock::now();
    sent = sendgroup(sd(), group.buf(), kRecipients, 0, errors.data());
    for (size_t i = 0; i < kRecipients; i++) {
      if (errors[i] == 0) Expect(DestinationOf(group.at(i).giov_dest), group.Datagram(i));
    }
  }
  EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(4500));
  EXPECT_LT(sent, kAll);
  EXPECT_EQ(refused(), kAll - sent);
  TestGroup again = MakeGroup(50);
  begin = Clock::now();
  EXPECT_EQ(sendgroup(sd(), again.buf(), kRecipients, 0, errors.data()), 0);
  EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(2000));
  EXPECT_EQ(refused(), kAll);
  EXPECT_EQ(Counted("tx_stalled"), static_cast<uint64_t>(2 * kAll - sent));
  consumer().Ask("resume");
  ExpectAllArrived();
  TestGroup group = MakeGroup(99);
  EXPECT_EQ(Send(&group), kAll);
  ExpectAllArrived();
}

INSTANTIATE_TEST_SUITE_P(Sides, PausedPeer,
                         testing::Values(Side{"Virtio", "net_virtio_user", ",server=1", true},
                                         Side{"Vhost", "net_vhost", "", true}),
                         [](const auto& side) { return side.param.name; });

// net_virtio_user as client never connects again; its connection, which it goes on writing to, is
// dead then.
TEST_F(OnePeer, ALostOneIsLostForAVirtioClient) {
  const Side side = {"VirtioClient", "net_virtio_user", "", false};
  for (int round = 0; round < 2; round++) {
    Connect(side);
    TestGroup group = MakeGroup(1);
    ASSERT_EQ(Send(&group), static_cast<int>(kRecipients));
    ExpectAllArrived();
    consumer().Kill();
    SendUntilDown();
    Detach();
  }
}

class NoPeer : public VhostPair {
 protected:
  // groupcast_attach() with `device`; what it says then.
  static std::string AttachFails(const std::string& device) {
    const std::string text =
        "memory: {hugepages: \"off\"}\nports: [{name: vm0, device: \"" + device +
        "\", static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, next_hops: [{to: 10.0.0.0/8, "
        "mac: 02:00:00:00:00:02}]}}]\n";
    const std::filesystem::path config =
        std::filesystem::temp_directory_path() / ("groupcast-nic-" + std::to_string(getpid()));
    FILE* file = std::fopen(config.c_str(), "w");
    std::fputs(text.c_str(), file);
    std::fclose(file);
    EXPECT_EQ(groupcast_attach(config.c_str()), -1);
    std::filesystem::remove(config);
    return groupcast_last_error();
  }
};

TEST_F(NoPeer, IsAnErrorForWhoConnects) {
  const std::string error = AttachFails("net_virtio_user0,path=/nowhere/vhost");
  EXPECT_NE(error.find("vm0"), std::string::npos) << error;
  EXPECT_NE(error.find("/nowhere/vhost"), std::string::npos) << error;
}

TEST_F(NoPeer, IsNotWaitedForWithoutEnd) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("groupcast-nic-" + std::to_string(getpid()) + ".s");
  const auto begin = Clock::now();
  const std::string error = AttachFails("net_virtio_user0,server=1,path=" + path);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(20));
  EXPECT_NE(error.find("nobody connected to " + path), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(path)) << "its socket is left behind";
}

// A port without a peer is a port without carrier.
TEST_F(NoPeer, IsNoErrorForWhoListens) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("groupcast-nic-" + std::to_string(getpid()) + ".s");
  Attach("net_vhost0,iface=" + path);
  EXPECT_EQ(Probe(), ENETDOWN);
  Detach();
  EXPECT_FALSE(std::filesystem::exists(path)) << "its socket is left behind";
}

}  // namespace
}  // namespace groupcast
