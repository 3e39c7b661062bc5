// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "groupcast/engine.h"
#include "tools/groupcast-perf/direct_port.h"
#include "tools/groupcast-perf/latency.h"
#include "tools/groupcast-perf/options.h"
#include "tools/groupcast-perf/ring_consumer.h"

namespace groupcast::perf {

// Gives each port without a kernel interface its addresses, the recipients shared out among them,
// and says so in options; checks the number of lcores. What the engine itself checks
// is left to it.
absl::Status CompleteEngineOptions(Options* options, EngineOptions* engine);

// The CPUs of this process.
std::vector<unsigned> OwnCpus();

// The engine of a run, or what there is of it in mode direct, with what DPDK knows of its ports.
class EnginePorts {
 public:
  struct Port {
    uint16_t id;
    std::string device;  // "net_null0"
    std::string driver;  // "net_null"
  };

  // From options.config, or from `engine` for this workload.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<EnginePorts>> Open(const Options& options,
                                                                         EngineOptions engine,
                                                                         const Workload& workload);
  ~EnginePorts();

  // Whether it was opened in the way that this workload needs.
  bool Suits(const Workload& workload) const;
  // Before a run of the workload, and after it.
  void Begin(const Workload& workload);
  void End() { ring_consumer_.Stop(); }

  const std::vector<Port>& ports() const { return ports_; }
  std::string Wire() const;
  const std::vector<unsigned>& lcores() const { return lcores_; }
  // Null in the other modes.
  DirectPort* direct() const { return direct_.get(); }
  TxStamps* stamps() const { return stamps_.get(); }
  const RingConsumer& ring_consumer() const { return ring_consumer_; }
  // Whether there is anything for it to take.
  bool HasRings() const;

 private:
  EnginePorts() = default;
  void FindPorts();

  std::optional<Engine> engine_;
  std::unique_ptr<DirectPort> direct_;
  bool from_file_ = false;
  PacketStrategy copybreak_for_ = PacketStrategy::kAuto;
  std::vector<Port> ports_;
  std::vector<unsigned> lcores_;
  std::unique_ptr<TxStamps> stamps_;
  RingConsumer ring_consumer_;
};

}  // namespace groupcast::perf
