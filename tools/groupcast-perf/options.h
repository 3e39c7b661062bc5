// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "groupcast/engine.h"
#include "tools/groupcast-perf/workload.h"

namespace CLI {
class App;
}

namespace groupcast::perf {

inline constexpr double kWarmUpSeconds = 0.2;

struct Options {
  Workload workload;
  std::string config;  // an engine's YAML file instead of EAL arguments
  unsigned producers = 1;
  unsigned nb_cores = 1;
  uint32_t burst = 32;
  uint32_t tx_descriptors = 0;  // 0: the driver profile's
  bool idle_polls = false;
  std::string eth_source = "02:00:00:00:00:01";
  std::string eth_peer = "02:00:00:00:00:02";
  std::string tx_ip = "198.18.0.1,198.18.0.2";
  std::string tx_udp = "9,9";
  uint32_t mtu = 1500;
  double stats_period_s = 0;
  double seconds = 0;  // 0: until told to stop
  bool latency = false;
  std::string json;
  bool interactive = false;
  // Not options by themselves:
  Flow flow;                // of tx_ip and tx_udp
  bool fixed_port = false;  // a port has no kernel interface
  bool all_fixed = false;   // none has
};

// Defines the options behind "--" and the text that --help ends with.
void DefineOptions(Options* options, CLI::App* app);

// Sets options->flow.
absl::Status ReadFlow(Options* options);
// What no single option shows to be wrong; with `flow` and `fixed_port` set.
absl::Status CheckOptions(const Options& options);
// The same for what the prompt may change.
absl::Status CheckWorkload(const Workload& workload, const Options& options);

// The same of one option as the prompt sets it: "payload", "1000".
absl::Status SetOption(const std::string& word, const std::string& value, const Options& options,
                       Workload* workload);

}  // namespace groupcast::perf
