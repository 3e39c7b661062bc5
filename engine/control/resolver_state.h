// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/flat_hash_set.h>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "engine/control/clock.h"
#include "engine/control/neighbours.h"
#include "engine/control/netlink.h"
#include "engine/control/path_mtu_watch.h"
#include "engine/control/resolver.h"
#include "engine/control/route_messages.h"
#include "engine/control/route_profiles.h"
#include "engine/control/route_questions.h"
#include "engine/control/route_table.h"
#include "engine/control/xfrm_watch.h"

namespace groupcast {

// What a Resolver is made of. Three files: resolver.cc (start, stop, what callers' threads call),
// resolver_answers.cc (the kernel's answers become routes), resolver_control.cc (the control
// thread).
class Resolver::State {
 public:
  static absl::StatusOr<std::unique_ptr<State>> Create(Options options);
  ~State();

  // See Resolver.
  uint32_t Intern(const RouteProfile& profile);
  bool Ask(uint32_t profile, std::span<const Destination> destinations);
  void Resolve(uint32_t profile, std::span<const Destination> destinations, Route* routes);
  void ReleaseNextHops(std::span<const uint32_t> next_hops);
  void StartResolution(uint32_t next_hop, uint16_t tag);
  uint64_t AwaitChange(uint64_t seen, int64_t deadline_ns);
  void WakeWaiters();
  uint64_t TakeMtuChanges(uint64_t seen, std::vector<IpAddress>* addresses, bool* all);

  RouteTable& routes() { return *routes_; }
  NextHopTable& next_hops() { return neighbours_.table(); }
  uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  uint64_t revision() const { return revision_.load(std::memory_order_acquire); }
  uint32_t generation() const { return generation_.load(std::memory_order_acquire); }
  const std::atomic<uint64_t>& usable_changes() const { return neighbours_.usable_changes(); }
  uint64_t mtu_changes() const { return mtu_changes_.load(std::memory_order_acquire); }
  const std::atomic<bool>& egress_policy() const { return xfrm_.present(); }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // The kernel's side of a resolver with ports on kernel interfaces; absent without them.
  struct Kernel {
    NetlinkSocket events;    // control thread
    NetlinkSocket dumps;     // control thread
    RouteQuestions again;    // control thread
    RouteQuestions callers;  // under callers_mutex_
    RouteQuestions kept;     // under kept_mutex_: a million of them hold up no caller of Ask()
    NetlinkSocket uses;      // under uses_mutex_
  };

  struct Port {
    ResolverPort config;
    InterfaceState state{};  // control thread
    bool told = false;       // control thread: `state` went to on_interface
    uint32_t mtu = 0;        // under mutex_
    uint32_t mtu6 = 0;       // under mutex_, as the next one: what IPv6 makes of it; 0: no IPv6
    uint8_t hop_limit6 = 0;
    bool exists = false;    // under mutex_
    bool vanished = false;  // control thread: once, and so for ever
  };

  // One question, and who answers it.
  struct Question {
    enum class By : uint8_t { kDestination, kStaticPort, kKernel, kNobody };
    RouteKey key;
    std::optional<RouteProfile> profile;  // empty: the number was forgotten
    By by = By::kNobody;
    uint16_t port = 0;                   // a static one
    const StaticNextHop* hop = nullptr;  // of that port
  };

  // Which routes a walk of the control thread asks again.
  struct Walk {
    bool running = false;
    bool stale = false;    // of an older generation
    bool starved = false;  // that found no free next hop
    bool expired = false;
    absl::flat_hash_set<IpAddress> addresses;
    uint32_t place = 0;  // in the table; everything from here on is done
    int64_t started_ns = 0;
  };

  explicit State(Options options);
  absl::Status OpenKernel();

  // resolver_answers.cc
  Question MakeQuestion(const RouteKey& key, const std::optional<RouteProfile>& profile) const;
  const StaticNextHop* StaticNextHopFor(const Question& question, uint16_t* port) const;
  // Asks the kernel those of `questions` (at most RouteQuestions::kBatch) that need it; answers[i]
  // is for questions[i]. Returns the generation that they are of.
  uint32_t AskKernel(std::span<const Question> questions, RouteQuestions* kernel, std::mutex* mutex,
                     RouteAnswer* answers);
  // Asks for all of `questions` (at most RouteQuestions::kBatch) and publishes the answers; with
  // `known_only` not for what has left the table meanwhile. Returns false for a full table.
  bool AskBatch(std::span<const Question> questions, bool known_only);
  // The following hold mutex_.
  bool Publish(const Question& question, const RouteAnswer& answer, uint32_t generation,
               bool known_only, int64_t now_ns, std::vector<Neighbours::Use>* uses);
  // With path kEngine, it holds one more reference to its next hop.
  Route Decide(const Question& question, const RouteAnswer& answer, uint32_t generation,
               int64_t now_ns);
  Route DecideByAnswer(const Question& question, const RouteAnswer& answer, int64_t now_ns);
  Route DecideStatic(const Question& question);
  void SetMtu(const Question& question, const RouteAnswer& answer, Route* route) const;
  void RemoveRoute(const RouteEntry& entry, uint32_t now_s);
  void NoteExpiry(int64_t expires_ns, int64_t now_ns);
  void NoteReplaced();

  void SendUses(std::span<const Neighbours::Use> uses);
  void AnnounceChanges();
  void WakeControl();

  // resolver_control.cc; all on the control thread, and before it starts on the starting one.
  void Run();
  int64_t NextDueNs() const;
  absl::Status Synchronise();
  void ReadEvents();
  void HandleEvent(const nlmsghdr* message, bool* routing, bool* stale);
  void LookAtLinks();
  void NoteMtuChanges(const absl::flat_hash_set<IpAddress>& addresses);
  void SetLink(const LinkMessage& link);
  void TellInterface(uint16_t port, const InterfaceState& state);
  void SetNeighbour(const NeighbourMessage& message);
  void BumpGeneration();
  void LookAtNeighbours();
  void ExpireUnused();
  void BeginWalk(int64_t now_ns);
  void StepWalk();
  bool InWalk(const RouteEntry& entry, int64_t now_ns) const;
  void DropRoutesOf(uint16_t port);
  std::optional<uint16_t> PortOf(uint32_t interface) const;

  const Options options_;
  std::unique_ptr<RouteTable> routes_;  // readers: RCU; writers: mutex_
  XfrmWatch xfrm_;
  PathMtuWatch path_mtu_watch_;
  std::optional<Kernel> kernel_;

  std::mutex mutex_;
  std::vector<Port> ports_;
  Neighbours neighbours_;
  RouteProfiles profiles_;
  bool late_answers_ = false;   // some were asked before an event and published after it
  bool starved_ = false;        // some next hop found no place
  int64_t expiry_ns_ = kNever;  // of the first path MTU exception

  std::mutex mtu_mutex_;
  std::vector<IpAddress> mtu_log_;        // under mtu_mutex_: a ring of kMtuChanges
  std::atomic<uint64_t> mtu_changes_{0};  // written ever; rises under mtu_mutex_

  std::mutex callers_mutex_;
  std::mutex kept_mutex_;
  std::mutex uses_mutex_;

  std::atomic<uint32_t> generation_{1};
  std::atomic<uint64_t> revision_{0};
  std::atomic<uint64_t> changes_{0};
  bool replaced_ = false;  // under mutex_: revision_ rose, and nobody was told yet
  std::mutex changes_mutex_;
  std::condition_variable changed_;
  Counters counters_;

  int wake_fd_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
  Walk walk_;
  bool starved_walk_ = false;
  bool stale_neighbours_ = false;  // one was announced as stale
  bool stale_links_ = false;       // IPv6 announced a change of its settings
  bool resync_ = false;            // the last one failed
  int64_t stale_at_ns_ = kNever;   // when to ask all routes again
  int64_t walk_not_before_ns_ = 0;
  int64_t tick_ns_ = 0;
  uint32_t expired_s_ = 0;
};

}  // namespace groupcast
