// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/latency.h"

#include <absl/strings/str_cat.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace groupcast::perf {

uint16_t TxStamps::Note(uint16_t, uint16_t, rte_mbuf**, uint16_t count, void* of_queue) {
  auto* queue = static_cast<Queue*>(of_queue);
  const uint64_t now = rte_rdtsc();
  if (queue->first_tsc.load(std::memory_order_relaxed) == 0) {
    queue->first_tsc.store(now, std::memory_order_relaxed);
  }
  queue->last_tsc.store(now, std::memory_order_relaxed);
  return count;
}

absl::StatusOr<std::unique_ptr<TxStamps>> TxStamps::Install(const std::vector<uint16_t>& port_ids) {
  std::unique_ptr<TxStamps> self(new TxStamps);
  for (const uint16_t port_id : port_ids) {
    rte_eth_dev_info info;
    if (const int rc = rte_eth_dev_info_get(port_id, &info); rc != 0) {
      return absl::UnavailableError(
          absl::StrCat("--latency: port ", port_id, " tells nothing: ", rte_strerror(-rc)));
    }
    for (uint16_t queue = 0; queue < info.nb_tx_queues; queue++) {
      auto stamps = std::make_unique<Queue>();
      stamps->port_id = port_id;
      stamps->queue = queue;
      stamps->callback = rte_eth_add_tx_callback(port_id, queue, Note, stamps.get());
      if (stamps->callback == nullptr) {
        self->Remove();
        return absl::UnavailableError(absl::StrCat("--latency: port ", port_id,
                                                   " takes no TX "
                                                   "callback: ",
                                                   rte_strerror(rte_errno)));
      }
      self->queues_.push_back(std::move(stamps));
    }
  }
  return self;
}

void TxStamps::Remove() {
  for (const auto& queue : queues_) {
    rte_eth_remove_tx_callback(queue->port_id, queue->queue, queue->callback);
  }
}

void TxStamps::Clear() {
  for (const auto& queue : queues_) {
    queue->first_tsc.store(0, std::memory_order_relaxed);
    queue->last_tsc.store(0, std::memory_order_relaxed);
  }
}

bool TxStamps::Read(uint64_t* first_tsc, uint64_t* last_tsc) const {
  *first_tsc = UINT64_MAX;
  *last_tsc = 0;
  for (const auto& queue : queues_) {
    const uint64_t first = queue->first_tsc.load(std::memory_order_relaxed);
    if (first == 0) continue;
    *first_tsc = std::min(*first_tsc, first);
    *last_tsc = std::max(*last_tsc, queue->last_tsc.load(std::memory_order_relaxed));
  }
  return *last_tsc != 0;
}

// The bucket of a number below 2^kBits is its own; above, the leading kBits + 1 bits say which.
void CycleHistogram::Add(uint64_t cycles) {
  const auto width = static_cast<unsigned>(std::bit_width(cycles | (kPerPower - 1)));
  const unsigned shift = width > kBits ? width - kBits - 1 : 0;
  buckets_[shift * kPerPower + (cycles >> shift)]++;
  count_++;
  max_ = std::max(max_, cycles);
}

uint64_t CycleHistogram::Percentile(double share) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); i++) {
    seen += buckets_[i];
    if (seen == 0 || seen < wanted) continue;
    const size_t shift = i < 2 * kPerPower ? 0 : i / kPerPower - 1;
    const uint64_t low = (i - shift * kPerPower) << shift;
    // The middle of the bucket.
    return std::min(max_, low + (uint64_t{1} << shift) / 2);
  }
  return 0;
}

}  // namespace groupcast::perf
