// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/groupcast-sink/sequence_window.h"

namespace groupcast {

// What one recipient got. `received` includes everything below it but `lost`.
struct RecipientCounts {
  uint64_t received = 0;
  uint64_t distinct = 0;   // different datagrams; what --expect counts
  uint64_t corrupt = 0;    // not what was sent, or nothing that belongs here
  uint64_t duplicate = 0;  // seen before
  uint64_t reordered = 0;  // later than one sent after it
  uint64_t unknown = 0;    // could not be verified: the reference has no such datagram
  uint64_t lost = 0;       // set by Verifier::Finish()

  void Add(const RecipientCounts& other) {
    received += other.received;
    distinct += other.distinct;
    corrupt += other.corrupt;
    duplicate += other.duplicate;
    reordered += other.reordered;
    unknown += other.unknown;
    lost += other.lost;
  }

  bool Sound() const { return lost == 0 && corrupt == 0 && duplicate == 0 && unknown == 0; }

  // False if it was a duplicate.
  bool Count(SequenceWindow::Arrival arrival) {
    if (arrival == SequenceWindow::Arrival::kDuplicate) {
      ++duplicate;
      return false;
    }
    if (arrival == SequenceWindow::Arrival::kReordered) ++reordered;
    ++distinct;
    return true;
  }
};

// One stream that was seen, as it is reported.
struct StreamSummary {
  std::string name;
  uint64_t datagrams = 0;  // that each recipient should have got
  bool end_known = false;  // by an end-of-stream marker, or by the reference
};

// Judges each datagram. One thread; no allocation per datagram in the steady state.
class Verifier {
 public:
  // `expected`: different datagrams that each recipient gets over all streams; fewer are lost. 0:
  // what the streams themselves say.
  Verifier(size_t recipients, uint64_t expected) : counts_(recipients), expected_(expected) {}
  virtual ~Verifier() = default;

  // A datagram that arrived for the recipient with this index. `now_ns`: CLOCK_MONOTONIC.
  virtual void Datagram(uint32_t recipient, std::span<const uint8_t> bytes, uint64_t now_ns) = 0;

  // A datagram that came straight from the producer.
  virtual void Reference(std::span<const uint8_t>) {}

  // Datagrams that at least one recipient or the reference has seen and others have not, now.
  virtual uint64_t Missing() const = 0;

  // From now on only what belongs to a groupcast that was seen already counts: the end of a run in
  // the middle of a stream cuts no groupcast in two.
  void Close() { closed_ = true; }

  // Nothing more will come: decides what is still open and sets `lost`.
  virtual void Finish() = 0;

  virtual std::vector<StreamSummary> Streams() const = 0;

  // A datagram that is not whole, longer than it may be, or has a wrong checksum.
  void Unusable(uint32_t recipient) {
    ++counts_[recipient].received;
    ++counts_[recipient].corrupt;
  }

  const std::vector<RecipientCounts>& counts() const { return counts_; }

 protected:
  void SetLost(size_t recipient, uint64_t lost_of_streams) {
    RecipientCounts& counts = counts_[recipient];
    counts.lost = std::max(lost_of_streams, expected_ - std::min(expected_, counts.distinct));
  }

  std::vector<RecipientCounts> counts_;
  bool closed_ = false;

 private:
  const uint64_t expected_;
};

}  // namespace groupcast
