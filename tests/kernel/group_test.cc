// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A registered group on a wire whose next hops, routes and path MTUs change.
#include "api/groupcast/group.h"

#include <gtest/gtest.h>
#include <net/ethernet.h>
#include <netinet/ip.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t kUdpPort = 5004;
constexpr size_t kMembers = 1000;

std::vector<Recipient> Members(uint32_t first, size_t count) {
  std::vector<Recipient> members;
  for (uint32_t i = 0; i < count; i++) members.emplace_back(Endpoint(first + i, kUdpPort), i);
  return members;
}

Payload PayloadOf(const std::string& bytes) {
  auto payload = Payload::Copy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  EXPECT_TRUE(payload.ok()) << payload.status();
  return *std::move(payload);
}

// The parameter: whether an engine is attached.
class GroupOnAWire : public TwoHosts, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    TwoHosts::SetUp();
    if (IsSkipped()) return;
    if (GetParam()) Attach();
    sd_ = BoundSocket(0, 4000);
    auto group = Group::Create(sd_);
    ASSERT_TRUE(group.ok()) << group.status();
    group_.emplace(*std::move(group));
  }
  void TearDown() override {
    group_.reset();
    TwoHosts::TearDown();
  }

  SendResult Send(const Payload& payload, const SendOptions& options = {}) {
    const auto result = group_->Send(payload, options);
    EXPECT_TRUE(result.ok()) << result.status();
    return *result;
  }

  Socket sd_{-1};
  std::optional<Group> group_;
};
INSTANTIATE_TEST_SUITE_P(, GroupOnAWire, testing::Bool(), [](const auto& row) {
  return row.param ? std::string("Engine") : std::string("Kernel");
});

TEST_P(GroupOnAWire, EveryMemberReadsTheSame) {
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(group_->Add(Members(kBehindGateway + 1, kMembers)).ok());
  for (const size_t len : {0, 1, 256, 257, 1472, 1473, 40000, 65507}) {
    const std::string bytes = Pattern(len);
    const size_t count = len > 1472 ? 20 : kMembers;  // what a receiver's buffer takes
    ASSERT_TRUE(group_->Replace(Members(kBehindGateway + 1, count)).ok());
    const Counted counted;
    EXPECT_EQ(Send(PayloadOf(bytes)).sent, count) << len;
    ExpectExactlyOnce(sink.Receive(count), kBehindGateway + 1, count, bytes);
    if (GetParam() && len <= 1472) {
      EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(count)) << len;
    } else {
      EXPECT_EQ(counted("kernel_recipients"), static_cast<int64_t>(count)) << len;
    }
  }
  const Payload large = PayloadOf(Pattern(65508));
  std::vector<MemberError> errors;
  SendOptions options;
  options.errors = &errors;
  EXPECT_EQ(Send(large, options).sent, 0U);
  ASSERT_EQ(errors.size(), 20U);
  for (const MemberError& error : errors) EXPECT_EQ(error.error, EMSGSIZE);
}

TEST_P(GroupOnAWire, PrivateBytesReachTheirMembers) {
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(group_->Add(Members(kBehindGateway + 1, kMembers)).ok());
  // Some go above the MTU: those go by the kernel, in fragments.
  for (const size_t len : {500, 1465}) {
    std::string prepend;
    SendOptions options;
    options.private_bytes = [&](const Recipient& member, PrivateBytes* out) {
      prepend = std::to_string(member.tag()) + ":" + std::string(member.tag() % 5, '.');
      out->prepend = {prepend.data(), prepend.size()};
    };
    EXPECT_EQ(Send(PayloadOf(Pattern(len)), options).sent, kMembers);
    std::set<uint32_t> seen;
    for (const Datagram& datagram : sink.Receive(kMembers)) {
      const uint32_t number = datagram.to - kBehindGateway - 1;
      EXPECT_EQ(datagram.payload,
                std::to_string(number) + ":" + std::string(number % 5, '.') + Pattern(len));
      EXPECT_TRUE(seen.insert(number).second);
    }
    EXPECT_EQ(seen.size(), kMembers) << SoftnetDrops();
  }
}

TEST_P(GroupOnAWire, PrivateTablesReachTheirMembers) {
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(group_->Add(Members(kBehindGateway + 1, kMembers)).ok());
  constexpr size_t kPrepend = 7, kAppend = 4, kStride = 16;
  const std::string rows = Pattern(kMembers * kStride);
  // The first of these by the engine, if there is one; the other is above the MTU.
  for (const size_t len : {500, 1465}) {
    SendOptions options;
    options.private_table = {rows.data(), kMembers, kStride, kPrepend, kAppend};
    EXPECT_EQ(Send(PayloadOf(Pattern(len)), options).sent, kMembers);
    std::set<uint32_t> seen;
    for (const Datagram& datagram : sink.Receive(kMembers)) {
      const uint32_t number = datagram.to - kBehindGateway - 1;
      EXPECT_EQ(datagram.payload, rows.substr(number * kStride, kPrepend) + Pattern(len) +
                                      rows.substr(number * kStride + kPrepend, kAppend));
      EXPECT_TRUE(seen.insert(number).second);
    }
    EXPECT_EQ(seen.size(), kMembers) << SoftnetDrops();
  }
}

TEST_P(GroupOnAWire, FollowsANewMacOfItsGateway) {
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(group_->Add(Members(kBehindGateway + 1, kMembers)).ok());
  const Payload payload = PayloadOf(Pattern(300));
  Send(payload);
  ASSERT_EQ(sink.Receive(kMembers).size(), kMembers);
  rx().Shell(
      "ip link set v1 down && ip link set v1 address 02:00:00:00:00:77 && "
      "ip link set v1 up");
  tx().Shell("ip neighbour replace 10.99.0.2 lladdr 02:00:00:00:00:77 dev v0");
  EXPECT_TRUE(Eventually([&] {
    Send(payload);
    return sink.ReceiveSoFar(kMembers, 300).size() == kMembers;
  }));
  // And it stays so.
  const Counted counted;
  Send(payload);
  EXPECT_EQ(sink.Receive(kMembers).size(), kMembers) << SoftnetDrops();
  if (GetParam()) {
    EXPECT_EQ(counted("kernel_recipients"), 0);
  }
}

TEST_P(GroupOnAWire, FollowsItsRoutes) {
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(group_->Add(Members(kBehindGateway + 1, kMembers)).ok());
  const Payload payload = PayloadOf(Pattern(300));
  EXPECT_EQ(Send(payload).sent, kMembers);
  ASSERT_EQ(sink.Receive(kMembers).size(), kMembers);
  tx().Shell("ip route replace prohibit 10.200.0.0/24");
  EXPECT_TRUE(Eventually([&] {
    std::vector<MemberError> errors;
    SendOptions options;
    options.errors = &errors;
    const SendResult result = Send(payload, options);
    return errors.size() == 255 && errors[0].error == EACCES && result.sent == kMembers - 255;
  }));
  sink.ReceiveSoFar(kMembers * 100, 500);
  tx().Shell("ip route del prohibit 10.200.0.0/24");
  EXPECT_TRUE(Eventually([&] { return Send(payload).sent == kMembers; }));
  sink.ReceiveSoFar(kMembers * 100, 500);
  // In the end by the group's own lines again.
  EXPECT_TRUE(Eventually([&] {
    const Counted counted;
    EXPECT_EQ(Send(payload).sent, kMembers);
    const bool by_engine = counted("kernel_recipients") == 0;
    ExpectExactlyOnce(sink.Receive(kMembers), kBehindGateway + 1, kMembers, Pattern(300));
    return by_engine || !GetParam();
  }));
}

// As a router on the way to one member tells it.
TEST_P(GroupOnAWire, FollowsAPathMtuThatShrinks) {
  sd_.Set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  ASSERT_TRUE(group_->Refresh().ok());
  Capture capture(rx(), "v1");
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(group_->Add(Members(kBehindGateway + 1, 3)).ok());
  const Payload payload = PayloadOf(Pattern(1300));
  EXPECT_EQ(Send(payload).sent, 3U);
  const std::vector<std::string> frames = capture.Take(3);
  ASSERT_EQ(frames.size(), 3U);
  sink.Receive(3);
  uint32_t quoted = 0;
  std::memcpy(&quoted, frames[0].data() + ETH_HLEN + offsetof(iphdr, daddr), sizeof(quoted));
  const uint64_t tag = ntohl(quoted) - kBehindGateway - 1;

  TellFragmentationNeeded(rx(), frames[0], 1200);
  std::vector<MemberError> errors;
  SendOptions options;
  options.errors = &errors;
  EXPECT_TRUE(Eventually([&] { return Send(payload, options).sent == 2; }));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].error, EMSGSIZE);
  EXPECT_EQ(errors[0].member.tag(), tag);
  sink.ReceiveSoFar(1000, 500);

  // What fits leaves as before, and in fragments where the socket lets them be.
  const Counted small;
  EXPECT_EQ(Send(PayloadOf(Pattern(1100))).sent, 3U);
  ExpectExactlyOnce(sink.Receive(3), kBehindGateway + 1, 3, Pattern(1100));
  EXPECT_EQ(small("engine_recipients"), GetParam() ? 3 : 0);
  sd_.Set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
  ASSERT_TRUE(group_->Refresh().ok());
  const Counted large;
  EXPECT_EQ(Send(payload).sent, 3U);
  ExpectExactlyOnce(sink.Receive(3), kBehindGateway + 1, 3, Pattern(1300));
  EXPECT_EQ(large("engine_recipients"), GetParam() ? 2 : 0);
}

TEST_P(GroupOnAWire, OneDeadMemberDoesNotHoldUpTheOthers) {
  Sink sink(rx(), kUdpPort);
  std::vector<Recipient> members = Members(kBehindGateway + 1, kMembers);
  members.emplace_back(Endpoint(Ip(10, 99, 64, 1), kUdpPort), 5000);  // nobody answers for it
  ASSERT_TRUE(group_->Add(members).ok());
  const Payload payload = PayloadOf(Pattern(300));
  EXPECT_EQ(Send(payload).sent, kMembers + 1) << "like the kernel, it says sent";
  ASSERT_EQ(sink.Receive(kMembers).size(), kMembers);
  // The next hop was waited for once: from here on its member goes by the kernel at once.
  const Clock::time_point start = Clock::now();
  const Counted counted;
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(Send(payload).sent, kMembers + 1);
    EXPECT_EQ(sink.Receive(kMembers).size(), kMembers) << SoftnetDrops();
  }
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(20));
  if (GetParam()) {
    EXPECT_EQ(counted("kernel_recipients"), 10);
  }
}

TEST_P(GroupOnAWire, AsynchronousSendsArrive) {
  Sink sink(rx(), kUdpPort);
  ASSERT_TRUE(group_->Add(Members(kBehindGateway + 1, kMembers)).ok());
  auto queue = CompletionQueue::Create();
  ASSERT_TRUE(queue.ok());
  std::vector<CompletedSend> completed;
  for (unsigned i = 0; i < 10; i++) {
    ASSERT_TRUE(group_->SendAsync(PayloadOf(Pattern(300, i)), *queue, i, Stage::kDone).ok());
    ASSERT_TRUE(Eventually([&] { return queue->Poll(10, &completed) > 0; }));
    EXPECT_EQ(completed.back().user_data, i);
    // A kernel whose socket buffer is full says so for some.
    EXPECT_EQ(completed.back().members, kMembers);
    ExpectExactlyOnce(sink.Receive(completed.back().sent), kBehindGateway + 1,
                      completed.back().sent, Pattern(300, i));
  }
}

}  // namespace
}  // namespace groupcast
