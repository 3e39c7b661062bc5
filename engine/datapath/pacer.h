// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_meter.h>

#include <algorithm>
#include <cstdint>

namespace groupcast {

// How fast a group's packets may leave.
struct PaceRate {
  uint64_t bytes_per_s = 0;  // of frames, from the Ethernet header on; 0: no limit
  uint32_t burst_bytes = 0;  // at once after a pause; at least the longest frame
};

// A token bucket on the TSC (rte_meter's, of one colour) that gives frames leave by the half burst:
// one by one they would cost more than they do themselves. One thread's.
class Pacer {
 public:
  explicit Pacer(const PaceRate& rate)
      : limits_(rate.bytes_per_s > 0), half_burst_(rate.burst_bytes / 2) {
    if (!limits_) return;
    rte_meter_srtcm_params params = {rate.bytes_per_s, rate.burst_bytes, 0};
    rte_meter_srtcm_profile_config(&profile_, &params);
    rte_meter_srtcm_config(&meter_, &profile_);
  }

  // How many of `most` frames of this length may leave now.
  uint16_t Allows(uint64_t now_tsc, uint32_t frame_bytes, uint16_t most) {
    if (!limits_) return most;
    if (allowed_ == 0) {
      const auto n = static_cast<uint16_t>(
          std::clamp<uint32_t>(half_burst_ / frame_bytes, 1, std::max<uint16_t>(most, 1)));
      if (rte_meter_srtcm_color_blind_check(&meter_, &profile_, now_tsc, n * frame_bytes) ==
          RTE_COLOR_GREEN) {
        allowed_ = n;
      }
    }
    return std::min(allowed_, most);
  }
  // Of those that were allowed.
  void Used(uint16_t frames) {
    if (limits_) allowed_ = static_cast<uint16_t>(allowed_ - frames);
  }

 private:
  bool limits_;
  uint32_t half_burst_;
  uint16_t allowed_ = 0;  // and not used yet
  rte_meter_srtcm_profile profile_{};
  rte_meter_srtcm meter_{};
};

}  // namespace groupcast
