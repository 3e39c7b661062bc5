// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <algorithm>
#include <cstdint>

namespace groupcast {

// How fast a group's packets may leave.
struct PaceRate {
  double bytes_per_s = 0;    // of frames, from the Ethernet header on; 0: no limit
  uint32_t burst_bytes = 0;  // at once after a pause; at least one frame always passes
};

// A token bucket on a clock of `ticks_per_s`. One thread's.
class Pacer {
 public:
  Pacer(const PaceRate& rate, uint64_t ticks_per_s)
      : bytes_per_tick_(rate.bytes_per_s / static_cast<double>(ticks_per_s)),
        burst_(rate.burst_bytes) {}

  // How many of `most` frames of this length may leave now; none until half a burst may, or all.
  uint16_t Allows(uint64_t now, uint32_t frame_bytes, uint16_t most) {
    if (bytes_per_tick_ == 0) return most;
    const double burst = std::max<double>(burst_, frame_bytes);
    if (last_ == 0) bytes_ = burst;
    if (now > last_) {
      bytes_ = std::min(burst, bytes_ + static_cast<double>(now - last_) * bytes_per_tick_);
      last_ = now;
    }
    // Little by little would cost more than the packets themselves.
    const double least = std::min({static_cast<double>(most) * frame_bytes, burst_ / 2, burst});
    if (bytes_ < std::max<double>(least, frame_bytes)) return 0;
    return static_cast<uint16_t>(std::min<double>(most, bytes_ / frame_bytes));
  }
  void Used(uint32_t bytes) { bytes_ -= bytes; }

 private:
  double bytes_per_tick_;
  double burst_;
  double bytes_ = 0;
  uint64_t last_ = 0;
};

}  // namespace groupcast
