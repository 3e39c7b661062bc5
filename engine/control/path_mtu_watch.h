// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/flat_hash_set.h>
#include <rte_byteorder.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

namespace groupcast {

// The quoted destination of an ICMP "fragmentation needed" message, given from its IP header on;
// empty for anything else.
std::optional<rte_be32_t> QuotedDestination(std::span<const uint8_t> packet);

// Notices that the kernel may have learnt a smaller path MTU, which it does not announce: reads the
// ICMP messages themselves on a raw socket. Control thread only.
class PathMtuWatch {
 public:
  PathMtuWatch();  // in the calling thread's network namespace; needs CAP_NET_RAW
  ~PathMtuWatch();
  PathMtuWatch(const PathMtuWatch&) = delete;
  PathMtuWatch& operator=(const PathMtuWatch&) = delete;

  int fd() const { return fd_; }  // -1: not permitted
  void Read(int64_t now_ns);

  // When there is something to take (CLOCK_MONOTONIC); INT64_MAX: nothing.
  int64_t DueNs() const;
  // Adds the destinations whose routes are to be asked again now.
  void Take(int64_t now_ns, absl::flat_hash_set<rte_be32_t>* addresses);

 private:
  struct Noticed {
    int64_t at_ns;
    rte_be32_t address;
  };

  int fd_;
  absl::flat_hash_set<rte_be32_t> now_;
  // This socket is served before the kernel itself has read the message, so once is not enough.
  std::deque<Noticed> later_;
  int64_t taken_ns_ = 0;
};

}  // namespace groupcast
