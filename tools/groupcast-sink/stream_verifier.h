// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tools/groupcast-sink/sequence_window.h"
#include "tools/groupcast-sink/verifier.h"
#include "tools/recipients.h"
#include "tools/test_stream.h"

namespace groupcast {

struct StreamExpectations {
  size_t prepend_bytes = 0;
  size_t append_bytes = 0;
  uint64_t datagrams = 0;  // as Verifier's `expected`
  // The streams ran before we listened: nothing before the first sequence seen is lost.
  bool join_late = false;
  // A recipient that got nothing of a stream is not a member of it.
  bool partial = false;
};

// Verifies our own test streams (tools/test_stream.h).
//
// What a recipient lost of a stream: every sequence from 0 to the last that any recipient saw, or
// that an end-of-stream marker tells, and that it did not see itself. So a recipient that got
// nothing at all has lost everything.
class StreamVerifier : public Verifier {
 public:
  static constexpr size_t kMaxStreams = 256;

  StreamVerifier(std::vector<Recipient> recipients, const StreamExpectations& expectations);

  void Datagram(uint32_t recipient, std::span<const uint8_t> bytes, uint64_t now_ns) override;
  uint64_t Missing() const override;
  void Finish() override;
  std::vector<StreamSummary> Streams() const override;

  // From the sender's clock to the read, of datagrams in the full form. 0 if there were none.
  double mean_delay_ns() const;
  uint64_t max_delay_ns() const { return max_delay_ns_; }

 private:
  // A shared part that was found sound: the other recipients' copies are compared with it.
  struct Verified {
    test_stream::Identity identity;
    std::vector<uint8_t> bytes;
  };

  struct Stream {
    test_stream::Form form;
    uint32_t id;
    uint64_t first = UINT64_MAX;  // lowest sequence seen
    uint64_t end = 0;             // one above the highest, or what a marker said
    bool marked = false;
    std::vector<SequenceWindow> windows;  // by recipient
    std::array<Verified, 64> verified;    // by sequence modulo size

    Verified& Slot(uint64_t sequence) { return verified[sequence % verified.size()]; }
  };

  Stream* Find(test_stream::Form form, uint32_t id);
  Stream* FindOrAdd(test_stream::Form form, uint32_t id);
  test_stream::Finding VerifyShared(std::span<const uint8_t> shared, Stream** stream,
                                    test_stream::Identity* identity);
  uint64_t Expected(const Stream& stream, const SequenceWindow& window) const;

  const std::vector<Recipient> recipients_;
  const StreamExpectations expectations_;
  std::vector<std::unique_ptr<Stream>> streams_;
  Stream* latest_ = nullptr;
  uint64_t delayed_datagrams_ = 0;
  uint64_t delay_sum_ns_ = 0;
  uint64_t max_delay_ns_ = 0;
};

}  // namespace groupcast
