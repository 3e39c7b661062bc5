// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace groupcast {

// Which sequences of one stream a recipient has seen.
class SequenceWindow {
 public:
  // How far behind the newest a sequence may arrive. What is older cannot be told from a duplicate
  // any more and is called one: it then counts as lost, too.
  static constexpr uint64_t kWidth = 1024;

  enum class Arrival : uint8_t { kFresh, kReordered, kDuplicate };

  Arrival Note(uint64_t sequence) {
    if (sequence >= next_) {
      // Everything between was not seen; more than a full turn clears all.
      const uint64_t passed = sequence - next_ + 1;
      if (passed >= kWidth) {
        seen_.fill(0);
      } else {
        for (uint64_t s = next_; s < sequence; ++s) Word(s) &= ~Bit(s);
      }
      next_ = sequence + 1;
      Word(sequence) |= Bit(sequence);
      ++distinct_;
      return Arrival::kFresh;
    }
    if (next_ - sequence > kWidth || (Word(sequence) & Bit(sequence)) != 0) {
      return Arrival::kDuplicate;
    }
    Word(sequence) |= Bit(sequence);
    ++distinct_;
    return Arrival::kReordered;
  }

  uint64_t distinct() const { return distinct_; }

 private:
  uint64_t& Word(uint64_t sequence) { return seen_[sequence % kWidth / 64]; }
  static constexpr uint64_t Bit(uint64_t sequence) { return uint64_t{1} << (sequence % 64); }

  uint64_t next_ = 0;  // one above the highest seen
  uint64_t distinct_ = 0;
  std::array<uint64_t, kWidth / 64> seen_{};
};

}  // namespace groupcast
