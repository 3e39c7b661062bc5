// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "engine/control/resolver_state.h"

namespace groupcast {
namespace {

// The kernel forgets a path MTU exception not before this is over.
constexpr int64_t kExpirySlackNs = 100'000'000;

// Destinations that never leave by the engine, whatever the routes say. The kernel tells the other
// broadcast and local addresses.
bool IsForKernel(rte_be32_t address) {
  const uint32_t host_order = ntohl(address);
  const uint32_t first_byte = host_order >> 24;
  return first_byte == 0 || first_byte == IN_LOOPBACKNET || IN_MULTICAST(host_order) ||
         host_order == INADDR_BROADCAST;
}

bool InPrefix(rte_be32_t address, const StaticNextHop& hop) {
  if (hop.prefix_length == 0) return true;
  const uint32_t mask = ~uint32_t{0} << (32 - hop.prefix_length);
  return ((ntohl(address) ^ ntohl(hop.prefix)) & mask) == 0;
}

Route ByKernel(Counter reason) {
  Route route;
  route.path = Route::Path::kKernel;
  route.kernel_reason = reason;
  return route;
}

// Whether whoever holds `before` would send otherwise with `after`.
bool Differ(const Route& before, const Route& after) {
  return before.path != after.path || before.kernel_reason != after.kernel_reason ||
         before.mtu_locked != after.mtu_locked || before.port != after.port ||
         before.next_hop != after.next_hop || before.next_hop_tag != after.next_hop_tag ||
         before.source != after.source || before.path_mtu != after.path_mtu ||
         before.device_mtu != after.device_mtu;
}

}  // namespace

const StaticNextHop* Resolver::State::StaticNextHopFor(const Question& question,
                                                       uint16_t* port) const {
  // A socket that is bound to a kernel interface leaves by no other.
  if (question.profile && question.profile->interface != 0) return nullptr;
  const StaticNextHop* longest = nullptr;
  for (size_t i = 0; i < options_.ports.size(); i++) {
    if (!options_.ports[i].fixed) continue;
    for (const StaticNextHop& hop : options_.ports[i].fixed->next_hops) {
      if (!InPrefix(question.key.address, hop)) continue;
      if (longest != nullptr && longest->prefix_length >= hop.prefix_length) continue;
      longest = &hop;
      *port = static_cast<uint16_t>(i);
    }
  }
  return longest;
}

bool Resolver::State::NeedsKernel(const Question& question) const {
  uint16_t port;
  return kernel_ && question.profile && !IsForKernel(question.key.address) &&
         StaticNextHopFor(question, &port) == nullptr;
}

bool Resolver::State::AskBatch(std::span<const Question> questions, RouteQuestions* kernel,
                               bool known_only) {
  std::array<RouteQuestions::Question, RouteQuestions::kBatch> asked;
  std::array<RouteAnswer, RouteQuestions::kBatch> answers;
  size_t n = 0;
  // Read before the kernel is asked: an event after this makes the answers stale.
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  for (const Question& question : questions) {
    if (!NeedsKernel(question)) continue;
    asked[n++] = {
        .profile = *question.profile,
        .destination = {.address = question.key.address, .udp_port = question.key.udp_port}};
  }
  if (n != 0) {
    counters_.AddShared(Counter::kRoutesAsked, n);
    std::unique_lock<std::mutex> lock;
    if (!known_only) lock = std::unique_lock(callers_mutex_);
    kernel->Ask({asked.data(), n}, answers.data());
  }

  std::vector<Neighbours::Use> uses;
  bool fits = true, late = false;
  {
    std::lock_guard lock(mutex_);
    routes_->Reclaim();
    const int64_t now_ns = MonotonicNs();
    size_t next = 0;
    for (const Question& question : questions) {
      const RouteAnswer answer = NeedsKernel(question) ? answers[next++] : RouteAnswer{};
      fits &= Publish(question, answer, generation, known_only, now_ns, &uses);
    }
    if (generation != generation_.load(std::memory_order_acquire)) late = late_answers_ = true;
  }
  SendUses(uses);
  if (late && !known_only) WakeControl();
  AnnounceChanges();
  return fits;
}

bool Resolver::State::Publish(const Question& question, const RouteAnswer& answer,
                              uint32_t generation, bool known_only, int64_t now_ns,
                              std::vector<Neighbours::Use>* uses) {
  const RouteEntry* old = routes_->Find(question.key);
  if (old == nullptr && known_only) return true;
  // What was asked later counts, in whatever order the answers come.
  if (old != nullptr && static_cast<int32_t>(generation - old->route.generation) < 0) return true;
  const bool needed_kernel = NeedsKernel(question);
  if (old != nullptr && needed_kernel && !answer.answered) return true;

  Route route = Decide(question, answer);
  route.generation = generation;
  int64_t expires_ns = 0;
  if (needed_kernel && answer.expires_ms) {
    expires_ns = now_ns + int64_t{*answer.expires_ms} * 1'000'000 + kExpirySlackNs;
    expiry_ns_ = std::min(expiry_ns_, expires_ns);
  }
  const bool engine = route.path == Route::Path::kEngine;
  const Route before = old != nullptr ? old->route : Route{};
  route.engine_before = before.path == Route::Path::kEngine || before.engine_before;
  const RouteTable::Outcome outcome = routes_->Put(question.key, route, expires_ns);
  if (outcome == RouteTable::Outcome::kFull) {
    if (engine) neighbours_.Release(route.next_hop);
    return false;
  }
  if (outcome == RouteTable::Outcome::kAdded) profiles_.AddRoute(question.key.profile);
  if (outcome == RouteTable::Outcome::kReplaced) {
    if (before.path == Route::Path::kEngine) neighbours_.Release(before.next_hop);
    if (Differ(before, route)) NoteReplaced();
  }
  if (engine) {
    const auto use = neighbours_.Resolve(route.next_hop, route.next_hop_tag, now_ns);
    if (use) uses->push_back(*use);
  }
  return engine || route.kernel_reason != Counter::kKernelRoutesFull;
}

Route Resolver::State::Decide(const Question& question, const RouteAnswer& answer) {
  if (IsForKernel(question.key.address)) return ByKernel(Counter::kKernelDestination);
  uint16_t static_port;
  if (const StaticNextHop* hop = StaticNextHopFor(question, &static_port); hop != nullptr) {
    return DecideStatic(static_port, *hop);
  }
  if (!NeedsKernel(question) || !answer.answered || answer.error != 0) {
    return ByKernel(Counter::kKernelRoute);
  }
  if (answer.type == RTN_LOCAL || answer.type == RTN_BROADCAST || answer.type == RTN_MULTICAST ||
      answer.type == RTN_ANYCAST) {
    return ByKernel(Counter::kKernelDestination);
  }
  const std::optional<uint16_t> port = PortOf(answer.interface);
  // A TTL of the route's own is not what the socket's options say.
  if (answer.type != RTN_UNICAST || answer.encapsulated || answer.foreign_next_hop ||
      answer.hop_limit || !port || !ports_[*port].exists) {
    return ByKernel(Counter::kKernelRoute);
  }
  const std::optional<uint32_t> next_hop =
      neighbours_.Acquire(*port, answer.gateway != 0 ? answer.gateway : question.key.address);
  if (!next_hop) {
    starved_ = true;
    return ByKernel(Counter::kKernelRoutesFull);
  }
  const uint32_t device_mtu = ports_[*port].mtu;
  Route route;
  route.path = Route::Path::kEngine;
  route.mtu_locked = answer.mtu_locked;
  route.port = *port;
  route.next_hop = *next_hop;
  route.next_hop_tag = neighbours_.table()[*next_hop].Tag();
  route.source = answer.source != 0 ? answer.source : question.profile->source;
  route.path_mtu = answer.mtu != 0 ? std::min(answer.mtu, device_mtu) : device_mtu;
  route.device_mtu = device_mtu;
  return route;
}

Route Resolver::State::DecideStatic(uint16_t port, const StaticNextHop& hop) {
  const std::optional<uint32_t> next_hop = neighbours_.AcquireStatic(port, hop);
  if (!next_hop) {
    starved_ = true;
    return ByKernel(Counter::kKernelRoutesFull);
  }
  const StaticInterface& fixed = *options_.ports[port].fixed;
  Route route;
  route.path = Route::Path::kEngine;
  route.port = port;
  route.next_hop = *next_hop;
  route.next_hop_tag = neighbours_.table()[*next_hop].Tag();
  route.source = fixed.address;
  route.path_mtu = fixed.mtu;
  route.device_mtu = fixed.mtu;
  return route;
}

void Resolver::State::RemoveRoute(const RouteEntry& entry, uint32_t now_s) {
  if (entry.route.path == Route::Path::kEngine) neighbours_.Release(entry.route.next_hop);
  profiles_.RemoveRoute(entry.key.profile, now_s);
  routes_->Remove(entry);
}

void Resolver::State::NoteReplaced() {
  revision_.fetch_add(1, std::memory_order_release);
  replaced_ = true;
}

}  // namespace groupcast
