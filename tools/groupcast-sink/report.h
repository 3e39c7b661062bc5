// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/groupcast-sink/verifier.h"
#include "tools/recipients.h"

namespace groupcast {

// Everything that a run has shown.
struct Report {
  std::vector<Recipient> recipients;
  std::vector<RecipientCounts> counts;  // by recipient
  std::vector<StreamSummary> streams;
  RecipientCounts total;
  double seconds = 0;  // from the first datagram to the last
  uint64_t own_buffer_drops = 0;
  uint64_t checksum_errors = 0;
  uint64_t unexpected = 0;
  bool with_reference = false;
  uint64_t references = 0;
  uint64_t reference_drops = 0;
  uint64_t bad_references = 0;
  uint64_t rtcp = 0;
  double mean_delay_us = 0;  // our own streams only
  double max_delay_us = 0;

  // Something arrived, and nothing was lost, corrupt, duplicated or left unverified. What our own
  // sockets dropped is lost even where no later datagram shows the gap.
  bool Sound() const { return total.received > 0 && total.Sound() && own_buffer_drops == 0; }
};

// Totals, and one row for each recipient (`all`) or for the first of the bad ones. The last line is
// "groupcast-sink: summary received=… lost=… …".
void PrintReport(const Report& report, bool all, FILE* out);

// The same as JSON; the list of recipients holds all or the bad ones, without a limit.
absl::Status WriteJson(const Report& report, bool all, const std::string& file);

}  // namespace groupcast
