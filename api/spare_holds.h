// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace groupcast {

// Holds of one thing, of which a thread gives some away: the lcores give those back one by one, and
// would lose the count's cache line each time if they were taken so, too.
class SpareHolds {
 public:
  static constexpr uint32_t kAtOnce = 64;

  SpareHolds() = default;
  // Takes over `own` holds, at least one.
  SpareHolds(std::atomic<uint32_t>* holds, uint32_t own) : holds_(holds), left_(own) {}
  SpareHolds(SpareHolds&& other) noexcept
      : holds_(std::exchange(other.holds_, nullptr)), left_(other.left_) {}
  SpareHolds& operator=(SpareHolds&&) = delete;
  // Gives back what is left.
  ~SpareHolds() {
    // Publishes all that this thread read.
    if (holds_ != nullptr) holds_->fetch_sub(left_, std::memory_order_release);
  }

  std::atomic<uint32_t>* count() const { return holds_; }
  // One hold for somebody else, who gives it back there. One always stays.
  std::atomic<uint32_t>* Give() {
    if (left_ == 1) {
      holds_->fetch_add(kAtOnce, std::memory_order_relaxed);
      left_ += kAtOnce;
    }
    left_--;
    return holds_;
  }

 private:
  std::atomic<uint32_t>* holds_ = nullptr;
  uint32_t left_ = 0;
};

}  // namespace groupcast
