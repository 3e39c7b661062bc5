// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>

namespace groupcast {

// So many of the engine's lcores, the first by their index, have places of their own wherever many
// count for one: there they do so without a locked operation, which waits for all that was written
// before. All others, and every other thread, share a place.
inline constexpr unsigned kOwnPlaces = 3;
inline constexpr unsigned kNoLcore = UINT_MAX;  // who is none, or may be any

// How many still need a thing that callers lend to lcores. Callers take holds on one line and
// lcores give them back on another: on a common one each of them would wait, with each request, for
// the other core's last change to come over.
struct Holds {
  // Plus those taken, minus those that who took them gave back himself. callers: rw
  alignas(64) mutable std::atomic<uint32_t> taken{0};
  // Minus those that somebody else gave back. [0]: any thread, rw; [1 + lcore]: that one, rw
  alignas(64) mutable std::array<std::atomic<uint32_t>, 1 + kOwnPlaces> given{};

  // Whether somebody has one at some moment of this call. What was given back is read first: the
  // sum is never less than what is held when the other one is read, and 0 only if nothing is.
  bool Any() const {
    // Acquire: what its users read was read before.
    uint32_t gone = 0;
    for (const std::atomic<uint32_t>& some : given) gone += some.load(std::memory_order_acquire);
    return taken.load(std::memory_order_seq_cst) + gone != 0;
  }
};

// One less, on the lcore of this index. `has_places`: `given` is Holds::given.
inline void GiveBack(std::atomic<uint32_t>* given, bool has_places, unsigned lcore) {
  if (has_places && lcore < kOwnPlaces) {
    std::atomic<uint32_t>& own = given[1 + lcore];
    own.store(own.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  } else {
    given->fetch_sub(1, std::memory_order_release);
  }
}

// Where holds are taken and where they are given back.
struct HoldPlaces {
  std::atomic<uint32_t>* taken = nullptr;
  std::atomic<uint32_t>* given = nullptr;
  bool has_places = false;

  HoldPlaces() = default;
  explicit HoldPlaces(const Holds& holds)
      : taken(&holds.taken), given(holds.given.data()), has_places(true) {}
  // Both in one.
  explicit HoldPlaces(std::atomic<uint32_t>* holds) : taken(holds), given(holds) {}
};

}  // namespace groupcast
