// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "engine/datapath/ip_address.h"

namespace groupcast {

// The quoted destination of an ICMP "fragmentation needed" message, given from its IP header on;
// empty for anything else.
std::optional<IpAddress> QuotedDestination(std::span<const uint8_t> packet);
// The same of an ICMPv6 "packet too big" message, given from its ICMPv6 header on.
std::optional<IpAddress> QuotedDestination6(std::span<const uint8_t> message);

// Notices that the kernel may have learnt a smaller path MTU, which it does not announce: reads the
// ICMP and ICMPv6 messages themselves on raw sockets. Control thread only.
class PathMtuWatch {
 public:
  PathMtuWatch();  // in the calling thread's network namespace; needs CAP_NET_RAW
  ~PathMtuWatch();
  PathMtuWatch(const PathMtuWatch&) = delete;
  PathMtuWatch& operator=(const PathMtuWatch&) = delete;

  // ICMP's and ICMPv6's socket; -1: not permitted, or no such family.
  int fd() const { return fd_; }
  int fd6() const { return fd6_; }
  void Read(int64_t now_ns);

  // When there is something to take (CLOCK_MONOTONIC); INT64_MAX: nothing.
  int64_t DueNs() const;
  // Adds the destinations whose routes are to be asked again now.
  void Take(int64_t now_ns, absl::flat_hash_set<IpAddress>* addresses);

 private:
  struct Noticed {
    int64_t at_ns;
    IpAddress address;
  };

  using Parse = std::optional<IpAddress> (*)(std::span<const uint8_t>);
  void ReadFrom(int fd, Parse parse, int64_t now_ns);

  int fd_;
  int fd6_;
  absl::flat_hash_set<IpAddress> now_;
  // This socket is served before the kernel itself has read the message, so once is not enough.
  std::deque<Noticed> later_;
  int64_t taken_ns_ = 0;
};

}  // namespace groupcast
