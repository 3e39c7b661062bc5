// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_jhash.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/datapath/header_line.h"

namespace groupcast {

// The fixed header of RTP (RFC 3550, section 5.1): what a recipient gets of its own.
inline constexpr uint16_t kRtpHeader = 12;

// A packet's place in its group's outgoing stream, in host byte order; a recipient's own offsets
// come on top.
struct RtpPlace {
  uint8_t bits[2];  // version to CSRC count, marker and payload type: as they came
  uint16_t sequence;
  uint32_t timestamp;
};

// Makes one outgoing stream of what a group's sources send, one after the other or at once: when a
// source restarts, sequence numbers go on where they were, and timestamps by the time that passed.
// One thread's.
class RtpStream {
 public:
  // `ticks_per_second`: of the clock that Translate() is given.
  RtpStream(uint32_t clock_rate, uint64_t ticks_per_second)
      : clock_rate_(clock_rate), ticks_per_second_(ticks_per_second) {}

  // False: these bytes are no RTP data packet (section 5.1; RTCP is told by its packet types,
  // RFC 5761, section 4).
  bool Translate(const uint8_t* packet, size_t len, uint64_t now, RtpPlace* place);

  uint64_t restarts() const { return restarts_; }
  // What is added to the numbers of the source that it follows.
  uint32_t source() const { return source_; }
  uint16_t sequence_base() const { return sequence_base_; }
  uint32_t timestamp_base() const { return timestamp_base_; }

 private:
  bool Continues(uint32_t source, uint16_t sequence) const;

  uint32_t clock_rate_;
  uint64_t ticks_per_second_;
  bool begun_ = false;
  uint32_t source_ = 0;         // SSRC as it came
  uint16_t newest_ = 0;         // sequence as it came, the furthest of this source
  uint16_t sequence_base_ = 0;  // added to what comes
  uint32_t timestamp_base_ = 0;
  uint32_t last_timestamp_ = 0;  // sent, of the furthest
  uint64_t last_ = 0;            // when that was
  uint64_t restarts_ = 0;
};

// A stream's bases for another thread, whose packets are to have their place in it.
// RtpStream's thread: w; others: r
class RtpBases {
 public:
  void Publish(const RtpStream& stream) {
    const uint64_t source = uint64_t{stream.source()} << 32;
    sequence_.store(source | kKnown | stream.sequence_base(), std::memory_order_relaxed);
    timestamp_.store(source | stream.timestamp_base(), std::memory_order_relaxed);
  }
  // Gives an untranslated packet its place; false: its source is not the one that is followed.
  bool Translate(const uint8_t* packet, RtpPlace* place) const;

 private:
  static constexpr uint64_t kKnown = 1 << 16;
  // Each with its source, so that two of different ones are told.
  std::atomic<uint64_t> sequence_{0};
  std::atomic<uint64_t> timestamp_{0};
};

// What makes one recipient's stream its own. The same for the same member and secret, whoever asks.
struct RtpOffsets {
  uint32_t source;  // its SSRC
  uint32_t timestamp;
  uint16_t sequence;
};

inline RtpOffsets RtpOffsetsOf(uint64_t secret, const IpAddress& address, rte_be16_t udp_port) {
  // They are to be random (section 5.1).
  auto source = static_cast<uint32_t>(secret);
  auto timestamp = static_cast<uint32_t>(secret >> 32) + udp_port;
  rte_jhash_2hashes(address.bytes.data(), sizeof(address.bytes), &source, &timestamp);
  return {source, timestamp, static_cast<uint16_t>(rte_jhash_1word(source, timestamp))};
}

// Writes a recipient's kRtpHeader bytes.
inline void WriteRtp(const RtpPlace& place, const RtpOffsets& own, uint8_t* at) {
  at[0] = place.bits[0];
  at[1] = place.bits[1];
  const rte_be16_t sequence =
      rte_cpu_to_be_16(static_cast<uint16_t>(place.sequence + own.sequence));
  const rte_be32_t timestamp = rte_cpu_to_be_32(place.timestamp + own.timestamp);
  const rte_be32_t source = rte_cpu_to_be_32(own.source);
  std::memcpy(at + 2, &sequence, sizeof(sequence));
  std::memcpy(at + 4, &timestamp, sizeof(timestamp));
  std::memcpy(at + 8, &source, sizeof(source));
}

}  // namespace groupcast
