// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/config_checks.h"

#include <absl/strings/str_cat.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tools/groupcastd/loops.h"

namespace groupcast {
namespace {

ConfigNode PlaceOf(const ConfiguredAddress& address) {
  ConfigNode at;
  at.line = address.line;
  at.column = address.column;
  return at;
}

// What is bound.
struct Bound {
  const char* key;
  const RelayGroup* group;
  const ConfiguredAddress* address;
  const RelayIngress* ingress;  // null: it is a source

  // Sends IPv4, too, and so takes the port of both families.
  bool IsDual() const {
    return ingress == nullptr && address->address.IsUnspecified() && !address->address.IsIpv4();
  }
};

bool HaveCommon(const std::vector<IpAddress>& a, const std::vector<IpAddress>& b) {
  return a.empty() || b.empty() || std::ranges::any_of(a, [&](const IpAddress& one) {
           return std::ranges::find(b, one) != b.end();
         });
}

// Whether one host cannot bind both, of one UDP port; or, of multicast, receives a datagram twice.
bool Collide(const Bound& a, const Bound& b) {
  const IpAddress &one = a.address->address, &other = b.address->address;
  if (one.IsIpv4() != other.IsIpv4()) return a.IsDual() || b.IsDual();
  if (one == other && one.IsMulticast()) {
    const std::string &here = a.ingress->interface, &there = b.ingress->interface;
    return (here.empty() || there.empty() || here == there) &&
           HaveCommon(a.ingress->from, b.ingress->from);
  }
  if (one == other) return a.address->interface == b.address->interface;
  return one.IsUnspecified() || other.IsUnspecified();
}

// Tells members by which a group's datagrams would come back to it, as far as the file shows it.
void CheckLoops(const RelayConfig& config, ConfigErrors& errors) {
  const auto loopback = [](const ConfiguredAddress& member) {
    const IpAddress& address = member.address;
    if (address.IsIpv4()) return ntohl(address.Ipv4()) >> 24 == IN_LOOPBACKNET;
    return address == IpAddress::FromIpv6(in6addr_loopback);
  };
  for (const Loop& loop : FindLoops(config.groups, loopback)) {
    errors.Add(PlaceOf(*loop.member), "members", loop.text);
  }
}

// Tells groups that cannot be open side by side. Ports are compared by number first, so that many
// groups cost little.
void CheckBinding(const RelayConfig& config, ConfigErrors& errors) {
  std::multimap<uint16_t, Bound> bound;
  const auto bind = [&](const Bound& own) {
    const ConfiguredAddress& address = *own.address;
    if (!address.given() || address.udp_port == 0) return;
    const auto [first, last] = bound.equal_range(address.udp_port);
    const auto other =
        std::find_if(first, last, [&](const auto& entry) { return Collide(entry.second, own); });
    if (other == last) {
      bound.emplace(address.udp_port, own);
      return;
    }
    const Bound& earlier = other->second;
    // A group may send from the very address that it receives on: one socket does both.
    if (earlier.group == own.group && address == *earlier.address && own.ingress == nullptr) return;
    errors.Add(PlaceOf(address), own.key,
               absl::StrCat("'", address.ToString(), "' is taken by the ", earlier.key, " '",
                            earlier.address->ToString(), "' of group '", earlier.group->name,
                            "' in line ", earlier.address->line, "; give each its own port"));
  };
  for (const RelayGroup& group : config.groups) {
    for (const RelayIngress& one : group.ingresses) bind({"ingress", &group, &one.address, &one});
  }
  for (const RelayGroup& group : config.groups) bind({"source", &group, &group.source, nullptr});
}

void CheckNames(const ConfigNode& node, ConfigErrors& errors) {
  const ConfigNode* groups = FindValue(node, "groups");
  if (groups == nullptr || groups->kind != ConfigNode::Kind::kSequence) return;
  std::map<std::string, int> lines;
  for (const ConfigNode* group : groups->children) {
    const ConfigNode* name = FindValue(*group, "name");
    if (name == nullptr || name->kind != ConfigNode::Kind::kScalar) continue;
    const auto [earlier, first] = lines.emplace(name->scalar, name->line);
    if (first) continue;
    ConfigValue{"name", *name, errors}.Reject(absl::StrCat(
        "is the name of the group in line ", earlier->second, " already; give each its own"));
  }
}

// A socket that is bound to an address sends to that address's family only.
void CheckFamilies(const RelayConfig& config, ConfigErrors& errors) {
  for (const RelayGroup& group : config.groups) {
    const IpAddress& source = group.source.address;
    if (!group.source.given()) continue;
    const bool is_ingress = std::ranges::any_of(
        group.ingresses, [&](const RelayIngress& one) { return one.address == group.source; });
    if (!source.IsIpv4() && source.IsUnspecified() && !is_ingress) continue;
    const auto other = std::ranges::find_if(group.members, [&](const ConfiguredAddress& member) {
      return member.address.IsIpv4() != source.IsIpv4();
    });
    if (other == group.members.end()) continue;
    errors.Add(
        PlaceOf(*other), "members",
        absl::StrCat("'", other->ToString(), "' is of another family than the group's source ", "'",
                     group.source.ToString(), "'; leave that out, or make two groups"));
  }
}

// Nobody paces what goes by the kernel.
void CheckPacing(const ConfigNode& node, const RelayConfig& config, ConfigErrors& errors) {
  for (const RelayGroup& group : config.groups) {
    if (!group.pacing || config.has_engine) continue;
    const ConfiguredAddress* place =
        group.ingresses.empty() ? nullptr : &group.ingresses.front().address;
    errors.Add(
        place != nullptr ? PlaceOf(*place) : node, "pacing",
        absl::StrCat("group '", group.name,
                     "' is paced by the engine only; give the file 'ports', or leave it out"));
  }
}

}  // namespace

void CheckGroups(const ConfigNode& node, const RelayConfig& config, ConfigErrors& errors) {
  CheckPacing(node, config, errors);
  CheckNames(node, errors);
  CheckBinding(config, errors);
  CheckFamilies(config, errors);
  CheckLoops(config, errors);
}

}  // namespace groupcast
