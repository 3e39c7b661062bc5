// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <string>
#include <vector>

#include "api/groupcast/sendgroup.h"
#include "api/groupcast/statistics.h"

namespace groupcast {

// A giobuf or giobuf6 with room for its recipients, and their private bytes.
template <typename Giobuf, typename Giovec>
class TestGroupOf {
 public:
  explicit TestGroupOf(size_t recipients)
      : size_(recipients),
        memory_((sizeof(Giobuf) + recipients * sizeof(Giovec)) / sizeof(uint64_t) + 1),
        prepends_(recipients),
        appends_(recipients) {}

  Giobuf* buf() { return reinterpret_cast<Giobuf*>(memory_.data()); }
  size_t size() const { return size_; }
  Giovec& at(size_t i) { return buf()->recinfo[i]; }
  void SetPayload(const std::string& payload) {
    payload_ = payload;
    buf()->shared = {payload_.data(), payload_.size()};
  }
  void SetPrivate(size_t i, const std::string& prepend, const std::string& append) {
    prepends_[i] = prepend;
    appends_[i] = append;
    at(i).giov_prepend = {prepends_[i].data(), prepends_[i].size()};
    at(i).giov_append = {appends_[i].data(), appends_[i].size()};
  }
  const std::string& prepend(size_t i) const { return prepends_[i]; }
  const std::string& append(size_t i) const { return appends_[i]; }
  // The datagram recipient `i` shall read.
  std::string Datagram(size_t i) const { return prepends_[i] + payload_ + appends_[i]; }

 private:
  size_t size_;
  std::vector<uint64_t> memory_;
  std::string payload_;
  std::vector<std::string> prepends_;
  std::vector<std::string> appends_;
};
using TestGroup = TestGroupOf<giobuf, giovec>;
using TestGroup6 = TestGroupOf<giobuf6, giovec6>;

// A UDP socket of its own, bound to any address and a free port.
int BoundSocket();
// The same of either family, without automatic flow labels.
int BoundSocket6();
sockaddr_in Address(const std::string& dotted, uint16_t udp_port);
sockaddr_in6 Address6(const std::string& text, uint16_t udp_port);
// `len` bytes that differ from each other and from other seeds.
std::string Bytes(size_t len, uint8_t seed);
// The bytes of a whole chain.
std::string FrameOf(const rte_mbuf* mbuf);
// Gives a frame back to its mempools.
void Free(rte_mbuf* frame);
// The frame that the port of WireTest's configuration shall emit, made with DPDK's own checksum
// functions; `ip_id` as found in the frame.
std::string ExpectedFrame(const sockaddr_in& from, const sockaddr_in& to, uint8_t ttl, uint8_t tos,
                          bool dont_fragment, rte_be16_t ip_id, const std::string& datagram);
std::string ExpectedFrame6(const sockaddr_in6& from, const sockaddr_in6& to, uint8_t hop_limit,
                           uint8_t traffic_class, uint32_t flow_label, const std::string& datagram);
// `frame` with an 802.1Q tag.
std::string Tagged(const std::string& frame, uint16_t vlan);

// What a port's configuration says beside its addresses.
struct StaticPort {
  uint32_t mtu = 1500;
  uint16_t vlan = 0;  // 0: untagged
};

// Attaches an engine with one software port in a network namespace without any route, so that what
// the kernel path gets fails (ENETUNREACH) and nothing leaves this machine.
class WireTest : public testing::Test {
 protected:
  static constexpr char kSource[] = "10.0.0.1";
  static constexpr char kSource6[] = "fd00::1";

  // `device`: a vdev string; `more`: further YAML of the port, indented by four.
  void Attach(const std::string& device, const std::string& more = "", const StaticPort& port = {});
  // Detaches and fails unless every mbuf came back.
  void Detach();
  // The two parts of that.
  void StopEngine();
  static void ExpectPoolsFull();
  void SetUp() override;
  void TearDown() override;

  int sd() const { return sd_; }
  sockaddr_in from() const { return from_; }
  // Frames that net_ring0 emitted and nobody took yet. The caller frees them.
  std::vector<rte_mbuf*> Take(size_t most);
  // Takes exactly `count`, waiting for them.
  std::vector<rte_mbuf*> TakeAll(size_t count);
  uint64_t Counted(const char* name) const {
    return groupcast_counter_value(name) - before_.at(name);
  }
  void StartCounting();

 private:
  struct Snapshot {
    std::vector<groupcast_counter> counters;
    uint64_t at(const char* name) const;
  };
  int sd_ = -1;
  sockaddr_in from_{};
  bool attached_ = false;
  std::string config_;
  Snapshot before_;
};

}  // namespace groupcast
