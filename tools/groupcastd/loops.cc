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
                            const std::function<bool(const ConfiguredAddress&)>& is_local) {
  struct Ingress {
    size_t group;
    const ConfiguredAddress* address;
  };
  std::multimap<uint16_t, Ingress> by_port;
  for (size_t i = 0; i < groups.size(); i++) {
    for (const RelayIngress& ingress : groups[i].ingresses) {
      by_port.emplace(ingress.address.udp_port, Ingress{i, &ingress.address});
    }
  }
  std::vector<Edge> edges;
  for (size_t i = 0; i < groups.size(); i++) {
    for (const ConfiguredAddress& member : groups[i].members) {
      const auto [first, last] = by_port.equal_range(member.udp_port);
      for (auto other = first; other != last; ++other) {
        const ConfiguredAddress& ingress = *other->second.address;
        const bool every =
            ingress.address.IsUnspecified() && ingress.address.IsIpv4() == member.address.IsIpv4();
        if (ingress == member || (every && is_local(member))) {
          edges.push_back({i, other->second.group, &member});
        }
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
                            const std::function<bool(const ConfiguredAddress&)>& is_local) {
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

bool IsLocalAddress(const ConfiguredAddress& address) {
  const int family = address.address.IsIpv4() ? AF_INET : AF_INET6;
  ConfiguredAddress probed = address;
  probed.udp_port = 0;
  const absl::StatusOr<SocketAddress> local = ToSocketAddress(probed, family);
  const FileDescriptor probe(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return local.ok() && bind(probe.get(), local->get(), local->length) == 0;
}

}  // namespace groupcast
