// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/static_interface_config.h"

#include <absl/strings/str_cat.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <string>

namespace groupcast {
namespace {

constexpr uint64_t kLastVlan = 4094;      // 802.1Q: 0 and 4095 are no ids
constexpr uint16_t kLeastIpv6Mtu = 1280;  // RFC 8200, section 5

std::optional<IpAddress> ReadHost(const ConfigValue& value) {
  const auto address = ReadAddress(value);
  if (!address) return std::nullopt;
  if (address->s_addr == 0 || IN_MULTICAST(ntohl(address->s_addr))) {
    value.Reject("is not the address of a host");
    return std::nullopt;
  }
  return IpAddress::FromIpv4(address->s_addr);
}

std::optional<IpAddress> ReadHost6(const ConfigValue& value) {
  const auto address = ReadAddress6(value);
  if (!address) return std::nullopt;
  if (IN6_IS_ADDR_UNSPECIFIED(&*address) || IN6_IS_ADDR_LOOPBACK(&*address) ||
      IN6_IS_ADDR_MULTICAST(&*address)) {
    value.Reject("is not the address of a host");
    return std::nullopt;
  }
  return IpAddress::FromIpv6(*address);
}

ConfigType<StaticNextHop> NextHopPrefix() {
  return {"text", kPrefixAllowed, "",
          [](const ConfigValue& value, StaticNextHop& out) {
            const auto prefix = ReadPrefix(value);
            if (!prefix) return;
            out.prefix = prefix->address;
            out.prefix_length = prefix->length;
          },
          nullptr};
}

void CheckStatic(const ConfigNode& node, const StaticInterface& port, ConfigErrors& errors) {
  if (FindValue(node, "address") == nullptr && FindValue(node, "address6") == nullptr) {
    errors.Add(node, "address", "is missing, and 'address6', too; give one of them, or both");
  }
  const bool ipv6 = FindValue(node, "address6") != nullptr ||
                    std::any_of(port.next_hops.begin(), port.next_hops.end(),
                                [](const StaticNextHop& hop) { return !hop.prefix.IsIpv4(); });
  if (ipv6 && port.mtu < kLeastIpv6Mtu) {
    errors.Add(node, "mtu",
               absl::StrCat(port.mtu, " is too small for IPv6, which needs ", kLeastIpv6Mtu));
  }
}

}  // namespace

ConfigTable<StaticInterface> StaticInterfaceTable() {
  const ConfigTable<StaticNextHop> next_hop = {
      .keys = {{"to", NextHopPrefix(), "", "destinations; the longest prefix counts", true},
               {"mac", Value(&StaticNextHop::mac, "text", kMacAllowed, ReadMac), "",
                "where frames to them are sent", true}}};
  return {
      .keys = {{"mac", Value(&StaticInterface::mac, "text", kMacAllowed, ReadMac), "",
                "source of the port's frames", true},
               {"mtu", Integer(&StaticInterface::mtu, 68, kLargestMtu), "bytes",
                "largest IP packet that leaves by the port"},
               {"address", Value(&StaticInterface::address, "text", kAddressAllowed, ReadHost), "",
                "source of IPv4 datagrams from sockets that are bound to no address", false,
                "none; at least one of address and address6 is required"},
               {"address6", Value(&StaticInterface::address6, "text", kAddress6Allowed, ReadHost6),
                "", "the same for IPv6", false, "none"},
               {"vlan", Integer(&StaticInterface::vlan, 1, kLastVlan), "802.1Q id",
                "what the port's frames are tagged with", false, "untagged"},
               {"next_hops", MappingList(&StaticInterface::next_hops, next_hop), "",
                "what the port reaches", true}},
      .check = [](const ConfigNode& node, StaticInterface& port, ConfigErrors& errors) {
        CheckStatic(node, port, errors);
        if (const ConfigNode* list = FindValue(node, "next_hops")) {
          RejectDoubled(*list, "to", errors, [](const std::string& to) { return to; });
        }
      }};
}

}  // namespace groupcast
