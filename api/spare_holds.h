// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "engine/datapath/holds.h"

namespace groupcast {

// Holds of one thing, of which a thread gives some away, to be given back one by one. Several are
// taken at once: other threads take some, too.
class SpareHolds {
 public:
  static constexpr uint32_t kAtOnce = 64;

  SpareHolds() = default;
  // Takes over `own` holds; with none it has none to give.
  SpareHolds(HoldPlaces places, uint32_t own) : places_(places), left_(own) {}
  SpareHolds(SpareHolds&& other) noexcept
      : places_(other.places_), left_(std::exchange(other.left_, 0)) {}
  SpareHolds& operator=(SpareHolds&&) = delete;
  // Gives back what is left.
  ~SpareHolds() {
    // Publishes all that this thread read.
    if (left_ > 0) places_.taken->fetch_sub(left_, std::memory_order_release);
  }

  // Where somebody who gets one later will find it (LeaveRequest()).
  const HoldPlaces& places() const { return places_; }
  // One hold for somebody else, who gives it back there. One stays, unless it is the `last`.
  std::atomic<uint32_t>* Give(bool last = false) {
    if (left_ == 1 && !last) {
      places_.taken->fetch_add(kAtOnce, std::memory_order_relaxed);
      left_ += kAtOnce;
    }
    left_--;
    return places_.given;
  }

 private:
  HoldPlaces places_;
  uint32_t left_ = 0;
};

}  // namespace groupcast
