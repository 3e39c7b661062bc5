// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <groupcast/group.h>
#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/groupcastd/config.h"
#include "tools/groupcastd/group_sockets.h"

namespace groupcast {

// Receives the datagrams of every group and sends each to the group's members, all on one thread.
class Relay {
 public:
  // Opens the sockets of all groups; the message names each that cannot be opened. `config` has to
  // outlive the relay.
  static absl::StatusOr<std::unique_ptr<Relay>> Open(const RelayConfig& config);

  // Relays until `stop` becomes readable (a signalfd), and then for at most a second what the
  // ingress sockets hold; what is left there is counted as unsent. Writes a line of statistics each
  // period, none if it is 0. What it writes to a terminal or pipe that takes nothing is dropped.
  absl::Status Run(int stop, double stats_period_s);

  // Writes the summary of each group and the total; after the engine was detached.
  void WriteSummary();

 private:
  struct RelayedGroup {
    const RelayGroup* config;
    GroupSockets sockets;
    Group recipients;  // each with its place in `config->members` as tag
    uint64_t datagrams_in = 0;
    uint64_t bytes_in = 0;
    uint64_t datagrams_out = 0;
    uint64_t errors = 0;
    uint64_t unsent = 0;        // received when it stopped or without memory, and sent to nobody
    uint64_t overflow = 0;      // lost in the ingress socket's buffer
    uint32_t last_dropped = 0;  // as DroppedDatagrams() said
    std::map<int, uint64_t> errors_by_errno = {};
  };

  struct Totals {
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t errors = 0;
    uint64_t unsent = 0;
    uint64_t overflow = 0;
  };

  explicit Relay(const RelayConfig& config);

  size_t BatchOf(const RelayedGroup& group) const;
  int Receive(RelayedGroup& group, size_t most);
  size_t ReceiveBatch(RelayedGroup& group);  // how many datagrams
  void Drain();
  void Send(RelayedGroup& group, const void* payload, size_t length_bytes);
  void CountErrors(RelayedGroup& group, absl::Span<const MemberError> errors);
  Totals Sum();
  void WriteStatistics(double elapsed_s);

  const RelayConfig& config_;
  std::vector<RelayedGroup> groups_;
  std::vector<char> buffer_;
  std::vector<iovec> iovecs_;
  std::vector<mmsghdr> messages_;
  std::vector<MemberError> errors_;  // of one send
  Totals last_;                      // at the last line of statistics
};

}  // namespace groupcast
