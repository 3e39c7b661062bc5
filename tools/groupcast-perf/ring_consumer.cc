// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/ring_consumer.h"

#include <absl/strings/str_cat.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "engine/datapath/hand_over.h"

namespace groupcast::perf {
namespace {

constexpr uint64_t kCheckEvery = 64;
constexpr uint32_t kHeaders = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
constexpr auto kNap = std::chrono::microseconds(50);

void Add(std::atomic<uint64_t>* counter, uint64_t more) {
  counter->store(counter->load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

// Gives it back to the lcore's mempools.
void Free(rte_mbuf* packet) {
  while (packet != nullptr) {
    rte_mbuf* next = packet->next;
    // One at a time: whoever waits for mbufs may have it before the next one is free.
    if (rte_mbuf* free = rte_pktmbuf_prefree_seg(packet); free != nullptr) {
      rte_mempool* pool = free->pool;
      HandOver(pool);
      rte_mbuf_raw_free(free);
      HandOver(pool);
    }
    packet = next;
  }
}

}  // namespace

void RingConsumer::Start(const std::vector<std::string>& devices, uint16_t queues,
                         Datagram expected) {
  Stop();
  expected_ = std::move(expected);
  for (const std::string& device : devices) {
    for (uint16_t queue = 0; queue < queues; queue++) {
      // As drivers/net/ring/rte_eth_ring.c (v22.11), eth_dev_ring_create(), calls them.
      rte_ring* ring = rte_ring_lookup(absl::StrCat("ETH_RXTX", queue, "_", device).c_str());
      if (ring != nullptr) rings_.push_back(ring);
    }
  }
  if (rings_.empty()) return;
  stop_ = false;
  thread_ = std::thread([this] { Run(); });
}

void RingConsumer::Stop() {
  if (!thread_.joinable()) return;
  stop_ = true;
  thread_.join();
  rings_.clear();
}

RingConsumer::Counts RingConsumer::counts() const {
  return {packets_.load(std::memory_order_relaxed), checked_.load(std::memory_order_relaxed),
          wrong_.load(std::memory_order_relaxed)};
}

void RingConsumer::Run() {
  std::array<rte_mbuf*, 64> packets;
  for (;;) {
    const bool last = stop_.load(std::memory_order_relaxed);
    unsigned taken = 0;
    for (rte_ring* ring : rings_) {
      const unsigned n = rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(packets.data()),
                                                packets.size(), nullptr);
      for (unsigned i = 0; i < n; i++) TakeOver(packets[i]);
      if (n > 0 && packets_.load(std::memory_order_relaxed) % kCheckEvery < n) Check(packets[0]);
      Add(&packets_, n);
      for (unsigned i = 0; i < n; i++) Free(packets[i]);
      taken += n;
    }
    if (taken > 0) continue;
    if (last) return;
    std::this_thread::sleep_for(kNap);
  }
}

void RingConsumer::Check(const rte_mbuf* packet) {
  Add(&checked_, 1);
  if (!IsRight(packet)) Add(&wrong_, 1);
}

bool RingConsumer::IsRight(const rte_mbuf* packet) const {
  const std::vector<uint8_t>& payload = expected_.payload;
  const uint64_t datagram = expected_.prepend_bytes + payload.size() + expected_.append_bytes;
  if (packet->pkt_len != kHeaders + datagram) return false;
  std::vector<uint8_t> frame;
  for (const rte_mbuf* segment = packet; segment != nullptr; segment = segment->next) {
    const auto* bytes = rte_pktmbuf_mtod(segment, const uint8_t*);
    frame.insert(frame.end(), bytes, bytes + segment->data_len);
  }
  if (frame.size() != packet->pkt_len) return false;
  const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(frame.data() + sizeof(rte_ether_hdr));
  auto* udp = reinterpret_cast<rte_udp_hdr*>(frame.data() + kHeaders - sizeof(rte_udp_hdr));
  const rte_be16_t checksum = udp->dgram_cksum;
  udp->dgram_cksum = 0;
  return rte_raw_cksum(ip, sizeof(*ip)) == 0xffff && checksum == rte_ipv4_udptcp_cksum(ip, udp) &&
         rte_be_to_cpu_16(udp->dgram_len) == sizeof(*udp) + datagram &&
         std::equal(payload.begin(), payload.end(),
                    frame.data() + kHeaders + expected_.prepend_bytes);
}

}  // namespace groupcast::perf
