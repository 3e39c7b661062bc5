// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tools/groupcast-sink/sequence_window.h"
#include "tools/groupcast-sink/verifier.h"

namespace groupcast {

struct RtpHeader {
  uint16_t sequence;
  uint32_t ssrc;
};

// Verifies a foreign RTP stream (RFC 3550) against a copy that came straight from the producer,
// byte for byte, by SSRC and sequence. Either may arrive first.
//
// The reference and the recipients get the stream from its first packet on, so a recipient has lost
// every packet that the reference has and it has not. RTCP on the same port (RFC 5761) has no
// sequence and is let pass unverified.
//
// Memory: `window` packets per SSRC (a quarter of them ahead of the newest reference), at most
// kMaxStreams of them, and what waits for its reference: kMaxWaiting entries, kMaxContents
// different ones for one sequence. What does not fit is counted as unknown.
class ReferenceVerifier : public Verifier {
 public:
  static constexpr size_t kMaxStreams = 16;
  static constexpr size_t kMaxWaiting = size_t{1} << 22;
  static constexpr size_t kMaxContents = 16;
  static constexpr size_t kMaxWindow = size_t{1} << 14;

  // `window`: a power of two up to kMaxWindow.
  ReferenceVerifier(size_t recipients, size_t window, uint64_t expected = 0);

  void Datagram(uint32_t recipient, std::span<const uint8_t> bytes, uint64_t now_ns) override;
  void Reference(std::span<const uint8_t> bytes) override;
  uint64_t Missing() const override;
  void Finish() override;
  std::vector<StreamSummary> Streams() const override;

  uint64_t references() const { return references_; }
  uint64_t rtcp() const { return rtcp_; }
  // At the reference itself: no RTP, seen twice, or older than the window.
  uint64_t bad_references() const { return bad_references_; }

 private:
  // A recipient's packet that came before its reference: an index into the slot's contents.
  struct Waiting {
    uint32_t recipient;
    uint32_t content;
  };

  struct Slot {
    uint64_t sequence = UINT64_MAX;
    bool has_reference = false;
    std::vector<uint8_t> reference;
    std::vector<std::vector<uint8_t>> contents;  // different ones; one, unless something is wrong
    std::vector<Waiting> waiting;
  };

  struct Stream {
    uint32_t ssrc = 0;
    uint64_t newest = 0;  // extended sequence
    bool has_reference = false;
    uint64_t references = 0;
    std::vector<Slot> slots;
    std::vector<SequenceWindow> windows;  // by recipient
  };

  Stream* Find(uint32_t ssrc);
  // Whether the reference, or a recipient that waits for it, has had this packet or a later one.
  bool IsKnown(const RtpHeader& rtp);
  Stream* FindOrAdd(uint32_t ssrc, uint16_t sequence);
  // Makes room for a stream of the reference: damaged headers may have taken all places.
  void DropOneWithoutReference();
  // The slot of a sequence near `newest`, emptied if an older one was in it; null if too far away.
  Slot* FindSlot(Stream* stream, uint64_t sequence);
  void Judge(Stream* stream, uint32_t recipient, uint64_t sequence, bool equal);
  void Wait(Slot* slot, uint32_t recipient, std::span<const uint8_t> bytes);
  void GiveUp(Slot* slot);

  const size_t window_;
  std::vector<std::unique_ptr<Stream>> streams_;
  size_t waiting_ = 0;
  uint64_t references_ = 0;
  uint64_t bad_references_ = 0;
  uint64_t rtcp_ = 0;
};

}  // namespace groupcast
