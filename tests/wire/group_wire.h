// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ip.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/groupcast/completion.h"
#include "api/groupcast/group.h"
#include "api/groupcast/payload.h"
#include "tests/wire/wire.h"

namespace groupcast {

template <typename T>
T Must(absl::StatusOr<T> made) {
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

inline absl::Span<const uint8_t> SpanOf(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

// The `number`th member: address and port differ.
inline Recipient Member(uint32_t number) {
  sockaddr_in to = Address("10.1.0.0", static_cast<uint16_t>(5000 + number % 1000));
  to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + number);
  return Recipient(to, number);
}

inline std::vector<Recipient> Members(uint32_t first, uint32_t count) {
  std::vector<Recipient> members;
  for (uint32_t i = first; i < first + count; i++) members.push_back(Member(i));
  return members;
}

// Tests of registered groups on net_ring, whose frames stay until the test frees them.
class GroupWireTest : public WireTest {
 protected:
  void SetUp() override {
    WireTest::SetUp();
    Attach("net_ring0");
    group_.emplace(Must(Group::Create(sd())));
  }
  void TearDown() override {
    group_.reset();
    WireTest::TearDown();
  }

  Group& group() { return *group_; }

  // UDP payloads by the destination's number as in Member(); frees the frames.
  std::map<uint32_t, std::string> TakeDatagrams(size_t count) {
    std::map<uint32_t, std::string> datagrams;
    for (rte_mbuf* frame : TakeAll(count)) {
      const std::string bytes = FrameOf(frame);
      const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(bytes.data() + 14);
      const uint32_t number = ntohl(ip->dst_addr) - 0x0a010000;
      EXPECT_TRUE(datagrams.emplace(number, bytes.substr(42)).second) << "twice: " << number;
      Free(frame);
    }
    return datagrams;
  }

  // Whether it became true within a few seconds.
  static bool Eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }

  std::optional<Group> group_;
};

}  // namespace groupcast
