// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <algorithm>
#include <memory>

#include "bench/rooms/room.h"
#include "engine/control/resolver.h"

namespace groupcast {
namespace {

constexpr uint32_t kDestinations = 1000;
constexpr size_t kBatch = kMaxRecipients;

}  // namespace

// A thousand known destinations, 64 at a time, as sendgroup() looks them up.
void AddResolverRoom(std::vector<Room>* rooms) {
  struct State {
    std::unique_ptr<Resolver> resolver;
    uint32_t profile = 0;
    std::vector<Destination> destinations;
  };
  Resolver::Options options;
  options.ports.push_back({.name = "null0", .mtu = BenchLcore::kMtu, .fixed = BenchInterface()});
  auto resolver = Resolver::Start(std::move(options));
  if (!resolver.ok()) Die(resolver.status().ToString());
  auto state = std::make_shared<State>();
  state->resolver = *std::move(resolver);
  state->profile = state->resolver->Intern({});
  for (uint32_t i = 0; i < kDestinations; i++) {
    state->destinations.push_back(
        {IpAddress::FromIpv4(rte_cpu_to_be_32((10U << 24) + i)), 0, RTE_BE16(5004)});
  }
  if (!state->resolver->Ask(state->profile, state->destinations)) Die("no room for the routes");
  auto round = [state] {
    const std::span<const Destination> all = state->destinations;
    for (size_t at = 0; at < all.size(); at += kBatch) {
      const Route* routes[kBatch];
      const auto some = all.subspan(at, std::min(kBatch, all.size() - at));
      state->resolver->Online(0);
      state->resolver->Lookup(state->profile, some, routes);
      if (routes[0] == nullptr || routes[0]->path != Route::Path::kEngine) {
        Die("a destination is not known");
      }
      state->resolver->Offline(0);
    }
  };
  rooms->push_back({"resolver/lookup", "recipient", kDestinations, round});
}

}  // namespace groupcast
