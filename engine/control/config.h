// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_ether.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/datapath/ip_address.h"

namespace groupcast {

// Bytes of an IP packet that leaves by a port: a whole frame and its headroom have to fit in an
// mbuf, whose lengths have 16 bits.
inline constexpr uint32_t kLargestMtu = 65389;

enum class Hugepages { kAuto, kRequired, kOff };
enum class Idle { kAdaptive, kPoll };

// A prefix of either family and the MAC that every address in it is sent to.
struct StaticNextHop {
  IpAddress prefix;
  uint8_t prefix_length;  // of 32 for IPv4, of 128 for IPv6
  rte_ether_addr mac;
};

// What a port without a kernel interface needs to be told (net_null, net_ring, net_pcap).
struct StaticInterface {
  rte_ether_addr mac;
  uint16_t mtu = 1500;
  // Source of datagrams from sockets bound to no address, IPv4 and IPv6; unspecified: none.
  IpAddress address = {};
  IpAddress address6 = {};
  std::optional<uint16_t> vlan;  // 802.1Q id that frames are tagged with
  std::vector<StaticNextHop> next_hops;
};

struct PortConfig {
  std::string name;
  std::string device;     // as given: a PCI address or a vdev with its arguments
  std::string interface;  // the device's kernel interface; empty: `fixed` is set
  // The same, where the engine makes it; empty: the kernel has one, or there is none.
  std::string exception_interface;
  std::optional<uint16_t> max_mtu;  // that it may be given later; none: what it has at the start
  // Whose routes, neighbours and addresses count: `interface`, or a VLAN on it.
  std::string kernel_interface;
  std::optional<StaticInterface> fixed;
  // Where the driver profile's value is overridden.
  std::optional<uint16_t> tx_descriptors;
  std::optional<uint16_t> copybreak;
  std::optional<std::vector<std::string>> tx_offloads;
  // Where the file says which interface it is, for later messages.
  int line = 0;
  int column = 0;

  // "net_af_packet0" of "net_af_packet0,iface=eth0".
  std::string DeviceName() const;
  // The value of one argument in `device`; empty if absent.
  std::string DeviceArgument(const std::string& key) const;
  bool IsPci() const;
  // The device as sysfs calls it: with its domain.
  std::string PciAddress() const;
};

struct EngineConfig {
  std::string path;              // of the file, for later messages
  std::vector<unsigned> lcores;  // CPUs; empty: one lcore on the last CPU of the process's mask
  Hugepages hugepages = Hugepages::kAuto;
  uint32_t memory_mib = 512;
  std::vector<std::string> eal;  // further EAL arguments
  Idle idle = Idle::kAdaptive;
  uint32_t resolve_wait_ms = 250;
  uint32_t routes = 131072;
  uint32_t next_hops = 16384;
  std::vector<PortConfig> ports;
};

// Reads and checks the engine's part of a configuration file. Touches nothing else. On error the
// message has one line for each thing that is wrong: "FILE:LINE:COLUMN: KEY: VALUE … what is
// allowed". The key `groups` belongs to groupcastd and is passed over.
absl::StatusOr<EngineConfig> LoadEngineConfig(const std::string& path);
// The same of a text that messages call `name`.
absl::StatusOr<EngineConfig> ParseEngineConfig(const std::string& name, const std::string& text);

// The keys at the top of the engine's part.
std::vector<std::string> EngineConfigKeys();

// Every key of the engine's part: type, range, unit, default and meaning.
std::string EngineConfigReference();

}  // namespace groupcast
