// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/members.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
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
  return address.line != 0 ? absl::StrCat("'", address.ToString(), "'") : "not given";
}

std::string Text(const std::optional<uint8_t>& value) {
  return value ? absl::StrCat(*value) : "not given";
}

}  // namespace

std::vector<Recipient> MembersOf(const RelayGroup& group) {
  std::vector<Recipient> members;
  members.reserve(group.members.size());
  for (const ConfiguredAddress& member : group.members) {
    members.emplace_back(member.address, static_cast<uint64_t>(member.line));
  }
  return members;
}

absl::StatusOr<Group> RegisterMembers(const GroupSockets& sockets, const RelayGroup& group) {
  absl::StatusOr<Group> registered = Group::Create(sockets.egress());
  if (!registered.ok()) return registered.status();
  const absl::StatusOr<uint64_t> added = registered->Add(MembersOf(group));
  if (!added.ok()) return added.status();
  return registered;
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
    lines.push_back(absl::StrCat(At(wanted, group.ingress), key, ": ", is, " in group '",
                                 group.name, "', but ", was,
                                 " when it was started; restart for that"));
  };
  for (const RelayGroup& group : wanted.groups) {
    const RelayGroup* was = FindGroup(running, group.name);
    if (was == nullptr) {
      lines.push_back(absl::StrCat(At(wanted, group.ingress), "groups: '", group.name,
                                   "' is a new group; restart for that"));
      continue;
    }
    differs(group, "ingress", Text(was->ingress), Text(group.ingress));
    differs(group, "source", Text(was->source), Text(group.source));
    differs(group, "ttl", Text(was->ttl), Text(group.ttl));
    differs(group, "tos", Text(was->tos), Text(group.tos));
  }
  for (const RelayGroup& group : running.groups) {
    if (FindGroup(wanted, group.name) != nullptr) continue;
    lines.push_back(absl::StrCat(wanted.path, ": groups: group '", group.name,
                                 "' is there no more; restart for that"));
  }
  if (running.has_engine != wanted.has_engine) {
    lines.push_back(absl::StrCat(wanted.path, ": ports: were ",
                                 running.has_engine ? "given" : "not given",
                                 " when it was started; restart for that"));
  }
  return lines;
}

}  // namespace groupcast
