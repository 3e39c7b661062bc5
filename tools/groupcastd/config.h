// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace groupcast {

// An address in the configuration, and where it stands there.
struct ConfiguredAddress {
  sockaddr_in address = {};
  int line = 0;
  int column = 0;

  std::string ToString() const;  // "ADDR:PORT"
};

struct RelayGroup {
  std::string name;
  ConfiguredAddress ingress;
  ConfiguredAddress source;  // all zero: any address, any port
  std::optional<uint8_t> ttl;
  std::optional<uint8_t> tos;
  std::vector<ConfiguredAddress> members;
};

struct RelayConfig {
  std::string path;
  bool has_engine = false;  // has keys of the engine; else everything goes by the kernel
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
