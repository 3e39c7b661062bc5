// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/loops.h"

#include <absl/strings/str_cat.h>
#include <sys/socket.h>

#include <map>
#include <set>

#include "tools/file_descriptor.h"

namespace groupcast {
namespace {

// Group `from` sends to the ingress of group `to` by this member.
struct Edge {
  size_t from;
  size_t to;
  const ConfiguredAddress* member;
};

std::vector<Edge> FindEdges(const std::vector<RelayGroup>& groups,
                            const std::function<bool(in_addr)>& is_local) {
  std::multimap<in_port_t, size_t> by_port;
  for (size_t i = 0; i < groups.size(); i++) {
    by_port.emplace(groups[i].ingress.address.sin_port, i);
  }
  std::vector<Edge> edges;
  for (size_t i = 0; i < groups.size(); i++) {
    for (const ConfiguredAddress& member : groups[i].members) {
      const auto [first, last] = by_port.equal_range(member.address.sin_port);
      for (auto other = first; other != last; ++other) {
        const in_addr ingress = groups[other->second].ingress.address.sin_addr;
        const in_addr to = member.address.sin_addr;
        const bool reaches =
            ingress.s_addr == to.s_addr || (ingress.s_addr == INADDR_ANY && is_local(to));
        if (reaches) edges.push_back({i, other->second, &member});
      }
    }
  }
  return edges;
}

bool Reaches(size_t from, size_t to, const std::multimap<size_t, size_t>& next) {
  std::set<size_t> seen;
  std::vector<size_t> open = {from};
  while (!open.empty()) {
    const size_t group = open.back();
    open.pop_back();
    if (group == to) return true;
    if (!seen.insert(group).second) continue;
    const auto [first, last] = next.equal_range(group);
    for (auto edge = first; edge != last; ++edge) open.push_back(edge->second);
  }
  return false;
}

}  // namespace

std::vector<Loop> FindLoops(const std::vector<RelayGroup>& groups,
                            const std::function<bool(in_addr)>& is_local) {
  const std::vector<Edge> edges = FindEdges(groups, is_local);
  std::multimap<size_t, size_t> next;
  for (const Edge& edge : edges) next.emplace(edge.from, edge.to);
  std::vector<Loop> loops;
  for (const Edge& edge : edges) {
    if (!Reaches(edge.to, edge.from, next)) continue;
    const std::string whose = edge.from == edge.to
                                  ? "the group's own ingress"
                                  : absl::StrCat("the ingress of group '", groups[edge.to].name,
                                                 "', which leads back to this one");
    loops.push_back({edge.member, absl::StrCat("'", edge.member->ToString(), "' is ", whose,
                                               ": each datagram would come back")});
  }
  return loops;
}

bool IsLocalAddress(in_addr address) {
  const FileDescriptor probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr = address;
  return bind(probe.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(local)) == 0;
}

}  // namespace groupcast
