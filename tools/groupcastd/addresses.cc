// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/addresses.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace groupcast {
namespace {

std::optional<IpAddress> ParseIpv4(const std::string& text) {
  in_addr address;
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return IpAddress::FromIpv4(address.s_addr);
}

std::optional<IpAddress> ParseIpv6(const std::string& text) {
  in6_addr address;
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1) return std::nullopt;
  const IpAddress made = IpAddress::FromIpv6(address);
  // Of the same address there is to be one spelling.
  return made.IsIpv4() ? std::nullopt : std::optional(made);
}

bool ParsePort(const std::string& text, uint16_t* udp_port) {
  uint32_t number = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (text.size() > 1 && text[0] == '0') || !absl::SimpleAtoi(text, &number) ||
      number > 65535)
    return false;
  *udp_port = static_cast<uint16_t>(number);
  return true;
}

// The address alone, as far as the ':' in front of the port.
bool ParseHost(const std::string& host, bool bracketed, ConfiguredAddress* out) {
  std::optional<IpAddress> address;
  if (!bracketed) {
    address = ParseIpv4(host);
  } else {
    const size_t percent = host.find('%');
    address = ParseIpv6(host.substr(0, percent));
    if (percent != std::string::npos) {
      out->interface = host.substr(percent + 1);
      if (out->interface.empty() || out->interface.size() >= IF_NAMESIZE) return false;
    }
  }
  if (address) out->address = *address;
  return address.has_value();
}

bool Parse(const std::string& text, bool port_optional, ConfiguredAddress* out) {
  if (port_optional) {
    if (ParseHost(text, false, out) || ParseHost(text, true, out)) return true;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || !ParsePort(text.substr(colon + 1), &out->udp_port)) {
    return false;
  }
  if (out->udp_port == 0 && !port_optional) return false;
  const std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return ParseHost(bracketed ? host.substr(1, host.size() - 2) : host, bracketed, out);
}

}  // namespace

std::string ConfiguredAddress::ToString() const {
  const std::string text = groupcast::ToString(address);
  if (address.IsIpv4()) return absl::StrCat(text, ":", udp_port);
  return absl::StrCat("[", text, interface.empty() ? "" : "%", interface, "]:", udp_port);
}

std::string ToString(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.IsIpv4()) {
    const in_addr ipv4 = {address.Ipv4()};
    inet_ntop(AF_INET, &ipv4, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  }
  return text.data();
}

bool IsBroadcast(const IpAddress& address) {
  return address.IsIpv4() && address.Ipv4() == INADDR_BROADCAST;
}

bool IsSourceSpecific(const IpAddress& address) {
  if (address.IsIpv4()) return ntohl(address.Ipv4()) >> 24 == 232;
  return address.bytes[0] == 0xff && address.bytes[1] >> 4 == 3 && address.bytes[2] == 0 &&
         address.bytes[3] == 0;
}

std::optional<ConfiguredAddress> ReadConfiguredAddress(const ConfigValue& value,
                                                       bool port_optional) {
  ConfiguredAddress address;
  if (value.node.kind != ConfigNode::Kind::kScalar ||
      !Parse(value.node.scalar, port_optional, &address)) {
    value.Reject(port_optional
                     ? "is not an IP address, alone or with a port: ADDR, ADDR:PORT or "
                       "[ADDR6]:PORT, port 0 to 65535"
                     : "is not an IP address and a UDP port: ADDR:PORT or [ADDR6]:PORT, port 1 to "
                       "65535");
    return std::nullopt;
  }
  address.line = value.node.line;
  address.column = value.node.column;
  if (address.interface.empty() == address.address.IsLinkLocal()) {
    value.Reject(address.interface.empty()
                     ? "is link-local; name its interface, as in [fe80::1%eth0]:5004"
                     : "names an interface, but is not link-local");
    return std::nullopt;
  }
  return address;
}

std::optional<IpAddress> ReadHostAddress(const ConfigValue& value) {
  std::optional<IpAddress> address;
  if (value.node.kind == ConfigNode::Kind::kScalar) {
    address = ParseIpv4(value.node.scalar);
    if (!address) address = ParseIpv6(value.node.scalar);
  }
  if (!address || address->IsMulticast() || IsBroadcast(*address) || address->IsUnspecified()) {
    value.Reject("is not an IPv4 or IPv6 address of a host");
    return std::nullopt;
  }
  return address;
}

absl::StatusOr<SocketAddress> ToSocketAddress(const ConfiguredAddress& address, int family) {
  SocketAddress made;
  if (family == AF_INET) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.udp_port);
    to.sin_addr.s_addr = address.address.Ipv4();
    std::memcpy(&made.bytes, &to, sizeof(to));
    made.length = sizeof(to);
    return made;
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(address.udp_port);
  to.sin6_addr = address.address.Ipv6();
  if (!address.interface.empty()) {
    to.sin6_scope_id = if_nametoindex(address.interface.c_str());
    if (to.sin6_scope_id == 0) {
      return absl::NotFoundError(
          absl::StrCat("there is no interface '", address.interface, "'; see 'ip link'"));
    }
  }
  std::memcpy(&made.bytes, &to, sizeof(to));
  made.length = sizeof(to);
  return made;
}

}  // namespace groupcast
