// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/resolver.h"

#include <absl/strings/str_cat.h>
#include <linux/rtnetlink.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "engine/control/resolver_state.h"
#include "engine/control/threads.h"

namespace groupcast {
namespace {

constexpr size_t kEventBufferBytes = 8 << 20;
constexpr size_t kAnswerBufferBytes = 1 << 20;
constexpr size_t kUsesAtOnce = 64;
constexpr size_t kReleasesAtOnce = 4096;  // with the mutex held: some 20 us

}  // namespace

Resolver::State::State(Options options)
    : options_(std::move(options)), neighbours_(options_.next_hops, options_.ports.size()) {
  for (size_t port = 0; port < options_.ports.size(); port++) {
    neighbours_.SetVlan(static_cast<uint16_t>(port), options_.ports[port].vlan);
  }
}

absl::StatusOr<std::unique_ptr<Resolver::State>> Resolver::State::Create(Options options) {
  std::unique_ptr<State> state(new State(std::move(options)));
  absl::StatusOr<std::unique_ptr<RouteTable>> routes =
      RouteTable::Create(state->options_.routes, state->options_.readers);
  if (!routes.ok()) return routes.status();
  state->routes_ = *std::move(routes);
  state->wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state->wake_fd_ < 0) {
    return absl::ErrnoToStatus(errno, "resolver: eventfd: raise the limit of open files");
  }
  bool on_kernel = false;
  for (const ResolverPort& config : state->options_.ports) {
    on_kernel |= config.interface != 0;
    state->ports_.push_back({.config = config});
  }
  if (on_kernel) {
    if (absl::Status status = state->OpenKernel(); !status.ok()) return status;
    if (absl::Status status = state->Synchronise(); !status.ok()) return status;
  }
  for (size_t place = 0; place < state->ports_.size(); place++) {
    const auto i = static_cast<uint16_t>(place);
    Port& port = state->ports_[place];
    if (port.config.fixed) {
      const StaticInterface& fixed = *port.config.fixed;
      port.exists = true;
      port.mtu = fixed.mtu;
      state->neighbours_.SetPort(i, /*exists=*/true, fixed.mac, /*no_arp=*/false);
      state->TellInterface(i, {.mtu = fixed.mtu, .mac = fixed.mac});
    } else if (!port.exists) {
      return absl::NotFoundError(absl::StrCat("port ", port.config.name, ": interface number ",
                                              port.config.interface,
                                              " is not an Ethernet interface of this network "
                                              "namespace; name one that `ip link` shows"));
    }
  }
  auto thread = StartThread("gc-control", [self = state.get()] { self->Run(); });
  if (!thread.ok()) return thread.status();
  state->thread_ = *std::move(thread);
  return state;
}

absl::Status Resolver::State::OpenKernel() {
  absl::StatusOr<NetlinkSocket> events = NetlinkSocket::Open(
      NETLINK_ROUTE,
      options_.event_buffer_bytes != 0 ? options_.event_buffer_bytes : kEventBufferBytes);
  absl::StatusOr<NetlinkSocket> dumps = NetlinkSocket::Open(NETLINK_ROUTE, kAnswerBufferBytes);
  absl::StatusOr<NetlinkSocket> uses = NetlinkSocket::Open(NETLINK_ROUTE, kAnswerBufferBytes);
  absl::StatusOr<RouteQuestions> again = RouteQuestions::Open();
  absl::StatusOr<RouteQuestions> callers = RouteQuestions::Open();
  absl::StatusOr<RouteQuestions> kept = RouteQuestions::Open();
  for (const absl::Status& status : {events.status(), dumps.status(), uses.status(), again.status(),
                                     callers.status(), kept.status()}) {
    if (!status.ok()) return status;
  }
  for (const unsigned group :
       {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,
        RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV6_IFINFO}) {
    if (!events->Join(group)) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("netlink: notifications of group ", group, " are not permitted"));
    }
  }
  // Kernels before 5.3 have no next hop objects, and so none to follow.
  events->Join(RTNLGRP_NEXTHOP);
  kernel_.emplace(Kernel{.events = *std::move(events),
                         .dumps = *std::move(dumps),
                         .again = *std::move(again),
                         .callers = *std::move(callers),
                         .kept = *std::move(kept),
                         .uses = *std::move(uses)});
  return absl::OkStatus();
}

Resolver::State::~State() {
  if (thread_.joinable()) {
    stop_.store(true, std::memory_order_relaxed);
    WakeControl();
    thread_.join();
  }
  if (wake_fd_ >= 0) close(wake_fd_);
}

uint32_t Resolver::State::Intern(const RouteProfile& profile) {
  std::lock_guard lock(mutex_);
  return profiles_.Intern(profile, CoarseSeconds());
}

bool Resolver::State::Ask(uint32_t profile_id, std::span<const Destination> destinations) {
  std::optional<RouteProfile> profile;
  {
    std::lock_guard lock(mutex_);
    profile = profiles_.Find(profile_id);
  }
  bool fits = true;
  std::array<Question, RouteQuestions::kBatch> questions;
  while (!destinations.empty()) {
    const size_t n = std::min(destinations.size(), questions.size());
    for (size_t i = 0; i < n; i++) {
      questions[i] = MakeQuestion(RouteKey::For(destinations[i], profile_id), profile);
    }
    fits &= AskBatch({questions.data(), n}, /*known_only=*/false);
    destinations = destinations.subspan(n);
  }
  return fits;
}

void Resolver::State::Resolve(uint32_t profile_id, std::span<const Destination> destinations,
                              Route* routes) {
  std::optional<RouteProfile> profile;
  {
    std::lock_guard lock(mutex_);
    profile = profiles_.Find(profile_id);
    if (profile) profiles_.Intern(*profile, CoarseSeconds());
  }
  std::array<Question, RouteQuestions::kBatch> questions;
  std::array<RouteAnswer, RouteQuestions::kBatch> answers;
  std::vector<Neighbours::Use> uses;
  while (!destinations.empty()) {
    const size_t n = std::min(destinations.size(), questions.size());
    for (size_t i = 0; i < n; i++) {
      questions[i] = MakeQuestion(RouteKey::For(destinations[i], profile_id), profile);
    }
    const uint32_t generation = AskKernel({questions.data(), n}, kernel_ ? &kernel_->kept : nullptr,
                                          &kept_mutex_, answers.data());
    uses.clear();
    {
      std::lock_guard lock(mutex_);
      const int64_t now_ns = MonotonicNs();
      for (size_t i = 0; i < n; i++) {
        routes[i] = Decide(questions[i], answers[i], generation, now_ns);
        if (routes[i].path != Route::Path::kEngine) continue;
        const auto use = neighbours_.Resolve(routes[i].next_hop, routes[i].next_hop_tag, now_ns);
        if (use) uses.push_back(*use);
      }
    }
    SendUses(uses);
    destinations = destinations.subspan(n);
    routes += n;
  }
  AnnounceChanges();
}

void Resolver::State::ReleaseNextHops(std::span<const uint32_t> next_hops) {
  while (!next_hops.empty()) {
    const size_t n = std::min(next_hops.size(), kReleasesAtOnce);
    std::lock_guard lock(mutex_);
    for (const uint32_t next_hop : next_hops.first(n)) neighbours_.Release(next_hop);
    next_hops = next_hops.subspan(n);
  }
}

uint64_t Resolver::State::TakeMtuChanges(uint64_t seen, std::vector<IpAddress>* addresses,
                                         bool* all) {
  std::lock_guard lock(mtu_mutex_);
  const uint64_t end = mtu_changes();
  *all = end - seen > mtu_log_.size();
  if (*all) return end;
  for (; seen != end; seen++) addresses->push_back(mtu_log_[seen % kMtuChanges]);
  return end;
}

void Resolver::State::StartResolution(uint32_t next_hop, uint16_t tag) {
  std::optional<Neighbours::Use> use;
  {
    std::lock_guard lock(mutex_);
    use = neighbours_.Resolve(next_hop, tag, MonotonicNs());
  }
  if (use) SendUses({&*use, 1});
}

uint64_t Resolver::State::AwaitChange(uint64_t seen, int64_t deadline_ns) {
  // steady_clock is CLOCK_MONOTONIC.
  const std::chrono::steady_clock::time_point deadline{std::chrono::nanoseconds(deadline_ns)};
  std::unique_lock lock(changes_mutex_);
  changed_.wait_until(lock, deadline, [&] { return changes() != seen; });
  return changes();
}

void Resolver::State::AnnounceChanges() {
  {
    std::lock_guard lock(mutex_);
    const bool neighbours = neighbours_.TakeChanged();
    if (!std::exchange(replaced_, false) && !neighbours) return;
  }
  WakeWaiters();
}

void Resolver::State::WakeWaiters() {
  {
    std::lock_guard lock(changes_mutex_);
    changes_.fetch_add(1, std::memory_order_release);
  }
  changed_.notify_all();
}

void Resolver::State::WakeControl() {
  const uint64_t one = 1;
  // A full counter means that the control thread is awake already.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void Resolver::State::SendUses(std::span<const Neighbours::Use> uses) {
  if (uses.empty() || !kernel_) return;
  NetlinkRoom<kUsesAtOnce * kRouteMessageBytes> messages;
  std::array<char, 1024> errors;
  counters_.AddShared(Counter::kNeighbourProbes, uses.size());
  std::lock_guard lock(uses_mutex_);
  while (!uses.empty()) {
    const size_t n = std::min(uses.size(), kUsesAtOnce);
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
      const nlmsghdr* message = PutNeighbourUse(
          messages.bytes.data() + length, options_.ports[uses[i].port].interface, uses[i].address);
      length += NLMSG_ALIGN(message->nlmsg_len);
    }
    kernel_->uses.Send(messages.bytes.data(), length);
    uses = uses.subspan(n);
    // Only errors are answered (no CAP_NET_ADMIN, a full neighbour table). Then the kernel path
    // starts the resolution, so they are of no further interest.
    while (kernel_->uses.Receive(errors) > 0) {
    }
  }
}

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Start(Options options) {
  absl::StatusOr<std::unique_ptr<State>> state = State::Create(std::move(options));
  if (!state.ok()) return state.status();
  return std::unique_ptr<Resolver>(new Resolver(*std::move(state)));
}

Resolver::Resolver(std::unique_ptr<State> state) : state_(std::move(state)) {}
Resolver::~Resolver() = default;

void Resolver::Online(uint32_t reader) { state_->routes().Online(reader); }
void Resolver::Offline(uint32_t reader) { state_->routes().Offline(reader); }
uint32_t Resolver::Intern(const RouteProfile& profile) { return state_->Intern(profile); }

void Resolver::Lookup(uint32_t profile, std::span<const Destination> destinations,
                      const Route** routes) {
  state_->routes().Lookup(profile, destinations, state_->next_hops(), routes);
}

bool Resolver::Ask(uint32_t profile, std::span<const Destination> destinations) {
  return state_->Ask(profile, destinations);
}

void Resolver::Resolve(uint32_t profile, std::span<const Destination> destinations, Route* routes) {
  state_->Resolve(profile, destinations, routes);
}

void Resolver::ReleaseNextHops(std::span<const uint32_t> next_hops) {
  state_->ReleaseNextHops(next_hops);
}

uint64_t Resolver::TakeMtuChanges(uint64_t seen, std::vector<IpAddress>* addresses, bool* all) {
  return state_->TakeMtuChanges(seen, addresses, all);
}

void Resolver::StartResolution(uint32_t next_hop, uint16_t tag) {
  state_->StartResolution(next_hop, tag);
}

uint64_t Resolver::AwaitChange(uint64_t seen, int64_t deadline_ns) {
  return state_->AwaitChange(seen, deadline_ns);
}

uint64_t Resolver::Changes() const { return state_->changes(); }
void Resolver::WakeWaiters() { state_->WakeWaiters(); }
uint64_t Resolver::Revision() const { return state_->revision(); }
uint64_t Resolver::UsableChanges() const {
  return usable_changes().load(std::memory_order_acquire);
}
const std::atomic<uint64_t>& Resolver::usable_changes() const { return state_->usable_changes(); }
uint64_t Resolver::MtuChanges() const { return state_->mtu_changes(); }
uint32_t Resolver::Generation() const { return state_->generation(); }
bool Resolver::EgressPolicy() const { return egress_policy().load(std::memory_order_relaxed); }
const std::atomic<bool>& Resolver::egress_policy() const { return state_->egress_policy(); }
NextHopTable& Resolver::next_hops() { return state_->next_hops(); }
const Counters& Resolver::counters() const { return state_->counters(); }

}  // namespace groupcast
