// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <groupcast/statistics.h>

#include <cstring>

#include "tools/groupcastd/output.h"
#include "tools/groupcastd/relay.h"

namespace groupcast {

void Relay::CountErrors(RelayedGroup& group, absl::Span<const MemberError> errors) {
  group.errors += errors.size();
  struct First {
    uint64_t recipients = 0;
    Recipient member;
  };
  std::map<int, First> fresh;  // kinds that were not told
  const uint64_t membership = memberships_.load(std::memory_order_relaxed);
  if (group.told_of != membership) group.told.clear();
  group.told_of = membership;
  for (const MemberError& error : errors) {
    const auto fresh_kind = fresh.find(error.error);
    ++group.errors_by_errno[error.error];
    if (group.told.insert(error.error).second) {
      fresh[error.error] = {1, error.member};
    } else if (fresh_kind != fresh.end()) {
      ++fresh_kind->second.recipients;
    }
  }
  for (const auto& [error, first] : fresh) {
    WriteUnlessBlocked(
        stderr, absl::StrFormat("groupcastd: group=%s: %s (%s) for %d of %d members, first %s "
                                "(%s:%d); further ones are counted only\n",
                                group.name, std::strerror(error), ErrnoName(error),
                                first.recipients, group.recipients.size(), first.member.ToString(),
                                config_.path, first.member.tag()));
  }
}

Relay::Totals Relay::Sum() {
  Totals sum;
  for (Ingress& ingress : ingresses_) {
    const uint32_t dropped = DroppedDatagrams(ingress.socket);
    ingress.group->overflow += dropped - ingress.last_dropped;  // modulo 2^32
    ingress.last_dropped = dropped;
  }
  for (const auto& group : groups_) {
    sum.in += group->datagrams_in;
    sum.out += group->datagrams_out;
    sum.errors += group->errors;
    sum.unsent += group->unsent;
    sum.filtered += group->filtered;
    sum.overflow += group->overflow;
  }
  return sum;
}

void Relay::WriteStatistics(double elapsed_s) {
  const Totals now = Sum();
  const auto rate = [&](uint64_t value, uint64_t before) {
    return static_cast<double>(value - before) / elapsed_s;
  };
  WriteUnlessBlocked(
      stdout,
      absl::StrFormat(
          "groupcastd: stats in_per_s=%.0f out_per_s=%.0f in=%d out=%d engine_packets=%d kernel=%d "
          "errors=%d overflow=%d unsent=%d filtered=%d\n",
          rate(now.in, last_.in), rate(now.out, last_.out), now.in, now.out,
          groupcast_counter_value("packets"), groupcast_counter_value("kernel_recipients"),
          now.errors, now.overflow, now.unsent, now.filtered));
  last_ = now;
}

void Relay::WriteSummary() {
  const Totals total = Sum();
  for (const auto& relayed : groups_) {
    const RelayedGroup& group = *relayed;
    const std::string kinds =
        absl::StrJoin(group.errors_by_errno, ",", [](std::string* out, const auto& kind) {
          absl::StrAppend(out, ErrnoName(kind.first), ":", kind.second);
        });
    WriteUnlessBlocked(
        stdout,
        absl::StrFormat("groupcastd: summary group=%s in=%d out=%d errors=%d overflow=%d unsent=%d "
                        "filtered=%d bytes=%d errnos=%s\n",
                        group.name, group.datagrams_in, group.datagrams_out, group.errors,
                        group.overflow, group.unsent, group.filtered, group.bytes_in,
                        kinds.empty() ? "none" : kinds));
  }
  WriteUnlessBlocked(
      stdout, absl::StrFormat("groupcastd: summary total in=%d out=%d engine_packets=%d kernel=%d "
                              "errors=%d overflow=%d unsent=%d filtered=%d\n",
                              total.in, total.out, groupcast_counter_value("packets"),
                              groupcast_counter_value("kernel_recipients"), total.errors,
                              total.overflow, total.unsent, total.filtered));
}

}  // namespace groupcast
