// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/groupcastd/addresses.h"

namespace groupcast {

// Where datagrams of a group come in.
struct RelayIngress {
  ConfiguredAddress address;      // one of this host, or a multicast group to join
  std::string interface;          // where that is joined; empty: the kernel chooses
  std::vector<IpAddress> from{};  // the only sources; empty: any
};

struct RelayPacing {
  uint64_t kbit_per_s = 0;
  uint32_t burst_bytes = 65536;
};

struct RelayRtp {
  uint32_t clock_rate = 90000;
};

struct RelayGroup {
  std::string name;
  std::vector<RelayIngress> ingresses;
  ConfiguredAddress source;  // not given: any address, any port
  std::optional<uint8_t> ttl;
  std::optional<uint8_t> tos;
  std::optional<bool> dont_fragment;
  std::optional<RelayPacing> pacing;
  std::optional<RelayRtp> rtp;  // each member gets an RTP header of its own
  std::vector<ConfiguredAddress> members;

  // The family of the socket that sends: AF_INET, or AF_INET6 that sends IPv4, too.
  int egress_family() const;
};

struct RelayConfig {
  std::string path;
  bool has_engine = false;  // has keys of the engine; else everything goes by the kernel
  std::map<std::string, std::string> engine;  // those keys; their values only compare
  std::vector<RelayGroup> groups;
};

// Reads and checks groupcastd's part of a configuration file; touches nothing else. On error the
// message has one line for each thing that is wrong, as LoadEngineConfig() has, and `config` what
// is right. The engine's keys are passed over.
absl::Status LoadRelayConfig(const std::string& path, RelayConfig& config);

// Every key of groupcastd's part.
std::string RelayConfigReference();

// The lines of two such messages about one file in the order of the file, each once.
std::string MergeErrors(const std::string& path, const std::string& a, const std::string& b);

}  // namespace groupcast
