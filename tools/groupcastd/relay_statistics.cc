// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <groupcast/statistics.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/groupcastd/output.h"
#include "tools/groupcastd/relay.h"

namespace groupcast {

void Relay::TellErrors(RelayedGroup& group, absl::Span<const MemberError> errors) {
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

namespace {

uint64_t ErrorsOf(const IngressStatistics& statistics) {
  uint64_t errors = 0;
  for (const auto& [error, recipients] : statistics.errors) errors += recipients;
  return errors;
}

// By name, "WHAT:COUNT,…"; "none" without any.
std::string CountsText(const std::vector<std::pair<std::string, uint64_t>>& counts) {
  std::string text;
  for (const auto& [what, count] : counts) {
    if (count > 0) absl::StrAppend(&text, text.empty() ? "" : ",", what, ":", count);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

Relay::Totals Relay::Sum() {
  Totals sum;
  for (const auto& group : groups_) {
    const IngressStatistics one = group->ingress.statistics();
    sum.in += one.engine_datagrams + one.socket_datagrams;
    sum.by_engine += one.engine_datagrams;
    sum.out += one.sent;
    sum.errors += ErrorsOf(one);
    sum.unsent += one.unsent + one.queue_full + group->unsent;
    sum.filtered += one.filtered + one.bad_checksum + one.not_rtp + one.expired;
    sum.overflow += one.overflow;
  }
  return sum;
}

void Relay::WriteStatistics(double elapsed_s) {
  const Totals now = Sum();
  const auto rate = [&](uint64_t value, uint64_t before) {
    // What was under way may fail, and was not sent then.
    return static_cast<double>(value - std::min(value, before)) / elapsed_s;
  };
  WriteUnlessBlocked(
      stdout,
      absl::StrFormat(
          "groupcastd: stats in_per_s=%.0f out_per_s=%.0f in=%d out=%d engine_packets=%d kernel=%d "
          "errors=%d overflow=%d unsent=%d filtered=%d engine_in=%d\n",
          rate(now.in, last_.in), rate(now.out, last_.out), now.in, now.out,
          groupcast_counter_value("packets"), groupcast_counter_value("kernel_recipients"),
          now.errors, now.overflow, now.unsent, now.filtered, now.by_engine));
  last_ = now;
}

void Relay::WriteSummary() {
  const Totals total = Sum();
  for (const auto& group : groups_) {
    const IngressStatistics one = group->ingress.statistics();
    std::vector<std::pair<std::string, uint64_t>> errnos;
    for (const auto& [error, recipients] : one.errors) {
      errnos.emplace_back(ErrnoName(error), recipients);
    }
    WriteUnlessBlocked(
        stdout,
        absl::StrFormat("groupcastd: summary group=%s in=%d out=%d errors=%d overflow=%d unsent=%d "
                        "filtered=%d bytes=%d errnos=%s engine_in=%d engine_out=%d dropped=%s "
                        "noted=%s left=%s\n",
                        group->name, one.engine_datagrams + one.socket_datagrams, one.sent,
                        ErrorsOf(one), one.overflow, one.unsent + one.queue_full + group->unsent,
                        one.filtered + one.bad_checksum + one.not_rtp + one.expired, one.bytes,
                        CountsText(errnos), one.engine_datagrams, one.sent_by_engine,
                        CountsText({{"source", one.filtered},
                                    {"checksum", one.bad_checksum},
                                    {"not_rtp", one.not_rtp},
                                    {"expired", one.expired},
                                    {"queue_full", one.queue_full}}),
                        CountsText({{"late", one.late}, {"rtp_restarts", one.rtp_restarts}}),
                        CountsText({{"gso", one.left_gso},
                                    {"fragment", one.left_fragment},
                                    {"header", one.left_header},
                                    {"long", one.left_long}})));
  }
  WriteUnlessBlocked(
      stdout, absl::StrFormat("groupcastd: summary total in=%d out=%d engine_packets=%d kernel=%d "
                              "errors=%d overflow=%d unsent=%d filtered=%d engine_in=%d copies=%d "
                              "bad_checksum=%d ring_dropped=%d handed=%d\n",
                              total.in, total.out, groupcast_counter_value("packets"),
                              groupcast_counter_value("kernel_recipients"), total.errors,
                              total.overflow, total.unsent, total.filtered, total.by_engine,
                              groupcast_counter_value("payload_copies"),
                              groupcast_counter_value("ingress_bad_checksum"),
                              groupcast_counter_value("ingress_dropped"),
                              groupcast_counter_value("ingress_handed_over")));
}

}  // namespace groupcast
