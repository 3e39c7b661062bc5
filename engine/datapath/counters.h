// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace groupcast {

// Everything that is counted. Order = kCounterTable's order.
enum class Counter : uint8_t {
  // Callers' threads.
  kGroupcasts,
  kRecipients,
  kEngineRecipients,
  kKernelRecipients,
  kKernelNoEngine,
  kKernelSocket,
  kKernelFlags,
  kKernelDestination,
  kKernelRoute,
  kKernelMtu,
  kKernelUnresolved,
  kKernelRoutesFull,
  kKernelNoChannel,
  kKernelStopped,
  kKernelEgressPolicy,
  kRecipientErrors,
  kWouldBlock,
  kPayloadCopies,
  kPayloadBytesCopied,
  // Engine lcores.
  kPackets,
  kBytes,
  kChained,
  kCopied,
  kAppended,
  kTxFull,
  kNoMbuf,
  kLinkDown,
  kTxStalled,
  kNextHopGone,
  kOversize,
  kLateErrors,
  kIngressFrames,
  kIngressDropped,
  kIngressForeign,
  kIngressMalformed,
  kIngressBadChecksum,
  kIngressHanded,
  kExceptionReceived,
  kExceptionSent,
  kExceptionDropped,
  kSleeps,
  kKicks,
  // Control thread.
  kRoutesAsked,
  kNeighbourProbes,
  kResyncs,
  kCount
};

struct CounterInfo {
  const char* name;
  const char* unit;
  const char* help;
};

inline constexpr size_t kCounters = static_cast<size_t>(Counter::kCount);

// One row makes every export of a counter: statistics, tools, documentation.
extern const std::array<CounterInfo, kCounters> kCounterTable;

// One thread's counters. Add(): the owning thread; Read(): any thread.
class alignas(64) Counters {
 public:
  void Add(Counter counter, uint64_t n = 1) {
    std::atomic<uint64_t>& value = values_[static_cast<size_t>(counter)];
    // One writer: a plain add, without the lock prefix of fetch_add().
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  // For counters that several threads write; off the hot path only.
  void AddShared(Counter counter, uint64_t n = 1) {
    values_[static_cast<size_t>(counter)].fetch_add(n, std::memory_order_relaxed);
  }

  uint64_t Read(Counter counter) const {
    return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, kCounters> values_{};
};

}  // namespace groupcast
