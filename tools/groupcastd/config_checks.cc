// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/config_checks.h"

#include <absl/strings/str_cat.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>

#include "tools/groupcastd/loops.h"

namespace groupcast {
namespace {

ConfigNode PlaceOf(const ConfiguredAddress& address) {
  ConfigNode at;
  at.line = address.line;
  at.column = address.column;
  return at;
}

// Whether one host cannot bind both, of one UDP port.
bool Collide(const ConfiguredAddress& a, const ConfiguredAddress& b) {
  if (a.address.IsIpv4() != b.address.IsIpv4()) return false;
  if (a.address == b.address) return a.interface == b.interface;
  return a.address.IsUnspecified() || b.address.IsUnspecified();
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
  struct Bound {
    const char* key;
    const RelayGroup* group;
    const ConfiguredAddress* address;
  };
  std::multimap<uint16_t, Bound> bound;
  const auto bind = [&](const char* key, const RelayGroup& group, const ConfiguredAddress& own) {
    if (!own.given() || own.udp_port == 0) return;
    const auto [first, last] = bound.equal_range(own.udp_port);
    const auto other = std::find_if(
        first, last, [&](const auto& entry) { return Collide(*entry.second.address, own); });
    if (other == last) {
      bound.emplace(own.udp_port, Bound{key, &group, &own});
      return;
    }
    const Bound& earlier = other->second;
    // A group may send from the very address that it receives on: one socket does both.
    if (earlier.group == &group && own == *earlier.address && &own == &group.source) return;
    errors.Add(PlaceOf(own), key,
               absl::StrCat("'", own.ToString(), "' is taken by the ", earlier.key, " '",
                            earlier.address->ToString(), "' of group '", earlier.group->name,
                            "' in line ", earlier.address->line, "; give each its own port"));
  };
  for (const RelayGroup& group : config.groups) {
    for (const RelayIngress& one : group.ingresses) bind("ingress", group, one.address);
  }
  for (const RelayGroup& group : config.groups) bind("source", group, group.source);
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

}  // namespace

void CheckGroups(const ConfigNode& node, const RelayConfig& config, ConfigErrors& errors) {
  CheckNames(node, errors);
  CheckBinding(config, errors);
  CheckFamilies(config, errors);
  CheckLoops(config, errors);
}

}  // namespace groupcast
