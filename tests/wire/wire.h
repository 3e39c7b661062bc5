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

// A giobuf with room for its recipients, and their private bytes.
class TestGroup {
 public:
  explicit TestGroup(size_t recipients);

  giobuf* buf() { return reinterpret_cast<giobuf*>(memory_.data()); }
  size_t size() const { return size_; }
  giovec& at(size_t i) { return buf()->recinfo[i]; }
  void SetPayload(const std::string& payload);
  void SetPrivate(size_t i, const std::string& prepend, const std::string& append);
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

// A UDP socket of its own, bound to any address and a free port.
int BoundSocket();
sockaddr_in Address(const std::string& dotted, uint16_t udp_port);
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

// Attaches an engine with one software port in a network namespace without any route, so that what
// the kernel path gets fails (ENETUNREACH) and nothing leaves this machine.
class WireTest : public testing::Test {
 protected:
  static constexpr char kSource[] = "10.0.0.1";

  // `device`: a vdev string; `more`: further YAML of the port, indented by four.
  void Attach(const std::string& device, const std::string& more = "");
  // Detaches and fails unless every mbuf came back.
  void Detach();
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
