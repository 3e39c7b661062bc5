// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <groupcast/group.h>
#include <groupcast/ingress.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tools/groupcastd/config.h"
#include "tools/groupcastd/group_sockets.h"

namespace groupcast {

// Sends the datagrams of every group to its members: the engine does by itself what it can, the
// rest is done here, on one thread.
class Relay {
 public:
  // Opens the sockets of all groups; the message has a line for each that cannot be opened.
  static absl::StatusOr<std::unique_ptr<Relay>> Open(RelayConfig config);

  // Relays until `stop` becomes readable (an eventfd), and then for at most a second what the
  // ingress sockets hold; what is left there is counted as unsent. Writes a line of statistics each
  // period, none if it is 0. What it writes to a terminal or pipe that takes nothing is dropped.
  absl::Status Run(int stop, double stats_period_s);

  // Takes the members of every group from `config`, those of a group all at once; one other thread
  // may do so while Run() relays, and each datagram goes to the members of one moment. If anything
  // but members differs from what runs, nothing is changed, and the message names each difference.
  absl::Status ChangeMembers(const RelayConfig& config);
  size_t groups() const { return groups_.size(); }
  size_t members() const;
  // Whether the engine receives for every group what it can; any thread.
  bool settled() const;

  // Writes the summary of each group and the total; after Run() and once the engine was detached.
  void WriteSummary();

 private:
  struct RelayedGroup {
    std::string name;
    GroupSockets sockets;
    Group recipients;  // each with its line in the file as tag
    Ingress ingress;
    uint64_t unsent = 0;  // received when it stopped, and sent to nobody
    // Kinds that were told of this membership.
    std::set<int> told = {};
    uint64_t told_of = 0;
  };

  struct Totals {
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t errors = 0;
    uint64_t unsent = 0;
    uint64_t filtered = 0;
    uint64_t overflow = 0;
    uint64_t by_engine = 0;
  };

  explicit Relay(RelayConfig config);

  static size_t BatchOf(const RelayedGroup& group);
  void Forward(RelayedGroup& group);
  void Drain();
  void TellErrors(RelayedGroup& group, absl::Span<const MemberError> errors);
  Totals Sum();
  void WriteStatistics(double elapsed_s);

  const RelayConfig config_;              // as it was started
  std::atomic<uint64_t> memberships_{0};  // changed so often
  std::vector<std::unique_ptr<RelayedGroup>> groups_;
  std::vector<MemberError> errors_;  // of one Forward()
  Totals last_;                      // at the last line of statistics
};

}  // namespace groupcast
