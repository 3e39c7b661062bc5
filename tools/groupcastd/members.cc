// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/members.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <map>
#include <optional>

#include "tools/groupcastd/loops.h"

namespace groupcast {
namespace {

const RelayGroup* FindGroup(const RelayConfig& config, const std::string& name) {
  const auto group = std::find_if(config.groups.begin(), config.groups.end(),
                                  [&](const RelayGroup& one) { return one.name == name; });
  return group != config.groups.end() ? &*group : nullptr;
}

std::string At(const RelayConfig& config, const ConfiguredAddress& place) {
  return absl::StrCat(config.path, ":", place.line, ":", place.column, ": ");
}

std::string Text(const ConfiguredAddress& address) {
  return address.given() ? absl::StrCat("'", address.ToString(), "'") : "not given";
}

std::string Text(const std::vector<RelayIngress>& ingresses) {
  return absl::StrJoin(ingresses, ", ", [](std::string* out, const RelayIngress& one) {
    absl::StrAppend(out, Text(one.address));
    if (!one.interface.empty()) absl::StrAppend(out, " on ", one.interface);
    for (const IpAddress& from : one.from) absl::StrAppend(out, " from ", ToString(from));
  });
}

std::string Text(const std::optional<uint8_t>& value) {
  return value ? absl::StrCat(*value) : "not given";
}

std::string Text(const std::optional<bool>& value) {
  return !value ? "not given" : *value ? "true" : "false";
}

std::string Text(const std::optional<RelayPacing>& pacing) {
  return pacing ? absl::StrCat(pacing->kbit_per_s, " kbit/s, bursts of ", pacing->burst_bytes)
                : "not given";
}

std::string Text(const std::optional<RelayRtp>& rtp) {
  return rtp ? absl::StrCat("clock_rate ", rtp->clock_rate) : "not given";
}

}  // namespace

absl::StatusOr<std::vector<Recipient>> MembersOf(const RelayConfig& config,
                                                 const RelayGroup& group) {
  std::vector<Recipient> members;
  members.reserve(group.members.size());
  std::vector<std::string> missing;
  for (const ConfiguredAddress& member : group.members) {
    const auto tag = static_cast<uint64_t>(member.line);
    const int family = member.address.IsIpv4() ? AF_INET : AF_INET6;
    const absl::StatusOr<SocketAddress> to = ToSocketAddress(member, family);
    if (!to.ok()) {
      missing.push_back(absl::StrCat(At(config, member), "members: '", member.ToString(),
                                     "': ", to.status().message()));
    } else if (family == AF_INET) {
      members.emplace_back(reinterpret_cast<const sockaddr_in&>(to->bytes), tag);
    } else {
      members.emplace_back(reinterpret_cast<const sockaddr_in6&>(to->bytes), tag);
    }
  }
  if (!missing.empty()) return absl::NotFoundError(absl::StrJoin(missing, "\n"));
  return members;
}

absl::StatusOr<Group> RegisterMembers(const RelayConfig& config, const RelayGroup& group,
                                      const std::vector<Recipient>& members,
                                      const GroupSockets& sockets) {
  absl::StatusOr<Group> registered = Group::Create(sockets.egress());
  absl::Status status = registered.status();
  if (status.ok()) status = registered->Add(members).status();
  if (status.ok()) return registered;
  return absl::Status(status.code(), absl::StrCat(At(config, group.ingresses.front().address),
                                                  "group '", group.name, "': ", status.message()));
}

std::vector<std::string> LoopsOnThisHost(const RelayConfig& config) {
  std::vector<std::string> lines;
  for (const Loop& loop : FindLoops(config.groups, IsLocalAddress)) {
    lines.push_back(absl::StrCat(At(config, *loop.member), "members: ", loop.text));
  }
  return lines;
}

std::vector<std::string> FixedDifferences(const RelayConfig& running, const RelayConfig& wanted) {
  std::vector<std::string> lines;
  const auto differs = [&](const RelayGroup& group, const char* key, const std::string& was,
                           const std::string& is) {
    if (was == is) return;
    lines.push_back(absl::StrCat(At(wanted, group.ingresses.front().address), key, ": ", is,
                                 " in group '", group.name, "', but ", was,
                                 " when it was started; restart for that"));
  };
  for (const RelayGroup& group : wanted.groups) {
    const RelayGroup* was = FindGroup(running, group.name);
    if (was == nullptr) {
      lines.push_back(absl::StrCat(At(wanted, group.ingresses.front().address), "groups: '",
                                   group.name, "' is a new group; restart for that"));
      continue;
    }
    differs(group, "ingress", Text(was->ingresses), Text(group.ingresses));
    differs(group, "source", Text(was->source), Text(group.source));
    differs(group, "ttl", Text(was->ttl), Text(group.ttl));
    differs(group, "tos", Text(was->tos), Text(group.tos));
    differs(group, "dont_fragment", Text(was->dont_fragment), Text(group.dont_fragment));
    differs(group, "pacing", Text(was->pacing), Text(group.pacing));
    differs(group, "rtp", Text(was->rtp), Text(group.rtp));
    if (was->egress_family() == AF_INET && group.egress_family() == AF_INET6) {
      lines.push_back(absl::StrCat(At(wanted, group.ingresses.front().address), "members: group '",
                                   group.name,
                                   "' had none of IPv6 when it was started; restart for that"));
    }
  }
  for (const RelayGroup& group : running.groups) {
    if (FindGroup(wanted, group.name) != nullptr) continue;
    lines.push_back(absl::StrCat(wanted.path, ": groups: group '", group.name,
                                 "' is there no more; restart for that"));
  }
  std::map<std::string, std::string> keys = running.engine;
  keys.insert(wanted.engine.begin(), wanted.engine.end());
  for (const auto& [key, value] : keys) {
    const auto was = running.engine.find(key), is = wanted.engine.find(key);
    if (was != running.engine.end() && is != wanted.engine.end() && was->second == is->second) {
      continue;
    }
    lines.push_back(absl::StrCat(wanted.path, ": ", key,
                                 ": is another than when it was started; restart for that"));
  }
  return lines;
}

}  // namespace groupcast
