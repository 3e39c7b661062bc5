// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-sink/reference_verifier.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"

namespace groupcast {
namespace {

constexpr size_t kRtpHeaderBytes = 12;

bool IsRtp(std::span<const uint8_t> bytes) {
  return bytes.size() >= kRtpHeaderBytes && bytes[0] >> 6 == 2;
}

// RFC 5761, section 4: these values of the second byte are RTCP packet types.
bool IsRtcp(std::span<const uint8_t> bytes) {
  return bytes.size() >= 8 && bytes[0] >> 6 == 2 && bytes[1] >= 192 && bytes[1] <= 223;
}

RtpHeader ReadRtp(std::span<const uint8_t> bytes) {
  return {static_cast<uint16_t>(bytes[2] << 8 | bytes[3]),
          uint32_t{bytes[8]} << 24 | uint32_t{bytes[9]} << 16 | uint32_t{bytes[10]} << 8 |
              uint32_t{bytes[11]}};
}

// RFC 3550, appendix A.1, in 64 bits: the sequence nearest to `newest` with these low 16 bits.
uint64_t Extend(uint64_t newest, uint16_t sequence) {
  const auto step = static_cast<int16_t>(sequence - static_cast<uint16_t>(newest));
  return newest + static_cast<uint64_t>(static_cast<int64_t>(step));
}

bool Equal(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

ReferenceVerifier::ReferenceVerifier(size_t recipients, size_t window, uint64_t expected)
    : Verifier(recipients, expected), window_(window) {}

ReferenceVerifier::Stream* ReferenceVerifier::Find(uint32_t ssrc) {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [ssrc](const auto& stream) { return stream->ssrc == ssrc; });
  return found == streams_.end() ? nullptr : found->get();
}

bool ReferenceVerifier::IsKnown(const RtpHeader& rtp) {
  const Stream* stream = Find(rtp.ssrc);
  if (stream == nullptr) return false;
  const uint64_t sequence = Extend(stream->newest, rtp.sequence);
  const Slot& slot = stream->slots[sequence % window_];
  return sequence <= stream->newest || (slot.sequence == sequence && !slot.waiting.empty());
}

void ReferenceVerifier::DropOneWithoutReference() {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [](const auto& stream) { return !stream->has_reference; });
  if (found == streams_.end()) return;
  for (Slot& slot : (*found)->slots) GiveUp(&slot);
  streams_.erase(found);
}

ReferenceVerifier::Stream* ReferenceVerifier::FindOrAdd(uint32_t ssrc, uint16_t sequence) {
  if (Stream* stream = Find(ssrc); stream != nullptr) return stream;
  if (streams_.size() == kMaxStreams) return nullptr;
  streams_.push_back(std::make_unique<Stream>());
  Stream* stream = streams_.back().get();
  stream->ssrc = ssrc;
  // One turn up, so that what was sent before the first that arrives has a number, too.
  stream->newest = uint64_t{1} << 16 | sequence;
  stream->slots.resize(window_);
  stream->windows.resize(counts_.size());
  return stream;
}

ReferenceVerifier::Slot* ReferenceVerifier::FindSlot(Stream* stream, uint64_t sequence) {
  // Ahead and behind together span no more than the slots there are.
  const uint64_t ahead = window_ / 4;
  const uint64_t behind = window_ - ahead;
  if (sequence > stream->newest + ahead || sequence + behind <= stream->newest) return nullptr;
  Slot& slot = stream->slots[sequence % window_];
  if (slot.sequence != sequence) {
    GiveUp(&slot);
    slot.sequence = sequence;
    slot.has_reference = false;
  }
  return &slot;
}

void ReferenceVerifier::GiveUp(Slot* slot) {
  for (const Waiting& waiting : slot->waiting) ++counts_[waiting.recipient].unknown;
  waiting_ -= slot->waiting.size();
  slot->waiting.clear();
  slot->contents.clear();
}

void ReferenceVerifier::Judge(Stream* stream, uint32_t recipient, uint64_t sequence, bool equal) {
  RecipientCounts& counts = counts_[recipient];
  if (!equal) ++counts.corrupt;
  counts.Count(stream->windows[recipient].Note(sequence));
}

void ReferenceVerifier::Wait(Slot* slot, uint32_t recipient, std::span<const uint8_t> bytes) {
  const auto same = std::find_if(slot->contents.begin(), slot->contents.end(),
                                 [bytes](const auto& content) { return Equal(content, bytes); });
  const auto content = static_cast<uint32_t>(same - slot->contents.begin());
  const bool is_new = same == slot->contents.end();
  if (waiting_ == kMaxWaiting || (is_new && content == kMaxContents)) {
    ++counts_[recipient].unknown;
    return;
  }
  if (is_new) slot->contents.emplace_back(bytes.begin(), bytes.end());
  slot->waiting.push_back({recipient, content});
  ++waiting_;
}

void ReferenceVerifier::Datagram(uint32_t recipient, std::span<const uint8_t> bytes, uint64_t) {
  if (IsRtcp(bytes)) {
    ++rtcp_;
    return;
  }
  RecipientCounts& counts = counts_[recipient];
  if (closed_ && IsRtp(bytes) && !IsKnown(ReadRtp(bytes))) return;
  ++counts.received;
  if (!IsRtp(bytes)) {
    ++counts.corrupt;
    return;
  }
  const RtpHeader rtp = ReadRtp(bytes);
  Stream* stream = FindOrAdd(rtp.ssrc, rtp.sequence);
  if (stream == nullptr) {
    ++counts.unknown;
    return;
  }
  const uint64_t sequence = Extend(stream->newest, rtp.sequence);
  Slot* slot = FindSlot(stream, sequence);
  if (slot == nullptr) {
    ++counts.unknown;
  } else if (slot->has_reference) {
    Judge(stream, recipient, sequence, Equal(slot->reference, bytes));
  } else {
    Wait(slot, recipient, bytes);
  }
}

void ReferenceVerifier::Reference(std::span<const uint8_t> bytes) {
  if (IsRtcp(bytes)) {
    ++rtcp_;
    return;
  }
  if (!IsRtp(bytes)) {
    ++bad_references_;
    return;
  }
  const RtpHeader rtp = ReadRtp(bytes);
  if (closed_ && !IsKnown(rtp)) return;
  if (streams_.size() == kMaxStreams && Find(rtp.ssrc) == nullptr) DropOneWithoutReference();
  Stream* stream = FindOrAdd(rtp.ssrc, rtp.sequence);
  if (stream == nullptr) {
    ++bad_references_;
    return;
  }
  const uint64_t sequence = Extend(stream->newest, rtp.sequence);
  // Only the reference moves the window: a recipient's damaged header must not.
  if (!stream->has_reference || sequence > stream->newest) stream->newest = sequence;
  stream->has_reference = true;
  Slot* slot = FindSlot(stream, sequence);
  if (slot == nullptr || slot->has_reference) {
    ++bad_references_;
    return;
  }
  slot->has_reference = true;
  slot->reference.assign(bytes.begin(), bytes.end());
  ++stream->references;
  ++references_;
  for (const Waiting& waiting : slot->waiting) {
    Judge(stream, waiting.recipient, sequence, Equal(slot->contents[waiting.content], bytes));
  }
  waiting_ -= slot->waiting.size();
  slot->waiting.clear();
  slot->contents.clear();
}

uint64_t ReferenceVerifier::Missing() const {
  uint64_t missing = 0;
  for (const auto& stream : streams_) {
    for (const SequenceWindow& window : stream->windows) {
      missing += stream->references - std::min(stream->references, window.distinct());
    }
  }
  return missing;
}

void ReferenceVerifier::Finish() {
  for (const auto& stream : streams_) {
    for (Slot& slot : stream->slots) GiveUp(&slot);
  }
  for (size_t i = 0; i < counts_.size(); ++i) {
    uint64_t lost = 0;
    for (const auto& stream : streams_) {
      lost += stream->references - std::min(stream->references, stream->windows[i].distinct());
    }
    SetLost(i, lost);
  }
}

std::vector<StreamSummary> ReferenceVerifier::Streams() const {
  std::vector<StreamSummary> summaries;
  for (const auto& stream : streams_) {
    summaries.push_back({absl::StrFormat("RTP SSRC 0x%08x", stream->ssrc), stream->references,
                         stream->has_reference});
  }
  return summaries;
}

}  // namespace groupcast
