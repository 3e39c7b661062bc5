// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace groupcast::perf {

// Takes what net_ring ports emit, whose rings would be full for ever otherwise, and frees it. Every
// so many packets one is checked: lengths, both checksums, and the payload's bytes.
class RingConsumer {
 public:
  struct Counts {
    uint64_t packets = 0;
    uint64_t checked = 0;
    uint64_t wrong = 0;
  };

  struct Datagram {
    uint32_t prepend_bytes = 0;
    std::vector<uint8_t> payload;
    uint32_t append_bytes = 0;
  };

  // Takes from that many TX queues of each device, what is to be such datagrams.
  void Start(const std::vector<std::string>& devices, uint16_t queues, Datagram expected);
  // Once the rings are empty. The ports have to be there still.
  void Stop();
  ~RingConsumer() { Stop(); }

  bool running() const { return thread_.joinable(); }
  Counts counts() const;

 private:
  void Run();
  void Check(const rte_mbuf* packet);
  bool IsRight(const rte_mbuf* packet) const;

  std::vector<rte_ring*> rings_;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  // The thread writes, others read.
  std::atomic<uint64_t> packets_{0};
  std::atomic<uint64_t> checked_{0};
  std::atomic<uint64_t> wrong_{0};
  Datagram expected_;
};

}  // namespace groupcast::perf
