// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// groupcast-sink: receives for thousands of recipients and verifies every byte.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "tools/command_line.h"
#include "tools/groupcast-sink/receiver.h"
#include "tools/groupcast-sink/reference_verifier.h"
#include "tools/groupcast-sink/report.h"
#include "tools/groupcast-sink/stream_verifier.h"
#include "tools/recipients.h"

namespace groupcast {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFoundFaults = 1;
constexpr int kCouldNotRun = 2;

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

struct Options {
  std::vector<std::string> recipients;
  std::string recipients_file;
  std::vector<std::string> watched;
  std::string reference;
  size_t reference_window = 8192;
  StreamExpectations stream;
  double seconds = 0;
  double idle_seconds = 0;
  size_t receive_buffer_mib = 0;
  size_t max_datagram_bytes = 9216;
  bool progress = false;
  bool per_recipient = false;
  std::string json;
};

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

void DefineOptions(Options* options, CLI::App* app) {
  app->add_option("--recipients", options->recipients, kRecipientsHelp);
  app->add_option("--recipients-file", options->recipients_file, kRecipientsFileHelp);
  app->add_option("--watch", options->watched,
                  "ADDR:PORT of a recipient that another program here receives: its datagrams are "
                  "verified on their way in (packet socket, needs root). Repeatable");
  app->add_option("--prepend", options->stream.prepend_bytes,
                  "Length of the private part before the shared one, in bytes")
      ->check(CLI::Range(0, 65507));
  app->add_option("--append", options->stream.append_bytes,
                  "Length of the private part behind the shared one, in bytes")
      ->check(CLI::Range(0, 65507));
  app->add_option("--expect", options->stream.datagrams,
                  "End when each recipient has N different datagrams; fewer are lost")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()));
  app->add_option("--seconds", options->seconds, "End after so many seconds")
      ->check(NumberFrom(0, 1e9));
  app->add_option("--idle", options->idle_seconds,
                  "End when nothing has come for so many seconds, once something has")
      ->check(NumberFrom(0, 1e9));
  app->add_flag("--join-late", options->stream.join_late,
                "The streams run already: what was before their first datagram here is not lost");
  app->add_flag("--partial", options->stream.partial,
                "A recipient that gets nothing of a stream is not meant to");
  app->add_option("--reference", options->reference,
                  "ADDR:PORT where a copy of an RTP stream comes straight from its producer: every "
                  "datagram is compared with it, instead of being one of our test streams");
  app->add_option("--reference-window", options->reference_window,
                  "Packets kept for comparing, a power of two")
      ->check(CLI::Range(size_t{64}, ReferenceVerifier::kMaxWindow));
  app->add_option("--receive-buffer", options->receive_buffer_mib,
                  "Receive buffer of each socket in MiB (default: 1 to 64 by their number)")
      ->check(CLI::Range(1, 1023));
  app->add_option("--max-datagram", options->max_datagram_bytes, "Longer ones count as corrupt")
      ->check(CLI::Range(1, 65507));
  app->add_flag("--progress", options->progress, "One line a second");
  app->add_flag("--per-recipient", options->per_recipient,
                "Report every recipient, not only those where something is wrong");
  app->add_option("--json", options->json, "Write the report to this file, too");
  app->footer(
      "Exit status: 0 if something came and nothing was lost, corrupt, duplicated or left "
      "unverified, 1 if not, 2 if it could not run. SIGINT and SIGTERM end it with a report.");
}

absl::StatusOr<ReceiverConfig> ToReceiverConfig(const Options& options) {
  ReceiverConfig config;
  config.receive_buffer_bytes = options.receive_buffer_mib << 20;
  config.max_datagram_bytes = options.max_datagram_bytes;
  if (!options.recipients.empty() || !options.recipients_file.empty() || options.watched.empty()) {
    auto recipients = CollectRecipients(options.recipients, options.recipients_file);
    if (!recipients.ok()) return recipients.status();
    config.recipients = *std::move(recipients);
  }
  for (const std::string& watched : options.watched) {
    auto recipient = ParseRecipient(watched);
    if (!recipient.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--watch ", recipient.status().message()));
    }
    config.watched.push_back(*recipient);
  }
  if (!options.reference.empty()) {
    auto reference = ParseRecipient(options.reference);
    if (!reference.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--reference ", reference.status().message()));
    }
    config.reference = *reference;
    if ((options.reference_window & (options.reference_window - 1)) != 0) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--reference-window %d is not a power of two; use %d",
                          options.reference_window, ReferenceVerifier::kMaxWindow));
    }
  }
  return config;
}

// One run, from the first to the last datagram.
class Run {
 public:
  Run(const Options& options, Verifier* verifier, Receiver* receiver)
      : options_(options), verifier_(verifier), receiver_(receiver), started_(Clock::now()) {}

  void UntilEnd() {
    Clock::time_point next_progress = started_ + std::chrono::seconds(1);
    while (!Ended()) {
      Poll(20);
      if (options_.progress && now_ >= next_progress) {
        PrintProgress();
        next_progress += std::chrono::seconds(1);
      }
    }
    // What is in the sockets has arrived, and what was sent of a groupcast that some have seen is
    // on its way. Bounded: a stream may still run.
    verifier_->Close();
    const Clock::time_point earliest = now_ + std::chrono::milliseconds(100);
    const Clock::time_point latest = now_ + std::chrono::seconds(1);
    while ((Poll(10) > 0 || now_ < earliest) && now_ < latest) {
    }
  }

  double DatagramSeconds() const { return any_ ? Seconds(last_ - first_) : 0; }

 private:
  size_t Poll(int timeout_ms) {
    const size_t count = receiver_->Poll(timeout_ms);
    now_ = Clock::now();
    if (count > 0) {
      if (!any_) first_ = now_;
      any_ = true;
      last_ = now_;
    }
    return count;
  }

  bool Ended() {
    if (stop_requested) return true;
    if (options_.seconds > 0 && Seconds(now_ - started_) >= options_.seconds) return true;
    if (options_.idle_seconds > 0 && any_ && Seconds(now_ - last_) >= options_.idle_seconds) {
      return true;
    }
    return options_.stream.datagrams > 0 && AllHave(options_.stream.datagrams);
  }

  // Looks at a recipient again only until it has all: the rest of the loop is never repeated.
  bool AllHave(uint64_t datagrams) {
    const std::vector<RecipientCounts>& counts = verifier_->counts();
    while (complete_ < counts.size() && counts[complete_].distinct >= datagrams) ++complete_;
    return complete_ == counts.size();
  }

  void PrintProgress() {
    RecipientCounts total;
    for (const RecipientCounts& counts : verifier_->counts()) total.Add(counts);
    absl::PrintF(
        "groupcast-sink: %.0f s received=%d missing=%d corrupt=%d duplicate=%d unknown=%d "
        "own_buffer_drops=%d datagrams_per_second=%d\n",
        Seconds(now_ - started_), total.received, verifier_->Missing(), total.corrupt,
        total.duplicate, total.unknown, receiver_->OwnBufferDrops(), total.received - reported_);
    fflush(stdout);
    reported_ = total.received;
  }

  const Options& options_;
  Verifier* const verifier_;
  Receiver* const receiver_;
  const Clock::time_point started_;
  Clock::time_point now_ = started_;
  Clock::time_point first_;
  Clock::time_point last_;
  bool any_ = false;
  size_t complete_ = 0;
  uint64_t reported_ = 0;
};

int Fail(const absl::Status& status) {
  absl::FPrintF(stderr, "groupcast-sink: %s\n", std::string(status.message()));
  return kCouldNotRun;
}

int Sink(const Options& options) {
  absl::StatusOr<ReceiverConfig> config = ToReceiverConfig(options);
  if (!config.ok()) return Fail(config.status());

  Report report;
  report.recipients = config->recipients;
  report.recipients.insert(report.recipients.end(), config->watched.begin(), config->watched.end());
  report.with_reference = config->reference.has_value();

  std::unique_ptr<StreamVerifier> own;
  std::unique_ptr<ReferenceVerifier> foreign;
  Verifier* verifier;
  if (report.with_reference) {
    foreign = std::make_unique<ReferenceVerifier>(
        report.recipients.size(), options.reference_window, options.stream.datagrams);
    verifier = foreign.get();
  } else {
    own = std::make_unique<StreamVerifier>(report.recipients, options.stream);
    verifier = own.get();
  }

  absl::StatusOr<std::unique_ptr<Receiver>> receiver = Receiver::Create(*config, verifier);
  if (!receiver.ok()) return Fail(receiver.status());
  absl::PrintF("groupcast-sink: ready recipients=%d sockets=%d\n", report.recipients.size(),
               (*receiver)->sockets());
  fflush(stdout);

  Run run(options, verifier, receiver->get());
  run.UntilEnd();

  verifier->Finish();
  report.counts = verifier->counts();
  for (const RecipientCounts& counts : report.counts) report.total.Add(counts);
  report.streams = verifier->Streams();
  report.seconds = run.DatagramSeconds();
  report.own_buffer_drops = (*receiver)->OwnBufferDrops();
  report.checksum_errors = (*receiver)->ChecksumErrors();
  report.unexpected = (*receiver)->unexpected();
  if (foreign != nullptr) {
    report.references = foreign->references();
    report.reference_drops = (*receiver)->ReferenceDrops();
    report.bad_references = foreign->bad_references();
    report.rtcp = foreign->rtcp();
  } else {
    report.mean_delay_us = own->mean_delay_ns() / 1000;
    report.max_delay_us = static_cast<double>(own->max_delay_ns()) / 1000;
  }
  PrintReport(report, options.per_recipient, stdout);
  if (!options.json.empty()) {
    if (absl::Status status = WriteJson(report, options.per_recipient, options.json);
        !status.ok()) {
      return Fail(status);
    }
  }
  return report.Sound() ? 0 : kFoundFaults;
}

}  // namespace
}  // namespace groupcast

int main(int argc, char** argv) try {
  groupcast::Options options;
  CLI::App app("Receives for thousands of recipients and verifies every byte.", "groupcast-sink");
  groupcast::DefineOptions(&options, &app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : groupcast::kCouldNotRun;
  }
  struct sigaction action = {};
  action.sa_handler = [](int) { groupcast::stop_requested = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return groupcast::Sink(options);
} catch (const std::exception& error) {
  // Memory, in the first place; command lines are dealt with above.
  std::fprintf(stderr, "groupcast-sink: %s\n", error.what());
  return groupcast::kCouldNotRun;
}
