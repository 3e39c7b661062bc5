// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What the other side of vhost-user reads, byte for byte, and in how many descriptors it comes.
#include <arpa/inet.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include <cstring>

#include "tests/software_nic/vhost_pair.h"

namespace groupcast {
namespace {

struct Shape {
  size_t prepend, append;
};

std::string Bytes(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

class VhostFrames : public VhostPair, public testing::WithParamInterface<Side> {
 protected:
  void SetUp() override {
    VhostPair::SetUp();
    Connect(GetParam());
  }
};

TEST_P(VhostFrames, EveryShapeAndSizeIsByteExact) {
  const Shape shapes[] = {{0, 0}, {1, 0},  {12, 0}, {7, 0},     {0, 1},
                          {0, 8}, {7, 10}, {12, 3}, {100, 101}, {600, 0}};
  consumer().Ask("record");
  uint16_t udp_port = 5000;
  std::vector<std::string> shall;
  for (const size_t payload : {0, 1, 64, 255, 256, 257, 800, 1001, 1271, 1472}) {
    for (const Shape& shape : shapes) {
      if (shape.prepend + payload + shape.append > 1472) continue;
      TestGroup group(1);
      group.SetPayload(groupcast::Bytes(payload, 3));
      group.SetPrivate(0, groupcast::Bytes(shape.prepend, 1), groupcast::Bytes(shape.append, 2));
      group.at(0).giov_dest = Address("10.1.0.1", udp_port++);
      ASSERT_EQ(Send(&group), 1);
      shall.push_back(
          ExpectedFrame(from(), group.at(0).giov_dest, 64, 0, true, 0, group.Datagram(0)));
    }
  }
  ExpectAllArrived();
  const std::vector<std::string> frames = consumer().Ask("frames");
  ASSERT_EQ(frames.size(), shall.size());
  for (size_t i = 0; i < frames.size(); i++) EXPECT_EQ(Bytes(frames[i]), shall[i]) << i;
  EXPECT_EQ(Counted("kernel_recipients"), 0U);
}

// A copied packet is one descriptor (the header of virtio is in front of it), a chain one for that
// header and one for each segment.
TEST_P(VhostFrames, ChainsAreReadAsChains) {
  constexpr size_t kRecipients = 100;
  struct Row {
    size_t payload, append;
    unsigned descriptors;
    const char* counter;
  };
  for (const Row& row : {Row{256, 0, 1, "copied"}, Row{256, 9, 1, "copied"},
                         Row{257, 0, 3, "chained"}, Row{1000, 9, 4, "appended"}}) {
    SCOPED_TRACE(std::to_string(row.payload) + "+" + std::to_string(row.append));
    Forget();
    TestGroup group(kRecipients);
    group.SetPayload(groupcast::Bytes(row.payload, 3));
    for (size_t i = 0; i < kRecipients; i++) {
      group.at(i).giov_dest = Address("10.2.0.1", static_cast<uint16_t>(1000 + i));
      group.SetPrivate(i, "number " + std::to_string(i), std::string(row.append, '!'));
    }
    ASSERT_EQ(Send(&group), static_cast<int>(kRecipients));
    ExpectAllArrived();
    EXPECT_EQ(Counted(row.counter), kRecipients);
    EXPECT_EQ(Counted("payload_copies"), 1U);
    if (!GetParam().virtio()) continue;  // the ring is the consumer's own
    const Account account = consumer().WaitFor(kRecipients);
    const std::map<unsigned, uint64_t> shall = {{row.descriptors, kRecipients}};
    EXPECT_EQ(account.descriptors, shall);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sides, VhostFrames,
    testing::Values(Side{"VirtioPacked", "net_virtio_user", "", false},
                    Side{"VirtioSplit", "net_virtio_user", ",packed_vq=0", false},
                    Side{"VirtioIndirect", "net_virtio_user", ",packed_vq=0,in_order=0", false},
                    Side{"Vhost", "net_vhost", "", true}),
    [](const auto& side) { return side.param.name; });

}  // namespace
}  // namespace groupcast
