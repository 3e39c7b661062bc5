// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstdint>

namespace groupcast {

// How many still need a thing that callers lend to lcores. Callers take holds on one line and
// lcores give them back on another: on a common one each of them would wait, with each request, for
// the other core's last change to come over.
struct Holds {
  // Plus those taken, minus those that who took them gave back himself. callers: rw
  alignas(64) mutable std::atomic<uint32_t> taken{0};
  // Minus those that somebody else gave back. lcores: rw
  alignas(64) mutable std::atomic<uint32_t> given{0};

  // Whether somebody has one at some moment of this call. What was given back is read first: the
  // sum is never less than what is held when the other one is read, and 0 only if nothing is.
  bool Any() const {
    // Acquire: what its users read was read before.
    const uint32_t gone = given.load(std::memory_order_acquire);
    return taken.load(std::memory_order_seq_cst) + gone != 0;
  }
};

// Where holds are taken and where they are given back.
struct HoldPlaces {
  std::atomic<uint32_t>* taken = nullptr;
  std::atomic<uint32_t>* given = nullptr;

  HoldPlaces() = default;
  explicit HoldPlaces(const Holds& holds) : taken(&holds.taken), given(&holds.given) {}
  // Both in one.
  explicit HoldPlaces(std::atomic<uint32_t>* holds) : taken(holds), given(holds) {}
};

}  // namespace groupcast
