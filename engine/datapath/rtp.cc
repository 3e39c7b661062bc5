// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/rtp.h"

namespace groupcast {
namespace {

// RFC 3550, appendix A.1.
constexpr uint16_t kMaxDropout = 3000;
constexpr uint16_t kMaxMisorder = 100;

uint32_t Load32(const uint8_t* at) {
  rte_be32_t value;
  std::memcpy(&value, at, sizeof(value));
  return rte_be_to_cpu_32(value);
}

uint16_t Load16(const uint8_t* at) {
  rte_be16_t value;
  std::memcpy(&value, at, sizeof(value));
  return rte_be_to_cpu_16(value);
}

bool IsRtp(const uint8_t* packet, size_t len) {
  if (len < kRtpHeader || packet[0] >> 6 != 2) return false;
  if (packet[1] >= 192 && packet[1] <= 223) return false;  // RTCP
  size_t headers = kRtpHeader + size_t{packet[0] & 0xfu} * 4;
  if ((packet[0] & 0x10) != 0) {
    if (len < headers + 4) return false;
    headers += 4 + size_t{Load16(packet + headers + 2)} * 4;
  }
  if (len < headers) return false;
  // The last byte says how many there are, itself included.
  const bool padded = (packet[0] & 0x20) != 0;
  return !padded || (len > headers && packet[len - 1] != 0 && packet[len - 1] <= len - headers);
}

}  // namespace

bool RtpBases::Translate(const uint8_t* packet, RtpPlace* place) const {
  const uint64_t sequence = sequence_.load(std::memory_order_relaxed);
  const uint64_t timestamp = timestamp_.load(std::memory_order_relaxed);
  const uint32_t source = Load32(packet + 8);
  if ((sequence & kKnown) == 0 || sequence >> 32 != source || timestamp >> 32 != source) {
    return false;
  }
  place->sequence = static_cast<uint16_t>(Load16(packet + 2) + sequence);
  place->timestamp = Load32(packet + 4) + static_cast<uint32_t>(timestamp);
  return true;
}

// Whether a packet belongs to where the source was. A single one that is far off makes two
// restarts: what recipients get stays continuous.
bool RtpStream::Continues(uint32_t source, uint16_t sequence) const {
  const auto ahead = static_cast<uint16_t>(sequence - newest_);
  return begun_ && source == source_ && (ahead < kMaxDropout || ahead > UINT16_MAX - kMaxMisorder);
}

bool RtpStream::Translate(const uint8_t* packet, size_t len, uint64_t now, RtpPlace* place) {
  if (!IsRtp(packet, len)) return false;
  const uint16_t sequence = Load16(packet + 2);
  const uint32_t timestamp = Load32(packet + 4), source = Load32(packet + 8);
  if (!Continues(source, sequence)) {
    if (begun_) {
      // Packets may come by lcores whose clocks differ a little.
      const uint64_t ticks = now > last_ ? now - last_ : 0;
      const auto passed = static_cast<uint32_t>(static_cast<double>(ticks) * clock_rate_ /
                                                static_cast<double>(ticks_per_second_));
      const auto sent = static_cast<uint16_t>(newest_ + sequence_base_);
      sequence_base_ = static_cast<uint16_t>(sent + 1 - sequence);
      timestamp_base_ = last_timestamp_ + passed - timestamp;
      restarts_++;
    }
    begun_ = true;
    source_ = source;
    newest_ = sequence;
  }
  place->bits[0] = packet[0];
  place->bits[1] = packet[1];
  place->sequence = static_cast<uint16_t>(sequence + sequence_base_);
  place->timestamp = timestamp + timestamp_base_;
  if (static_cast<uint16_t>(sequence - newest_) < kMaxDropout) {
    newest_ = sequence;
    last_timestamp_ = place->timestamp;
    last_ = now;
  }
  return true;
}

}  // namespace groupcast
