// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>

namespace groupcast::perf {

enum class Mode : uint8_t { kSendgroup, kGroup, kAsync, kDirect };

// Those of the engine, and those that it is compared with (IsPeer()).
enum class PacketStrategy : uint8_t {
  kAuto,
  kChain,
  kCopy,
  kClone,
  kLazyCopy,
  kFloor,
  kWrittenFloor
};

// How a registered group is told its members' private bytes.
enum class PrivateSource : uint8_t { kTable, kCallback };

inline bool IsPeer(PacketStrategy strategy) { return strategy >= PacketStrategy::kClone; }

// What a run sends. The prompt changes it between two runs.
struct Workload {
  Mode mode = Mode::kSendgroup;
  PacketStrategy strategy = PacketStrategy::kAuto;
  PrivateSource private_bytes = PrivateSource::kTable;
  uint32_t recipients = 1000;  // of a groupcast
  uint32_t groups = 1;         // registered ones, which get groupcasts in turn
  uint32_t payload_bytes = 1000;
  uint32_t prepend_bytes = 0;
  uint32_t append_bytes = 0;
  double groupcasts_per_second = 0;  // of all producers; 0: as fast as it goes
  bool same_payload = false;         // lazy-copy: from one groupcast to the next

  // Recipients of all groups together.
  uint64_t AllRecipients() const { return uint64_t{groups} * recipients; }
  uint32_t DatagramBytes() const { return prepend_bytes + payload_bytes + append_bytes; }
  bool operator==(const Workload&) const = default;
};

// From where and to whom: the first recipient, the others' addresses count up from it.
struct Flow {
  in_addr_t source = 0;       // network byte order, as the ports
  in_addr_t destination = 0;  // of the first recipient
  in_port_t source_port = 0;
  in_port_t destination_port = 0;
};

const char* NameOf(Mode mode);
const char* NameOf(PacketStrategy strategy);
const char* NameOf(PrivateSource source);
// All names, with `between` between them.
std::string ModeNames(const std::string& between);
std::string StrategyNames(const std::string& between);

}  // namespace groupcast::perf
