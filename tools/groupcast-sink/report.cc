// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-sink/report.h"

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace groupcast {
namespace {

constexpr size_t kBadRowsShown = 20;

struct Column {
  const char* name;
  uint64_t RecipientCounts::*value;
};

// One row makes a column of the table and a field of the JSON.
constexpr Column kColumns[] = {
    {"received", &RecipientCounts::received},   {"distinct", &RecipientCounts::distinct},
    {"lost", &RecipientCounts::lost},           {"corrupt", &RecipientCounts::corrupt},
    {"duplicate", &RecipientCounts::duplicate}, {"reordered", &RecipientCounts::reordered},
    {"unknown", &RecipientCounts::unknown},
};

void PrintRow(const std::string& name, const RecipientCounts& counts, FILE* out) {
  absl::FPrintF(out, "%-22s", name);
  for (const Column& column : kColumns) absl::FPrintF(out, " %12d", counts.*column.value);
  absl::FPrintF(out, "\n");
}

void PrintRecipients(const Report& report, bool all, FILE* out) {
  size_t bad = 0;
  for (size_t i = 0; i < report.counts.size(); ++i) {
    const bool is_bad = !report.counts[i].Sound();
    if (is_bad) ++bad;
    if (all || (is_bad && bad <= kBadRowsShown)) {
      PrintRow(ToString(report.recipients[i]), report.counts[i], out);
    }
  }
  if (bad == 0) return;
  absl::FPrintF(out, "%d of %d recipients lost something or got something wrong%s\n", bad,
                report.counts.size(),
                !all && bad > kBadRowsShown ? "; --per-recipient shows all" : "");
}

void PrintNotes(const Report& report, FILE* out) {
  for (const StreamSummary& stream : report.streams) {
    absl::FPrintF(out, "%s: %d datagrams to each recipient%s\n", stream.name, stream.datagrams,
                  stream.end_known ? "" : " (the last ones may be missing: no end marker)");
  }
  if (report.own_buffer_drops > 0) {
    absl::FPrintF(out,
                  "%d datagrams were dropped by this program's own sockets, not by the wire%s\n",
                  report.own_buffer_drops,
                  report.checksum_errors == 0
                      ? ": their buffers were full, raise --receive-buffer"
                      : ": full buffers (--receive-buffer), or the wrong checksums below");
  }
  if (report.checksum_errors > 0) {
    absl::FPrintF(out, "%d datagrams had a wrong UDP checksum (in this network namespace)\n",
                  report.checksum_errors);
  }
  if (report.unexpected > 0) {
    absl::FPrintF(out, "%d datagrams came to our ports for addresses that are no recipients\n",
                  report.unexpected);
  }
  if (report.with_reference && report.references == 0) {
    absl::FPrintF(out, "nothing came to the reference: nothing could be verified\n");
  }
  if (report.reference_drops > 0 || report.bad_references > 0) {
    absl::FPrintF(out,
                  "reference: %d datagrams dropped by our own full socket buffer, %d unusable "
                  "(no RTP, twice, or too old)\n",
                  report.reference_drops, report.bad_references);
  }
  if (report.rtcp > 0) {
    absl::FPrintF(out, "%d RTCP datagrams were let pass unverified\n", report.rtcp);
  }
  if (report.max_delay_us > 0) {
    absl::FPrintF(out, "from sending to reading: mean %.0f us, at most %.0f us\n",
                  report.mean_delay_us, report.max_delay_us);
  }
}

nlohmann::json ToJson(const RecipientCounts& counts) {
  nlohmann::json object;
  for (const Column& column : kColumns) object[column.name] = counts.*column.value;
  return object;
}

}  // namespace

void PrintReport(const Report& report, bool all, FILE* out) {
  absl::FPrintF(out, "%-22s", "recipient");
  for (const Column& column : kColumns) absl::FPrintF(out, " %12s", column.name);
  absl::FPrintF(out, "\n");
  PrintRecipients(report, all, out);
  PrintRow(absl::StrCat("total of ", report.counts.size()), report.total, out);
  PrintNotes(report, out);
  absl::FPrintF(out, "groupcast-sink: summary recipients=%d", report.counts.size());
  for (const Column& column : kColumns) {
    absl::FPrintF(out, " %s=%d", column.name, report.total.*column.value);
  }
  absl::FPrintF(out, " own_buffer_drops=%d seconds=%.3f\n", report.own_buffer_drops,
                report.seconds);
  fflush(out);
}

absl::Status WriteJson(const Report& report, bool all, const std::string& file) {
  nlohmann::json root = ToJson(report.total);
  root["sound"] = report.Sound();
  root["recipients"] = report.counts.size();
  root["seconds"] = report.seconds;
  root["datagrams_per_second"] =
      report.seconds > 0 ? static_cast<double>(report.total.received) / report.seconds : 0.0;
  root["own_buffer_drops"] = report.own_buffer_drops;
  root["checksum_errors"] = report.checksum_errors;
  root["unexpected"] = report.unexpected;
  root["mean_delay_us"] = report.mean_delay_us;
  root["max_delay_us"] = report.max_delay_us;
  if (report.with_reference) {
    root["reference"] = {{"received", report.references},
                         {"own_buffer_drops", report.reference_drops},
                         {"unusable", report.bad_references},
                         {"rtcp", report.rtcp}};
  }
  root["streams"] = nlohmann::json::array();
  for (const StreamSummary& stream : report.streams) {
    root["streams"].push_back(
        {{"name", stream.name}, {"datagrams", stream.datagrams}, {"end_known", stream.end_known}});
  }
  root["per_recipient"] = nlohmann::json::array();
  for (size_t i = 0; i < report.counts.size(); ++i) {
    if (!all && report.counts[i].Sound()) continue;
    nlohmann::json row = ToJson(report.counts[i]);
    row["recipient"] = ToString(report.recipients[i]);
    root["per_recipient"].push_back(std::move(row));
  }
  std::ofstream out(file);
  out << root.dump(1) << '\n';
  out.close();
  if (!out) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot write ", file, "; give --json a file that can be written"));
  }
  return absl::OkStatus();
}

}  // namespace groupcast
