// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/control/resolver_state.h"

namespace groupcast {
namespace {

// The kernel forgets a path MTU exception not before this is over.
constexpr int64_t kExpirySlackNs = 100'000'000;

constexpr uint32_t kLeastIpv6Mtu = 1280;  // RFC 8200, section 5

// Destinations that never leave by the engine, whatever the routes say. The kernel tells the other
// broadcast and local addresses.
bool IsForKernel(const IpAddress& address) {
  if (!address.IsIpv4()) {
    const in6_addr ipv6 = address.Ipv6();
    return IN6_IS_ADDR_UNSPECIFIED(&ipv6) || IN6_IS_ADDR_LOOPBACK(&ipv6) ||
           IN6_IS_ADDR_MULTICAST(&ipv6);
  }
  const uint32_t host_order = ntohl(address.Ipv4());
  const uint32_t first_byte = host_order >> 24;
  return first_byte == 0 || first_byte == IN_LOOPBACKNET || IN_MULTICAST(host_order) ||
         host_order == INADDR_BROADCAST;
}

bool IsOfOtherFamily(const RouteProfile& profile, const IpAddress& destination) {
  return !profile.source.IsUnspecified() && profile.source.IsIpv4() != destination.IsIpv4();
}

// A link-local address says nothing without its link, or with two.
bool IsWithoutLink(const RouteProfile& profile, const RouteKey& key) {
  if (!key.address.IsLinkLocal()) return false;
  return key.scope == 0 ? profile.interface == 0
                        : profile.interface != 0 && profile.interface != key.scope;
}

bool InPrefix(const IpAddress& address, const StaticNextHop& hop) {
  if (address.IsIpv4() != hop.prefix.IsIpv4()) return false;
  const size_t bits = hop.prefix_length + (address.IsIpv4() ? 96u : 0u);
  const size_t bytes = bits / 8;
  if (std::memcmp(address.bytes.data(), hop.prefix.bytes.data(), bytes) != 0) return false;
  const auto mask = static_cast<uint8_t>(0xff00 >> bits % 8);
  return mask == 0 || ((address.bytes[bytes] ^ hop.prefix.bytes[bytes]) & mask) == 0;
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
         before.device_mtu != after.device_mtu || before.hop_limit != after.hop_limit;
}

// Of an exception's last hundredth of a second the kernel does not tell that it has an end. What
// was told before still holds then; what is told after that end has none.
bool MayExpireUntold(const Route& before, const Route& after, int64_t now_ns) {
  return before.expires_ns > now_ns && after.expires_ns == 0 &&
         after.path == Route::Path::kEngine && after.path_mtu == before.path_mtu &&
         after.path_mtu < after.device_mtu;
}

}  // namespace

Resolver::State::Question Resolver::State::MakeQuestion(
    const RouteKey& key, const std::optional<RouteProfile>& profile) const {
  Question question{.key = key, .profile = profile};
  if (IsForKernel(key.address) || (profile && IsOfOtherFamily(*profile, key.address))) {
    question.by = Question::By::kDestination;
  } else if ((question.hop = StaticNextHopFor(question, &question.port)) != nullptr) {
    question.by = Question::By::kStaticPort;
  } else if (profile && IsWithoutLink(*profile, key)) {
    question.by = Question::By::kDestination;
  } else if (profile && kernel_) {
    question.by = Question::By::kKernel;
  }
  return question;
}

const StaticNextHop* Resolver::State::StaticNextHopFor(const Question& question,
                                                       uint16_t* port) const {
  // A socket that is bound to a kernel interface, or names one, leaves by no other.
  if (question.profile && AskedInterface(*question.profile, question.key.destination()) != 0) {
    return nullptr;
  }
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

uint32_t Resolver::State::AskKernel(std::span<const Question> questions, RouteQuestions* kernel,
                                    std::mutex* mutex, RouteAnswer* answers) {
  std::array<RouteQuestions::Question, RouteQuestions::kBatch> asked;
  std::array<RouteAnswer, RouteQuestions::kBatch> answered;
  std::array<size_t, RouteQuestions::kBatch> places;
  size_t n = 0;
  // Read before the kernel is asked: an event after this makes the answers stale.
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  for (size_t i = 0; i < questions.size(); i++) {
    answers[i] = {};
    if (questions[i].by != Question::By::kKernel) continue;
    asked[n] = {.profile = *questions[i].profile, .destination = questions[i].key.destination()};
    places[n++] = i;
  }
  if (n == 0) return generation;
  counters_.AddShared(Counter::kRoutesAsked, n);
  {
    std::unique_lock<std::mutex> lock;
    if (mutex != nullptr) lock = std::unique_lock(*mutex);
    kernel->Ask({asked.data(), n}, answered.data());
  }
  for (size_t i = 0; i < n; i++) answers[places[i]] = answered[i];
  return generation;
}

bool Resolver::State::AskBatch(std::span<const Question> questions, bool known_only) {
  std::array<RouteAnswer, RouteQuestions::kBatch> answers;
  RouteQuestions* kernel = nullptr;
  if (kernel_) kernel = known_only ? &kernel_->again : &kernel_->callers;
  const uint32_t generation =
      AskKernel(questions, kernel, known_only ? nullptr : &callers_mutex_, answers.data());
  std::vector<Neighbours::Use> uses;
  bool fits = true, late = false;
  {
    std::lock_guard lock(mutex_);
    routes_->Reclaim();
    const int64_t now_ns = MonotonicNs();
    for (size_t i = 0; i < questions.size(); i++) {
      fits &= Publish(questions[i], answers[i], generation, known_only, now_ns, &uses);
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
  const Route before = old != nullptr ? old->route : Route{};
  if (old != nullptr && question.by == Question::By::kKernel && !answer.answered) {
    NoteExpiry(before.expires_ns, now_ns);
    return true;
  }

  Route route = Decide(question, answer, generation, now_ns);
  if (MayExpireUntold(before, route, now_ns)) route.expires_ns = before.expires_ns;
  NoteExpiry(route.expires_ns, now_ns);
  const bool engine = route.path == Route::Path::kEngine;
  route.engine_before = before.path == Route::Path::kEngine || before.engine_before;
  const RouteTable::Outcome outcome = routes_->Put(question.key, route);
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

// `expires_ns`: Route's. What was to be asked by now, and got no answer, is asked again.
void Resolver::State::NoteExpiry(int64_t expires_ns, int64_t now_ns) {
  if (expires_ns == 0) return;
  const int64_t at_ns = expires_ns > now_ns ? expires_ns : now_ns + kExpirySlackNs;
  expiry_ns_ = std::min(expiry_ns_, at_ns);
}

Route Resolver::State::Decide(const Question& question, const RouteAnswer& answer,
                              uint32_t generation, int64_t now_ns) {
  Route route = ByKernel(Counter::kKernelRoute);
  switch (question.by) {
    case Question::By::kDestination:
      route = ByKernel(Counter::kKernelDestination);
      break;
    case Question::By::kStaticPort:
      route = DecideStatic(question);
      break;
    case Question::By::kKernel:
      route = DecideByAnswer(question, answer, now_ns);
      break;
    case Question::By::kNobody:
      break;
  }
  route.generation = generation;
  return route;
}

Route Resolver::State::DecideByAnswer(const Question& question, const RouteAnswer& answer,
                                      int64_t now_ns) {
  if (!answer.answered || answer.error != 0) return ByKernel(Counter::kKernelRoute);
  if (answer.type == RTN_LOCAL || answer.type == RTN_BROADCAST || answer.type == RTN_MULTICAST ||
      answer.type == RTN_ANYCAST) {
    return ByKernel(Counter::kKernelDestination);
  }
  const bool ipv4 = question.key.address.IsIpv4();
  const uint32_t asked = AskedInterface(*question.profile, question.key.destination());
  const std::optional<uint16_t> port = PortOf(answer.interface);
  // A TTL of an IPv4 route's own is not what the socket's options say. IPv6 takes the interface
  // that was asked for as a wish where there is a source address, too; for the socket it is none.
  if (answer.type != RTN_UNICAST || answer.encapsulated || answer.foreign_next_hop ||
      (ipv4 && answer.hop_limit != 0) || (asked != 0 && asked != answer.interface) || !port ||
      !ports_[*port].exists) {
    return ByKernel(Counter::kKernelRoute);
  }
  Route route;
  const IpAddress& bound = question.profile->source;
  // For IPv6 the kernel tells what it would choose, whatever the question had.
  route.source =
      answer.source.IsUnspecified() || !(ipv4 || bound.IsUnspecified()) ? bound : answer.source;
  if (route.source.IsUnspecified()) return ByKernel(Counter::kKernelRoute);
  const std::optional<uint32_t> next_hop = neighbours_.Acquire(
      *port, answer.gateway.IsUnspecified() ? question.key.address : answer.gateway);
  if (!next_hop) {
    starved_ = true;
    return ByKernel(Counter::kKernelRoutesFull);
  }
  route.path = Route::Path::kEngine;
  route.port = *port;
  route.next_hop = *next_hop;
  route.next_hop_tag = neighbours_.table()[*next_hop].Tag();
  SetMtu(question, answer, &route);
  if (answer.expires_ms) {
    route.expires_ns = now_ns + int64_t{*answer.expires_ms} * 1'000'000 + kExpirySlackNs;
  }
  return route;
}

void Resolver::State::SetMtu(const Question& question, const RouteAnswer& answer,
                             Route* route) const {
  const Port& port = ports_[route->port];
  route->device_mtu = port.mtu;
  uint32_t mtu = answer.mtu;
  if (question.key.address.IsIpv4()) {
    route->mtu_locked = answer.mtu_locked;
  } else {
    // ip6_dst_mtu_maybe_forward() and ip6_dst_hoplimit().
    if (mtu == 0) mtu = port.mtu6 != 0 ? port.mtu6 : kLeastIpv6Mtu;
    route->hop_limit =
        answer.hop_limit != 0 ? static_cast<uint8_t>(answer.hop_limit) : port.hop_limit6;
  }
  route->path_mtu = mtu != 0 ? std::min(mtu, port.mtu) : port.mtu;
}

Route Resolver::State::DecideStatic(const Question& question) {
  const StaticInterface& fixed = *options_.ports[question.port].fixed;
  Route route;
  route.source = question.key.address.IsIpv4() ? fixed.address : fixed.address6;
  if (route.source.IsUnspecified() && question.profile) route.source = question.profile->source;
  if (route.source.IsUnspecified()) return ByKernel(Counter::kKernelRoute);
  const std::optional<uint32_t> next_hop = neighbours_.AcquireStatic(question.port, *question.hop);
  if (!next_hop) {
    starved_ = true;
    return ByKernel(Counter::kKernelRoutesFull);
  }
  route.path = Route::Path::kEngine;
  route.port = question.port;
  route.next_hop = *next_hop;
  route.next_hop_tag = neighbours_.table()[*next_hop].Tag();
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
