// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/config.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "engine/control/config.h"
#include "engine/control/config_reader.h"
#include "tools/groupcastd/loops.h"

namespace groupcast {
namespace {

bool IsAny(const sockaddr_in& address) { return address.sin_addr.s_addr == INADDR_ANY; }

bool IsMulticast(const sockaddr_in& address) {
  return IN_MULTICAST(ntohl(address.sin_addr.s_addr));
}

bool IsBroadcast(const sockaddr_in& address) { return address.sin_addr.s_addr == INADDR_BROADCAST; }

uint64_t Identity(const sockaddr_in& address) {
  return uint64_t{address.sin_addr.s_addr} << 16 | address.sin_port;
}

// Whether one host cannot bind both.
bool Collide(const sockaddr_in& a, const sockaddr_in& b) {
  return a.sin_port != 0 && a.sin_port == b.sin_port &&
         (IsAny(a) || IsAny(b) || a.sin_addr.s_addr == b.sin_addr.s_addr);
}

ConfiguredAddress At(const sockaddr_in& address, const ConfigNode& node) {
  return {address, node.line, node.column};
}

std::optional<ConfiguredAddress> ReadIngress(const ConfigValue& value) {
  const auto address = ReadSocketAddress(value, false);
  if (!address) return std::nullopt;
  if (IsMulticast(*address) || IsBroadcast(*address)) {
    value.Reject("is no unicast address; ingress is received on an address of this host");
    return std::nullopt;
  }
  return At(*address, value.node);
}

std::optional<ConfiguredAddress> ReadSource(const ConfigValue& value) {
  const auto address = ReadSocketAddress(value, true);
  if (!address) return std::nullopt;
  if (IsMulticast(*address) || IsBroadcast(*address)) {
    value.Reject("is no unicast address; datagrams are sent from an address of this host");
    return std::nullopt;
  }
  return At(*address, value.node);
}

std::optional<ConfiguredAddress> ReadMember(const ConfigValue& value) {
  const auto address = ReadSocketAddress(value, false);
  if (!address) return std::nullopt;
  if (IsMulticast(*address) || IsBroadcast(*address) || IsAny(*address)) {
    value.Reject(absl::StrCat("is ",
                              IsAny(*address)         ? "no address of a host"
                              : IsMulticast(*address) ? "a multicast address"
                                                      : "the broadcast address",
                              "; a member is one host's unicast address and port"));
    return std::nullopt;
  }
  return At(*address, value.node);
}

ConfigType<RelayGroup> Members() {
  return {
      "list of addresses", "ADDR:PORT", "",
      [](const ConfigValue& value, RelayGroup& out) {
        std::unordered_map<uint64_t, int> lines;
        config_internal::WalkSequence(value, "addresses ADDR:PORT", [&](const ConfigValue& item) {
          const auto member = ReadMember(item);
          if (!member) return;
          const auto [earlier, first] = lines.emplace(Identity(member->address), member->line);
          if (!first) {
            item.Reject(
                absl::StrCat("is a member already, in line ", earlier->second, "; remove one"));
            return;
          }
          out.members.push_back(*member);
        });
      },
      nullptr};
}

// Tells members by which a group's datagrams would come back to it, as far as the file shows it.
void CheckLoops(RelayConfig& config, ConfigErrors& errors) {
  const auto loopback = [](in_addr address) {
    return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
  };
  for (const Loop& loop : FindLoops(config.groups, loopback)) {
    ConfigNode at;
    at.line = loop.member->line;
    at.column = loop.member->column;
    errors.Add(at, "members", loop.text);
  }
}

// Tells groups that cannot be open side by side. Ports are compared by number first, so that many
// groups cost little.
void CheckGroups(const ConfigNode&, RelayConfig& config, ConfigErrors& errors) {
  struct Bound {
    const char* key;
    const RelayGroup* group;
    const ConfiguredAddress* address;
  };
  std::multimap<in_port_t, Bound> bound;
  const auto bind = [&](const char* key, const RelayGroup& group, const ConfiguredAddress& own) {
    if (own.line == 0 || own.address.sin_port == 0) return;
    const auto [first, last] = bound.equal_range(own.address.sin_port);
    const auto other = std::find_if(first, last, [&](const auto& entry) {
      return Collide(entry.second.address->address, own.address);
    });
    if (other == last) {
      bound.emplace(own.address.sin_port, Bound{key, &group, &own});
      return;
    }
    const Bound& earlier = other->second;
    // A group may send from the very address that it receives on: one socket does both.
    if (earlier.group == &group && Identity(earlier.address->address) == Identity(own.address)) {
      return;
    }
    ConfigNode at;
    at.line = own.line;
    at.column = own.column;
    errors.Add(at, key,
               absl::StrCat("'", own.ToString(), "' is taken by the ", earlier.key, " '",
                            earlier.address->ToString(), "' of group '", earlier.group->name,
                            "' in line ", earlier.address->line, "; give each its own port"));
  };
  for (const RelayGroup& group : config.groups) bind("ingress", group, group.ingress);
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

ConfigTable<RelayGroup> GroupTable() {
  using G = RelayGroup;
  return {
      .keys =
          {{"name", Value(&G::name, "text", kNameAllowed, ReadName), "",
            "what messages and statistics call the group", true},
           {"ingress", Value(&G::ingress, "address", "ADDR:PORT", ReadIngress), "",
            "where its datagrams are received; 0.0.0.0 for every address of this host", true},
           {"source", Value(&G::source, "address", "ADDR or ADDR:PORT", ReadSource), "",
            "where they are sent from; may be the ingress, but then members' answers to it go to "
            "the whole group",
            false, "chosen by the kernel"},
           {"ttl", Integer(&G::ttl, 1, 255), "hops", "time to live of what is sent", false,
            "the kernel's"},
           {"tos", Integer(&G::tos, 0, 255), "", "type of service byte of what is sent", false,
            "0"},
           {"members", Members(), "", "who receives a copy of each datagram", true}},
      .check = nullptr};
}

ConfigTable<RelayConfig> RelayTable() {
  return {.keys = {{"groups", MappingList(&RelayConfig::groups, GroupTable()), "",
                    "what is relayed, and to whom", true}},
          .passed_over = EngineConfigKeys(),
          .check = [](const ConfigNode& node, RelayConfig& config, ConfigErrors& errors) {
            for (const std::string& key : EngineConfigKeys()) {
              config.has_engine |= FindValue(node, key) != nullptr;
            }
            CheckNames(node, errors);
            CheckGroups(node, config, errors);
            CheckLoops(config, errors);
          }};
}

// Line and column of "PATH:LINE:COLUMN: ..."; nothing for other text.
std::optional<std::pair<int, int>> PlaceOf(const std::string& path, const std::string& text) {
  if (text.compare(0, path.size() + 1, path + ":") != 0) return std::nullopt;
  const std::vector<std::string> parts =
      absl::StrSplit(text.substr(path.size() + 1), absl::MaxSplits(':', 2));
  int line = 0, column = 0;
  if (parts.size() < 3 || !absl::SimpleAtoi(parts[0], &line) ||
      !absl::SimpleAtoi(parts[1], &column)) {
    return std::nullopt;
  }
  return std::pair(line, column);
}

}  // namespace

std::string ConfiguredAddress::ToString() const {
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
  return absl::StrCat(text, ":", ntohs(address.sin_port));
}

absl::Status LoadRelayConfig(const std::string& path, RelayConfig& config) {
  config.path = path;
  const absl::StatusOr<ConfigFile> file = ConfigFile::Read(path);
  if (!file.ok()) return file.status();
  ConfigErrors errors(path);
  ReadMapping(file->root(), "", RelayTable(), config, errors);
  return errors.status();
}

std::string RelayConfigReference() {
  std::string text;
  DescribeTable(RelayTable(), 0, text);
  return text;
}

std::string MergeErrors(const std::string& path, const std::string& a, const std::string& b) {
  struct Error {
    std::pair<int, int> place;
    std::string text;
  };
  std::vector<Error> errors;
  for (const std::string& message : {a, b}) {
    std::pair<int, int> place = {0, 0};
    for (const auto& part : absl::StrSplit(message, '\n', absl::SkipEmpty())) {
      const std::string text(part);
      // A line without a place belongs to the one above it.
      place = PlaceOf(path, text).value_or(place);
      errors.push_back({place, text});
    }
  }
  std::stable_sort(errors.begin(), errors.end(),
                   [](const Error& x, const Error& y) { return x.place < y.place; });
  std::vector<std::string> lines;
  for (const Error& error : errors) {
    if (std::find(lines.begin(), lines.end(), error.text) == lines.end()) {
      lines.push_back(error.text);
    }
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace groupcast
