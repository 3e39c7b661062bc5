// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/peers/strategies/clone.h"
#include "bench/peers/strategies/driver_floor.h"
#include "bench/peers/strategies/lazy_copy.h"
#include "bench/peers/strategies/packet_loop.h"
#include "engine/control/mempools.h"
#include "engine/control/port_setup.h"
#include "engine/datapath/cache_line.h"
#include "groupcast/engine.h"
#include "tools/groupcast-perf/options.h"
#include "tools/groupcast-perf/tally.h"

namespace groupcast::perf {

// Mode direct: the parts of an engine with one port, without callers' threads and channels. Every
// strategy gets the same requests, made here, and hands its packets over by the same loop; all
// checksums are computed in software.
class DirectPort {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<DirectPort>> Open(const Options& options,
                                                                        const EngineOptions& engine,
                                                                        const Workload& workload);
  ~DirectPort();

  // What it was opened for.
  const Workload& workload() const { return workload_; }
  // Sends one groupcast, and counts it. On one thread, which has an lcore id
  // (rte_thread_register()).
  void Send(Tally* tally);
  // The same thread, at the end.
  void Flush();
  // By name, as groupcast_counters() has them. Any thread.
  std::map<std::string, uint64_t> Counted() const;

 private:
  explicit DirectPort(const Workload& workload) : workload_(workload), next_hops_(1) {}
  absl::Status StartPort(const EngineOptions& engine);
  void SetNextHop(const Options& options);
  absl::Status MakePayload();
  void MakeRecipients(const Flow& flow);
  absl::Status MakeStrategy(uint32_t packets, uint32_t largest_frame);
  template <typename Maker>
  void MakeLoop(Maker* maker);
  Request* MakeRequest(uint32_t first);

  const Workload workload_;
  Counters counters_;
  NextHopTable next_hops_;
  std::vector<HeaderLine> lines_;
  std::vector<uint16_t> sums_;  // of their private bytes
  std::vector<uint8_t> private_bytes_;
  const rte_memzone* payload_ = nullptr;
  PayloadSegment segment_{};
  uint16_t payload_sum_ = 0;
  CacheLines arena_memory_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<Mempools> mempools_;
  // One of them:
  std::unique_ptr<Assembler> assembler_;
  std::unique_ptr<CloneAssembler> clone_;
  std::unique_ptr<LazyCopyAssembler> lazy_copy_;
  std::unique_ptr<DriverFloor> floor_;
  // Stopped first: then no packet refers to any of the above.
  std::unique_ptr<PortSetup> port_;
  std::unique_ptr<RequestLoop> loop_;
};

}  // namespace groupcast::perf
