// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>

namespace groupcast {

// For two threads that each write a word and then look at the other's, of which one at least must
// see what the other wrote, where one does so with each call and the other rarely. Each would need
// a full fence between the two, which on the frequent side waits for all that was written before.
// With membarrier(2) the rare side makes both:
//
//   often: a = 1; LightFence(); look at b.        rarely: b = 1; HeavyFence(); look at a.
//
// Inside of HeavyFence() the CPU of every thread of this process passes a full fence (one that runs
// none of them did so when it switched away). For the frequent thread that moment lies either
// before its write in program order: then its look comes after the fence, too, and sees b, which
// was written before HeavyFence() began. Or after its write: then a is visible to all when
// HeavyFence() returns, and the rare side sees it. LightFence() keeps the compiler from exchanging
// the two, all that program order needs. Where the kernel has no membarrier(2), both are full
// fences.
//
// Data that the words protect is published by acquire and release on the words, as ever.
class AsymmetricFence {
 public:
  // Before the words are used first; any number of times.
  static void Start();
  static bool by_kernel() { return by_kernel_.load(std::memory_order_relaxed); }

  // A thread that does not see Start() yet has a full fence, which does for this side.
  static void Light() {
    if (by_kernel()) {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
  }
  // Some microseconds: a system call, which interrupts the CPUs of the process's other threads.
  static void Heavy();

 private:
  static std::atomic<bool> by_kernel_;
};

inline void LightFence() { AsymmetricFence::Light(); }
inline void HeavyFence() { AsymmetricFence::Heavy(); }

}  // namespace groupcast
