// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/software_nic/vhost_pair.h"

#include <arpa/inet.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace groupcast {
namespace {

constexpr uint16_t kProbePort = 9;
constexpr char kProbeAddress[] = "10.255.255.1";

}  // namespace

FrameDestination VhostPair::DestinationOf(const sockaddr_in& to) {
  return {TextOf(AF_INET, &to.sin_addr), ntohs(to.sin_port)};
}

FrameDestination VhostPair::DestinationOf(const sockaddr_in6& to) {
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&to.sin6_addr);
  return {mapped ? TextOf(AF_INET, &to.sin6_addr.s6_addr[12]) : TextOf(AF_INET6, &to.sin6_addr),
          ntohs(to.sin6_port)};
}

void VhostPair::Connect(const Side& side, const std::string& more, const StaticPort& port) {
  side_ = side;
  vlan_ = port.vlan;
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
  folder_ = std::filesystem::temp_directory_path() / "groupcast-nic-XXXXXX";
  ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  socket_path_ = folder_ + "/vhost";
  std::string lcores;
  if (side.queues > 1) lcores = "lcores: [0, 1]\n";
  const std::string device = std::string(side.driver) + "0," +
                             (side.virtio() ? "path=" : "iface=") + socket_path_ + side.arguments;
  // net_vhost goes on without a peer, as client, too. net_virtio_user wants it there: as client at
  // once, as server before it is ready.
  if (side.virtio()) StartConsumer();
  if (side.virtio() && !side.engine_listens) consumer_.WaitUntilReady();
  testing::internal::CaptureStderr();
  Attach(device, more + lcores, port);
  start_log_ = testing::internal::GetCapturedStderr();
  std::fputs(start_log_.c_str(), stderr);
  if (!side.virtio()) StartConsumer();
  if (!side.virtio() || side.engine_listens) consumer_.WaitUntilReady();
  WaitForLink();
}

void VhostPair::StartConsumer() {
  std::string arguments;
  if (side_.virtio()) {
    if (side_.engine_listens) arguments = ",client=1";
  } else {
    arguments = ",queue_size=1024,packed_vq=1";
    if (!side_.engine_listens) arguments += ",server=1";
  }
  consumer_.Start(side_.virtio() ? "vhost" : "virtio", socket_path_, arguments, side_.queues);
}

void VhostPair::RestartConsumer() {
  // What listened leaves its socket behind when it is killed, and does not start over it.
  if (!side_.engine_listens) std::filesystem::remove(socket_path_);
  StartConsumer();
  consumer_.WaitUntilReady();
  WaitForLink();
}

int VhostPair::Probe() {
  TestGroup group(1);
  group.SetPayload("are you there?");
  group.at(0).giov_dest = Address(kProbeAddress, kProbePort);
  int error = 0;
  sendgroup(sd(), group.buf(), 1, 0, &error);
  return error;
}

void VhostPair::WaitForLink() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (Probe() != 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the link does not come up";
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // Behind what a ring may still have held when an earlier consumer ended.
  const FrameDestination probe = DestinationOf(Address(kProbeAddress, kProbePort));
  while (consumer_.WaitFor(UINT64_MAX, 20).recipients.count(probe) == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "nothing arrives";
  }
  Forget();
}

void VhostPair::Forget() {
  consumer_.Ask("reset");
  expected_ = {};
  StartCounting();
}

void VhostPair::Expect(const FrameDestination& to, std::string_view datagram) {
  expected_.recipients[to].Add(datagram);
  expected_.vlans[vlan_]++;
  expected_.frames++;
}

int VhostPair::Send(TestGroup* group, int flags) {
  for (size_t i = 0; i < group->size(); i++) {
    Expect(DestinationOf(group->at(i).giov_dest), group->Datagram(i));
  }
  return sendgroup(sd(), group->buf(), group->size(), flags, nullptr);
}

int VhostPair::Send(int sd6, TestGroup6* group) {
  for (size_t i = 0; i < group->size(); i++) {
    Expect(DestinationOf(group->at(i).giov_dest), group->Datagram(i));
  }
  return sendgroup6(sd6, group->buf(), group->size(), 0, nullptr);
}

void VhostPair::ExpectAllArrived(int patience_ms) {
  const Account account = consumer_.WaitFor(expected_.frames, patience_ms);
  EXPECT_EQ(account.frames, expected_.frames);
  EXPECT_EQ(account.bad, 0U) << account.first_bad;
  EXPECT_EQ(account.vlans, expected_.vlans);
  EXPECT_EQ(account.recipients.size(), expected_.recipients.size());
  size_t different = 0;
  for (const auto& [to, shall] : expected_.recipients) {
    const auto found = account.recipients.find(to);
    if (found != account.recipients.end() && found->second == shall) continue;
    different++;
  }
  EXPECT_EQ(different, 0U) << "recipients of " << expected_.recipients.size()
                           << " received something else, or in another order";
}

void VhostPair::TearDown() {
  WireTest::TearDown();
  consumer_.Kill();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

}  // namespace groupcast
