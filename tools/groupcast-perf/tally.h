// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>

namespace groupcast::perf {

// What one producer has counted: its thread writes, anyone reads.
class alignas(64) Tally {
 public:
  void AddGroupcast(uint64_t packets) {
    Add(&groupcasts_, 1);
    Add(&packets_, packets);
  }
  void AddErrors(int error, uint64_t datagrams) {
    Add(&errors_[static_cast<size_t>(error) < errors_.size() ? static_cast<size_t>(error) : 0],
        datagrams);
  }

  uint64_t groupcasts() const { return groupcasts_.load(std::memory_order_relaxed); }
  uint64_t packets() const { return packets_.load(std::memory_order_relaxed); }
  std::map<int, uint64_t> Errors() const {
    std::map<int, uint64_t> errors;
    for (size_t i = 0; i < errors_.size(); i++) {
      const uint64_t datagrams = errors_[i].load(std::memory_order_relaxed);
      if (datagrams > 0) errors[static_cast<int>(i)] = datagrams;
    }
    return errors;
  }

 private:
  // One writer: no read-modify-write is needed.
  static void Add(std::atomic<uint64_t>* counter, uint64_t more) {
    counter->store(counter->load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  std::atomic<uint64_t> groupcasts_{0};
  std::atomic<uint64_t> packets_{0};
  std::array<std::atomic<uint64_t>, 256> errors_{};  // datagrams by errno
};

}  // namespace groupcast::perf
