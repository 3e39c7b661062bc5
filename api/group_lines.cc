// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What a group's lines say: made from the kernel's answers, made anew when those change.
#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "api/group_state.h"
#include "api/recipient_line.h"
#include "engine/control/clock.h"

namespace groupcast {
namespace {

constexpr size_t kResolveBatch = 256;
constexpr size_t kSkipsPerStep = 4096;  // chunks of a walk that have nothing to be asked
constexpr int64_t kMarkNs = 1'000'000'000;

bool SameLine(const HeaderLine& a, const HeaderLine& b) {
  return std::memcmp(a.headers, b.headers, IpUdpLen(a)) == 0 && a.udp_sum == b.udp_sum &&
         a.next_hop == b.next_hop && a.next_hop_tag == b.next_hop_tag && a.path_mtu == b.path_mtu &&
         a.scope == b.scope;
}

Destination DestinationOf(const MemberKey& key) {
  return {.address = key.address, .scope = key.scope, .udp_port = key.udp_port};
}

}  // namespace

// For what is published from now on. False: the descriptor is no UDP socket (any more).
bool Group::State::ReadSocketAgain() {
  const EngineUse use(EngineUse::Need::kEngineOnly);
  if (use.engine() == nullptr) return CheckUdpSocket(sd_) == 0;
  RefreshSockets();
  const UdpSocket* read = ReadSocket(sd_, use.engine());
  if (read == nullptr) return false;
  published_socket_ = std::make_shared<UdpSocket>(*read);
  socket_ = *read;
  return true;
}

void Group::State::NextStamp() {
  stamp_ = stamp_ == UINT16_MAX ? kFirstStamp : static_cast<uint16_t>(stamp_ + 1);
  walking_ = true;
  walk_clean_ = 0;
}

// Another engine than the lines were made for, or none: nothing that they say holds any more.
void Group::State::SyncEngine(const EngineUse& use) {
  const uint32_t instance = use.engine() != nullptr ? use.engine()->instance() : 0;
  if (instance == engine_) return;
  engine_ = instance;
  members_.ForgetNextHops();
  expiries_.clear();
  rebuilding_ = instance != 0;
  Publish(0);
  walking_ = false;
  if (instance == 0) return;
  Resolver& resolver = use.engine()->resolver();
  generation_ = resolver.Generation();
  mtu_changes_ = resolver.MtuChanges();
  ReadSocketAgain();
  NextStamp();
}

// What the engine's answers make of these members' lines. By the kernel what the socket's options
// do not allow the engine.
std::vector<Group::State::Answer> Group::State::Ask(const EngineUse& use,
                                                    std::span<const MemberKey> keys) {
  std::vector<Answer> answers(keys.size());
  std::vector<Destination> destinations;
  for (const MemberKey& key : keys) destinations.push_back(DestinationOf(key));
  std::vector<Route> routes(keys.size());
  Resolver& resolver = use.engine()->resolver();
  if (!socket_.kernel_only) resolver.Resolve(socket_.profile, destinations, routes.data());
  std::vector<uint32_t> refused;
  for (size_t i = 0; i < keys.size(); i++) {
    const Route& route = routes[i];
    const Destination& to = destinations[i];
    Answer& answer = answers[i];
    const bool allowed =
        (to.address.IsIpv4() ? socket_.ipv4 : socket_.ipv6) && KnowsHopLimit(socket_, to, route);
    if (route.path != Route::Path::kEngine || !allowed) {
      if (route.path == Route::Path::kEngine) refused.push_back(route.next_hop);
      WriteAddressOnly(to, &answer.line);
      continue;
    }
    WriteLine(socket_, to, route, &answer.line);
    answer.bin = {route.port, LcoreOf(use, route, to)};
    if (route.expires_ns != 0) expiries_[to.address] = route.expires_ns;
  }
  resolver.ReleaseNextHops(refused);
  return answers;
}

// What is relayed leaves by the lcore that owns it.
uint16_t Group::State::LcoreOf(const EngineUse& use, const Route& route,
                               const Destination& to) const {
  const bool relayed =
      has_ingress_.load(std::memory_order_relaxed) && ingress_engine_ == use.engine()->instance();
  return relayed
             ? ingress_lcore_
             : static_cast<uint16_t>(use.engine()->LcoreOf(route.port, to.address, to.udp_port));
}

void Group::State::Place(std::span<const Recipient> members) {
  std::vector<MemberKey> keys;
  while (!members.empty()) {
    const size_t n = std::min(members.size(), kResolveBatch);
    keys.clear();
    for (const Recipient& member : members.first(n)) keys.push_back(KeyOf(member));
    // One that came or went just now is the control thread's to find.
    const EngineUse use(EngineUse::Need::kEngineOnly);
    if (use.engine() != nullptr && use.engine()->instance() == engine_) {
      const std::vector<Answer> answers = Ask(use, keys);
      for (size_t i = 0; i < n; i++) {
        members_.Put(answers[i].line, answers[i].bin, members[i].tag(), stamp_);
      }
    } else {
      for (size_t i = 0; i < n; i++) {
        HeaderLine line{};
        WriteAddressOnly(DestinationOf(keys[i]), &line);
        members_.Put(line, Bin{}, members[i].tag(), 0);
      }
    }
    members = members.subspan(n);
  }
}

// Asks again for the members of one chunk whose lines are not of the current stamp.
void Group::State::WalkChunk(const EngineUse& use, size_t number) {
  std::vector<MemberKey> keys;
  const LineChunk& chunk = *members_.chunk(number);
  for (uint16_t i = 0; i < chunk.count && keys.size() < kResolveBatch; i++) {
    if (members_.stamp(number, i) != stamp_) keys.push_back(KeyOf(chunk.lines[i]));
  }
  const std::vector<Answer> answers = Ask(use, keys);
  std::vector<uint32_t> unchanged;
  for (size_t i = 0; i < keys.size(); i++) {
    const Answer& answer = answers[i];
    // Where an earlier one's move has put it.
    const GroupMembers::Place place = *members_.Find(keys[i]);
    const LineChunk& now = *members_.chunk(place.number);
    const bool by_engine = answer.bin.port != Bin::kKernel;
    if (answer.bin == now.bin && (!by_engine || members_.stamp(place.number, place.place) != 0) &&
        SameLine(answer.line, now.lines[place.place])) {
      if (by_engine) unchanged.push_back(answer.line.next_hop);
      members_.SetStamp(place.number, place.place, stamp_);
      continue;
    }
    members_.Put(answer.line, answer.bin, now.tags[place.place], stamp_);
    changed_ = true;
  }
  use.engine()->resolver().ReleaseNextHops(unchanged);
}

// One step; whether there are more.
bool Group::State::Walk(const EngineUse& use) {
  for (size_t skipped = 0; skipped < kSkipsPerStep; skipped++) {
    // Once round without one that is to be asked: a member may have moved to where the walk had
    // been, and what was noticed meanwhile is behind it, too.
    if (walk_clean_ >= members_.chunk_numbers()) {
      walking_ = false;
      rebuilding_ = false;
      Publish(engine_);
      return false;
    }
    if (walk_place_ >= members_.chunk_numbers()) walk_place_ = 0;
    const LineChunk* chunk = members_.chunk(walk_place_);
    uint16_t i = 0;
    while (chunk != nullptr && i < chunk->count && members_.stamp(walk_place_, i) == stamp_) i++;
    if (chunk == nullptr || i == chunk->count) {
      walk_place_++;
      walk_clean_++;
      continue;
    }
    WalkChunk(use, walk_place_);
    walk_clean_ = 0;
    if (std::exchange(changed_, false) && !rebuilding_) Publish(engine_);
    return true;
  }
  return true;
}

// The lines to these addresses are to be asked again.
void Group::State::Invalidate(std::span<const IpAddress> addresses) {
  if (addresses.empty()) return;
  const absl::flat_hash_set<IpAddress> wanted(addresses.begin(), addresses.end());
  bool found = false;
  for (size_t number = 0; number < members_.chunk_numbers(); number++) {
    const LineChunk* chunk = members_.chunk(number);
    for (uint16_t i = 0; chunk != nullptr && i < chunk->count; i++) {
      if (members_.stamp(number, i) == 0) continue;
      if (!wanted.contains(KeyOf(chunk->lines[i]).address)) continue;
      members_.SetStamp(number, i, kStale);
      found = true;
    }
  }
  if (!found) return;
  walking_ = true;
  walk_clean_ = 0;
}

void Group::State::FollowPathMtu(Resolver& resolver, int64_t now_ns) {
  std::vector<IpAddress> addresses;
  bool all = false;
  if (resolver.MtuChanges() != mtu_changes_) {
    mtu_changes_ = resolver.TakeMtuChanges(mtu_changes_, &addresses, &all);
  }
  absl::erase_if(expiries_, [&](const auto& expiry) {
    if (expiry.second > now_ns) return false;
    addresses.push_back(expiry.first);
    return true;
  });
  if (all) {
    NextStamp();
  } else {
    Invalidate(addresses);
  }
}

// Or the resolver would not keep them alive.
void Group::State::MarkUsed(Resolver& resolver) {
  const uint32_t now_s = CoarseSeconds();
  for (size_t number = 0; number < members_.chunk_numbers(); number++) {
    const LineChunk* chunk = members_.chunk(number);
    if (chunk == nullptr || chunk->bin.port == Bin::kKernel) continue;
    for (const LineChunk::Hop& hop : chunk->hops) {
      std::atomic<uint32_t>& used_s = resolver.next_hops()[hop.index].used_s;
      if (used_s.load(std::memory_order_relaxed) != now_s) {
        used_s.store(now_s, std::memory_order_relaxed);
      }
    }
  }
}

void Group::State::GiveBack(const EngineUse& use) {
  const std::vector<uint32_t> next_hops = members_.Reclaim();
  if (next_hops.empty() || use.engine() == nullptr || use.engine()->instance() != engine_) return;
  use.engine()->resolver().ReleaseNextHops(next_hops);
}

bool Group::State::ReadyFor(uint32_t instance, uint16_t lcore) {
  const std::unique_lock lock(writer_mutex_, std::try_to_lock);
  if (!lock) return false;
  ingress_engine_ = instance;
  ingress_lcore_ = lcore;
  const LineSnapshot* snapshot = members_.Acquire();
  const bool made = snapshot->engine == instance;
  const bool ready = made && std::ranges::all_of(snapshot->chunks, [&](const LineChunk* chunk) {
                       return chunk->bin.port == Bin::kKernel || chunk->bin.lcore == lcore;
                     });
  GroupMembers::Release(snapshot);
  if (made && !ready && !walking_) NextStamp();
  return ready;
}

bool Group::State::SetFlow(std::shared_ptr<IngressFlow> flow, std::shared_ptr<LcoreGrace> readers) {
  const std::unique_lock lock(writer_mutex_, std::try_to_lock);
  if (!lock) return false;
  members_.SetFlow(std::move(flow), std::move(readers));
  return true;
}

bool Group::State::Attend(int64_t now_ns) try {
  // A change under way may take seconds; other groups wait for this thread, too.
  const std::unique_lock lock(writer_mutex_, std::try_to_lock);
  if (!lock) return false;
  const EngineUse use(EngineUse::Need::kEngineOnly);
  SyncEngine(use);
  GiveBack(use);
  if (use.engine() == nullptr || use.engine()->stopping()) return false;
  Resolver& resolver = use.engine()->resolver();
  const uint32_t generation = resolver.Generation();
  if (generation != generation_) {
    generation_ = generation;
    NextStamp();
  }
  FollowPathMtu(resolver, now_ns);
  if (now_ns - marked_ns_ >= kMarkNs) {
    marked_ns_ = now_ns;
    if (members_.Relayed()) NoteUsed();
    if (used_.exchange(false, std::memory_order_relaxed)) MarkUsed(resolver);
    // Profiles that nobody asks for are forgotten.
    if (!socket_.kernel_only) socket_.profile = resolver.Intern(socket_.route);
  }
  return walking_ && Walk(use);
} catch (const std::bad_alloc&) {
  return false;  // the next look tries again
}

}  // namespace groupcast
