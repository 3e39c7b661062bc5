// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_ethdev.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace groupcast::perf {

// When packets were handed to the drivers of some ports. A callback on each TX queue notes the TSC
// of the first and of the last burst, on the lcore that transmits; a burst that a full ring cut
// short is seen again, so that the last one is that which the driver took.
class TxStamps {
 public:
  // Of ports that are started.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TxStamps>> Install(
      const std::vector<uint16_t>& port_ids);
  // While the ports are there: their numbers are used again, and DPDK keeps callbacks by number. An
  // lcore may still be in one, so that this object has to outlive the lcores.
  void Remove();
  TxStamps(const TxStamps&) = delete;
  TxStamps& operator=(const TxStamps&) = delete;

  // Before a call and after it, by its thread, with nothing else under way: what the lcore noted is
  // visible once the call has returned.
  void Clear();
  // False: no packet was seen.
  bool Read(uint64_t* first_tsc, uint64_t* last_tsc) const;

 private:
  struct alignas(RTE_CACHE_LINE_SIZE) Queue {
    uint16_t port_id = 0;
    uint16_t queue = 0;
    const rte_eth_rxtx_callback* callback = nullptr;
    // lcore: rw; the calling thread: rw while no packet is under way
    std::atomic<uint64_t> first_tsc{0};
    std::atomic<uint64_t> last_tsc{0};
  };
  static uint16_t Note(uint16_t port_id, uint16_t queue, rte_mbuf** packets, uint16_t count,
                       void* of_queue);

  TxStamps() = default;
  std::vector<std::unique_ptr<Queue>> queues_;
};

// Times in TSC cycles, in buckets that are at most 1/128 wide.
class CycleHistogram {
 public:
  void Add(uint64_t cycles);
  // What `share` of all (0 to 1) do not exceed; 0 if there are none.
  uint64_t Percentile(double share) const;
  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }

 private:
  static constexpr unsigned kBits = 7;
  static constexpr size_t kPerPower = size_t{1} << kBits;
  std::array<uint64_t, (64 - kBits + 1) * kPerPower> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

// Of the groupcasts of one producer.
struct Latencies {
  CycleHistogram first;   // from the call to the first packet at the port
  CycleHistogram last;    // to the last one
  CycleHistogram spread;  // between them
};

}  // namespace groupcast::perf
