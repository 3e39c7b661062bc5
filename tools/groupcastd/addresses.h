// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "engine/control/config_reader.h"
#include "engine/datapath/ip_address.h"

namespace groupcast {

// An address and UDP port in the configuration, and where it stands there.
struct ConfiguredAddress {
  IpAddress address{};
  uint16_t udp_port = 0;
  std::string interface;  // behind the '%' of an IPv6 address
  int line = 0;           // 0: not given
  int column = 0;

  bool given() const { return line != 0; }
  // "ADDR:PORT", "[ADDR]:PORT" or "[ADDR%INTERFACE]:PORT".
  std::string ToString() const;

  friend bool operator==(const ConfiguredAddress& a, const ConfiguredAddress& b) {
    return a.address == b.address && a.udp_port == b.udp_port && a.interface == b.interface;
  }
};

std::string ToString(const IpAddress& address);
bool IsBroadcast(const IpAddress& address);
// 232.0.0.0/8 and ff3x::/32: joined with sources only (RFC 4607).
bool IsSourceSpecific(const IpAddress& address);

// Each returns nothing after it rejected the value. "ADDR:PORT" or "[ADDR]:PORT" with a port above
// 0; with `port_optional` also port 0 and "ADDR". An IPv6 address may name its interface.
std::optional<ConfiguredAddress> ReadConfiguredAddress(const ConfigValue& value,
                                                       bool port_optional);
// "ADDR" of a host.
std::optional<IpAddress> ReadHostAddress(const ConfigValue& value);

// For bind() and the like, in `family`; an AF_INET6 address of IPv4 is IPv4-mapped. kNotFound: this
// host has no such interface.
struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};
absl::StatusOr<SocketAddress> ToSocketAddress(const ConfiguredAddress& address, int family);

}  // namespace groupcast
