// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/config.h"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <net/if.h>

#include <algorithm>
#include <utility>

#include "engine/control/config.h"
#include "engine/control/config_reader.h"
#include "tools/groupcastd/config_checks.h"

namespace groupcast {
namespace {

std::optional<ConfiguredAddress> ReadSource(const ConfigValue& value) {
  const auto address = ReadConfiguredAddress(value, true);
  if (!address) return std::nullopt;
  if (address->address.IsMulticast() || IsBroadcast(address->address)) {
    value.Reject("is no unicast address; datagrams are sent from an address of this host");
    return std::nullopt;
  }
  return address;
}

std::optional<ConfiguredAddress> ReadMember(const ConfigValue& value) {
  const auto address = ReadConfiguredAddress(value, false);
  if (!address) return std::nullopt;
  const IpAddress& to = address->address;
  if (to.IsMulticast() || IsBroadcast(to) || to.IsUnspecified()) {
    value.Reject(absl::StrCat("is ",
                              to.IsUnspecified() ? "no address of a host"
                              : to.IsMulticast() ? "a multicast address"
                                                 : "the broadcast address",
                              "; a member is one host's unicast address and port"));
    return std::nullopt;
  }
  return address;
}

std::optional<std::string> ReadInterface(const ConfigValue& value) {
  auto name = ReadText(value);
  if (name && (name->empty() || name->size() >= IF_NAMESIZE)) {
    value.Reject("is no name of an interface; 'ip link' lists them");
    return std::nullopt;
  }
  return name;
}

std::optional<ConfiguredAddress> ReadIngressAddress(const ConfigValue& value) {
  const auto address = ReadConfiguredAddress(value, false);
  if (address && IsBroadcast(address->address)) {
    value.Reject("is the broadcast address; receive on 0.0.0.0 for it");
    return std::nullopt;
  }
  return address;
}

// What an ingress must have beside its address.
void CheckIngress(const ConfigNode& node, const RelayIngress& ingress, ConfigErrors& errors) {
  if (!ingress.address.given()) return;
  const IpAddress& address = ingress.address.address;
  const std::string quoted = absl::StrCat("'", ingress.address.ToString(), "' ");
  if (!address.IsMulticast()) {
    if (!ingress.interface.empty()) {
      errors.Add(node, "interface",
                 absl::StrCat(quoted, "is no multicast group: nothing is joined"));
    }
  } else if (IsSourceSpecific(address) && ingress.from.empty()) {
    errors.Add(node, "ingress",
               absl::StrCat(quoted, "is source-specific; name its sources with 'from'"));
  } else if (!address.IsIpv4() && (address.bytes[1] & 15) <= 2 && ingress.interface.empty()) {
    errors.Add(node, "ingress",
               absl::StrCat(quoted, "is of one link; name its interface with 'interface'"));
  }
  for (const IpAddress& from : ingress.from) {
    if (from.IsIpv4() == address.IsIpv4()) continue;
    errors.Add(node, "from", absl::StrCat("has an address of another family than ", quoted));
    break;
  }
  for (size_t i = 1; i < ingress.from.size(); i++) {
    const auto end = ingress.from.begin() + static_cast<ptrdiff_t>(i);
    if (std::find(ingress.from.begin(), end, *end) == end) continue;
    errors.Add(node, "from", absl::StrCat("has '", ToString(*end), "' twice"));
  }
}

ConfigTable<RelayIngress> IngressTable() {
  using I = RelayIngress;
  return {
      .keys = {{"address", Value(&I::address, "address", "ADDR:PORT", ReadIngressAddress), "",
                "one of this host (0.0.0.0: all IPv4, [::]: all IPv6), or a multicast group", true},
               {"interface", Value(&I::interface, "text", "name", ReadInterface), "",
                "where a multicast group is joined", false, "chosen by the kernel"},
               {"from", ListOf(&I::from, "addresses", "ADDR", ReadHostAddress), "",
                "its only sources; a multicast group is joined for these (SSM)", false, "any"}},
      .check = [](const ConfigNode& node, RelayIngress& ingress, ConfigErrors& errors) {
        CheckIngress(node, ingress, errors);
      }};
}

// An address, a mapping, or a list of those.
ConfigType<RelayGroup> Ingresses() {
  const auto read_one = [](const ConfigValue& value, RelayGroup& out) {
    RelayIngress ingress;
    if (value.node.kind == ConfigNode::Kind::kMapping) {
      ReadMapping(value.node, value.key, IngressTable(), ingress, value.errors);
    } else {
      ingress.address = ReadIngressAddress(value).value_or(ConfiguredAddress());
      CheckIngress(value.node, ingress, value.errors);
    }
    if (ingress.address.given()) out.ingresses.push_back(std::move(ingress));
  };
  return {"address, mapping or list of them", "ADDR:PORT", "",
          [read_one](const ConfigValue& value, RelayGroup& out) {
            if (value.node.kind != ConfigNode::Kind::kSequence) {
              read_one(value, out);
              return;
            }
            config_internal::WalkSequence(value, "addresses or mappings",
                                          [&](const ConfigValue& item) { read_one(item, out); });
          },
          [](int depth, std::string& out) { DescribeTable(IngressTable(), depth, out); }};
}

std::optional<bool> ReadYesNo(const ConfigValue& value) {
  const size_t word = config_internal::ReadWord(value, {"true", "false"});
  return word < 2 ? std::optional(word == 0) : std::nullopt;
}

ConfigType<RelayGroup> Members() {
  return {
      "list of addresses", "ADDR:PORT", "",
      [](const ConfigValue& value, RelayGroup& out) {
        absl::flat_hash_map<std::string, int> lines;
        config_internal::WalkSequence(value, "addresses ADDR:PORT", [&](const ConfigValue& item) {
          const auto member = ReadMember(item);
          if (!member) return;
          const auto [earlier, first] = lines.emplace(member->ToString(), member->line);
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

ConfigTable<RelayPacing> PacingTable() {
  using P = RelayPacing;
  return {.keys = {{"kbit_per_s", Integer(&P::kbit_per_s, 1, 1'000'000'000), "kbit/s",
                    "of all frames to all members together, from the Ethernet header on", true},
                   {"burst_bytes", Integer(&P::burst_bytes, 64, 1 << 30), "bytes",
                    "that may leave at once after a pause"}},
          .check = nullptr};
}

ConfigTable<RelayRtp> RtpTable() {
  return {.keys = {{"clock_rate", Integer(&RelayRtp::clock_rate, 1, 1'000'000'000), "Hz",
                    "of the timestamps (RFC 3551: 90000 for video, the sampling rate for audio)"}},
          .check = nullptr};
}

ConfigTable<RelayGroup> GroupTable() {
  using G = RelayGroup;
  return {
      .keys =
          {{"name", Value(&G::name, "text", kNameAllowed, ReadName), "",
            "what messages and statistics call the group", true},
           {"ingress", Ingresses(), "", "where its datagrams are received", true},
           {"source", Value(&G::source, "address", "ADDR or ADDR:PORT", ReadSource), "",
            "where they are sent from; may be the ingress, but then members' answers to it go to "
            "the whole group",
            false, "chosen by the kernel"},
           {"ttl", Integer(&G::ttl, 1, 255), "hops", "time to live of what is sent", false,
            "the kernel's"},
           {"tos", Integer(&G::tos, 0, 255), "", "type of service byte of what is sent", false,
            "0"},
           {"dont_fragment", Value(&G::dont_fragment, "word", "true or false", ReadYesNo), "",
            "true: what is longer than the path's MTU is an error; false: it is sent in fragments",
            false, "the kernel's: in fragments once that MTU is known"},
           {"pacing", Mapping(&G::pacing, PacingTable()), "",
            "how fast its packets may leave by the engine's ports", false, "no limit"},
           {"rtp", Mapping(&G::rtp, RtpTable()), "",
            "each member gets an RTP stream of its own: another SSRC, sequence numbers that go on "
            "when the source restarts; what is not RTP is dropped. {} for the defaults",
            false, "datagrams are relayed as they are"},
           {"members", Members(), "", "who receives a copy of each datagram", true}},
      .check = nullptr};
}

// The same for values that are read the same.
std::string Text(const ConfigNode& node) {
  std::string text =
      absl::StrCat(static_cast<int>(node.kind), node.scalar.size(), ":", node.scalar);
  for (const ConfigNode* child : node.children) absl::StrAppend(&text, Text(*child));
  return absl::StrCat("(", text, ")");
}

ConfigTable<RelayConfig> RelayTable() {
  return {.keys = {{"groups", MappingList(&RelayConfig::groups, GroupTable()), "",
                    "what is relayed, and to whom", true}},
          .passed_over = EngineConfigKeys(),
          .check = [](const ConfigNode& node, RelayConfig& config, ConfigErrors& errors) {
            for (const std::string& key : EngineConfigKeys()) {
              const ConfigNode* value = FindValue(node, key);
              if (value != nullptr) config.engine[key] = Text(*value);
            }
            config.has_engine = !config.engine.empty();
            CheckGroups(node, config, errors);
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

int RelayGroup::egress_family() const {
  const auto is_ipv4 = [](const ConfiguredAddress& one) { return one.address.IsIpv4(); };
  if (source.given()) return is_ipv4(source) ? AF_INET : AF_INET6;
  return std::ranges::all_of(members, is_ipv4) ? AF_INET : AF_INET6;
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
