// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace groupcast {

// Numbers that depend on a seed and on what they are for, and on nothing else: the same on every
// machine, and those of one case whatever cases ran before (std's distributions promise neither).
class Random {
 public:
  Random(uint64_t seed, uint64_t stream) : state_(seed * 0x9e3779b97f4a7c15 + stream) {
    state_ = Next() ^ stream;
  }

  // splitmix64.
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // Of [0, n); n > 0.
  template <typename T>
  T Below(T n) {
    return static_cast<T>(Next() % static_cast<uint64_t>(n));
  }
  template <typename T>
  T Between(T first, T last) {
    return static_cast<T>(first + Below(last - first + 1));
  }
  bool Percent(unsigned n) { return Below(100u) < n; }
  template <typename T>
  T Of(std::initializer_list<T> values) {
    return values.begin()[Below(values.size())];
  }
  template <typename Container>
  const auto& In(const Container& container) {
    return container[Below(container.size())];
  }

 private:
  uint64_t state_;
};

}  // namespace groupcast
