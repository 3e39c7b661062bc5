// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "engine/control/resolver_state.h"

namespace groupcast {
namespace {

constexpr int64_t kTickNs = 1'000'000'000;
// Events come in bursts (a link that goes up brings addresses and routes).
constexpr int64_t kSettleNs = 5'000'000;
// Of the control thread's time, at most a quarter goes into asking all routes again, however often
// a routing daemon changes some.
constexpr int64_t kRestPerWalk = 3;
constexpr uint32_t kEntriesPerStep = 4096;  // looked at with the mutex held: some 20 us
constexpr int kDatagramsAtOnce = 256;
constexpr uint32_t kRecentlyUsedS = 10;
constexpr uint32_t kExpiriesPerIdleTime = 8;

bool IsRouting(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      // Not the copies of single look-ups that some kernels announce.
      return message->nlmsg_len >= NLMSG_LENGTH(sizeof(rtmsg)) &&
             !(static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message))->rtm_flags & RTM_F_CLONED);
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWRULE:
    case RTM_DELRULE:
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
    case RTM_NEWNEXTHOPBUCKET:
    case RTM_DELNEXTHOPBUCKET:
      return true;
    default:
      return false;
  }
}

// `seconds` before `now_s`, of a clock that starts with the machine.
uint32_t Before(uint32_t now_s, uint32_t seconds) { return now_s > seconds ? now_s - seconds : 0; }

bool Same(const InterfaceState& a, const InterfaceState& b) {
  return a.exists == b.exists && a.up == b.up && a.carrier == b.carrier && a.mtu == b.mtu &&
         rte_is_same_ether_addr(&a.mac, &b.mac);
}

}  // namespace

void Resolver::State::Run() {
  enum { kWake, kEvents, kXfrm, kIcmp, kIcmp6, kFds };
  std::array<pollfd, kFds> fds{};
  fds[kWake].fd = wake_fd_;
  fds[kEvents].fd = kernel_ ? kernel_->events.fd() : -1;
  fds[kXfrm].fd = xfrm_.fd();
  fds[kIcmp].fd = kernel_ ? path_mtu_watch_.fd() : -1;
  fds[kIcmp6].fd = kernel_ ? path_mtu_watch_.fd6() : -1;
  for (pollfd& fd : fds) fd.events = POLLIN;
  tick_ns_ = MonotonicNs() + kTickNs;
  while (!stop_.load(std::memory_order_relaxed)) {
    const int64_t wait_ns = std::max(int64_t{0}, NextDueNs() - MonotonicNs());
    const timespec wait = {.tv_sec = wait_ns / 1'000'000'000, .tv_nsec = wait_ns % 1'000'000'000};
    ppoll(fds.data(), fds.size(), &wait, nullptr);
    uint64_t wakes;
    if (fds[kWake].revents) [[maybe_unused]]
      const auto n = read(wake_fd_, &wakes, sizeof(wakes));
    if (fds[kEvents].revents) ReadEvents();
    if (fds[kXfrm].revents) xfrm_.Read();
    if (fds[kIcmp].revents || fds[kIcmp6].revents) path_mtu_watch_.Read(MonotonicNs());

    const int64_t now_ns = MonotonicNs();
    if (now_ns >= tick_ns_) {
      tick_ns_ = now_ns + kTickNs;
      stale_neighbours_ = stale_links_ = true;
      ExpireUnused();
    }
    if (std::exchange(stale_links_, false)) LookAtLinks();
    if (std::exchange(stale_neighbours_, false)) LookAtNeighbours();
    if (walk_.running) StepWalk();
    if (!walk_.running) BeginWalk(now_ns);
    AnnounceChanges();
  }
}

int64_t Resolver::State::NextDueNs() const {
  if (walk_.running) return 0;
  int64_t due_ns = std::min(tick_ns_, path_mtu_watch_.DueNs());
  if (stale_at_ns_ != kNever)
    due_ns = std::min(due_ns, std::max(stale_at_ns_, walk_not_before_ns_));
  return due_ns;
}

absl::Status Resolver::State::Synchronise() {
  NetlinkRoom<kRouteMessageBytes> room;
  std::vector<LinkMessage> links;
  absl::Status status =
      kernel_->dumps.Dump(PutLinkDump(room.bytes.data()), [&links](const nlmsghdr* message) {
        if (std::optional<LinkMessage> link = ParseLink(message)) links.push_back(*link);
      });
  if (!status.ok()) return status;
  for (const LinkMessage& link : links) SetLink(link);
  for (const Port& port : ports_) {
    if (port.config.interface == 0) continue;
    const bool found = std::ranges::any_of(links, [&port](const LinkMessage& link) {
      return link.interface == port.config.interface;
    });
    if (!found) SetLink({.gone = true, .interface = port.config.interface});
  }

  std::vector<NeighbourMessage> neighbours;
  status = kernel_->dumps.Dump(PutNeighbourDump(room.bytes.data()), [&](const nlmsghdr* message) {
    if (auto neighbour = ParseNeighbour(message)) neighbours.push_back(*neighbour);
  });
  if (!status.ok()) return status;
  std::lock_guard lock(mutex_);
  neighbours_.BeginDump();
  for (const NeighbourMessage& neighbour : neighbours) SetNeighbour(neighbour);
  neighbours_.EndDump();
  return absl::OkStatus();
}

void Resolver::State::ReadEvents() {
  std::array<char, 32768> buffer;
  bool routing = false, lost = false;
  for (int i = 0; i < kDatagramsAtOnce || lost; i++) {
    const ssize_t length = kernel_->events.Receive(buffer);
    if (length == 0) break;
    if (length < 0) {
      // The kernel announces nothing until the socket has been read empty.
      lost = true;
      if (length != -ENOBUFS) break;
      continue;
    }
    ForEachNetlinkMessage(
        {buffer.data(), static_cast<size_t>(length)},
        [&](const nlmsghdr* message) { HandleEvent(message, &routing, &stale_neighbours_); });
  }
  if (lost) {
    counters_.AddShared(Counter::kResyncs);
    // Where even this fails, the next tick tries again.
    resync_ = !Synchronise().ok();
  }
  if (routing || lost) BumpGeneration();
}

void Resolver::State::HandleEvent(const nlmsghdr* message, bool* routing, bool* stale) {
  if (const std::optional<NeighbourMessage> neighbour = ParseNeighbour(message)) {
    std::lock_guard lock(mutex_);
    SetNeighbour(*neighbour);
    *stale |= (neighbour->state & NUD_STALE) != 0;
  } else if (const std::optional<LinkMessage> link = ParseLink(message)) {
    SetLink(*link);
    *routing = true;
  } else {
    stale_links_ |= message->nlmsg_type == RTM_NEWLINK;
    *routing |= IsRouting(message);
  }
}

void Resolver::State::SetNeighbour(const NeighbourMessage& message) {
  const std::optional<uint16_t> port = PortOf(message.interface);
  if (!port) return;
  neighbours_.Update(*port, message.address, message.gone ? uint16_t{NUD_NONE} : message.state,
                     message.mac);
}

std::optional<uint16_t> Resolver::State::PortOf(uint32_t interface) const {
  for (size_t i = 0; i < options_.ports.size(); i++) {
    if (interface != 0 && options_.ports[i].interface == interface) {
      return static_cast<uint16_t>(i);
    }
  }
  return {};
}

void Resolver::State::SetLink(const LinkMessage& link) {
  const std::optional<uint16_t> index = PortOf(link.interface);
  if (!index) return;
  Port& port = ports_[*index];
  const bool exists = !link.gone && !port.vanished && !rte_is_zero_ether_addr(&link.mac);
  const InterfaceState state = {
      .exists = exists,
      .up = exists && link.up,
      .carrier = exists && link.running,
      .mtu = exists ? std::min(link.mtu, port.config.mtu) : port.state.mtu,
      .mac = exists ? link.mac : port.state.mac};
  {
    std::lock_guard lock(mutex_);
    const bool vanished = port.exists && !exists;
    port.vanished |= vanished;
    port.exists = exists;
    port.mtu = state.mtu;
    port.mtu6 = link.mtu6;
    port.hop_limit6 = link.hop_limit6;
    neighbours_.SetPort(*index, exists, link.mac, link.no_arp);
    if (vanished) DropRoutesOf(*index);
  }
  TellInterface(*index, state);
}

// Whoever sets net.ipv6.conf.X.mtu or hop_limit by hand is not announced.
void Resolver::State::LookAtLinks() {
  NetlinkRoom<kRouteMessageBytes> room;
  std::array<char, 32768> buffer;
  bool news = false;
  for (Port& port : ports_) {
    if (port.config.interface == 0 || !port.exists) continue;
    const nlmsghdr* question = PutLinkQuestion(room.bytes.data(), 0, port.config.interface);
    if (kernel_->dumps.Send(question, question->nlmsg_len) != 0) continue;
    ssize_t length;
    // The kernel answers within send().
    while ((length = kernel_->dumps.Receive(buffer)) > 0) {
      ForEachNetlinkMessage(
          {buffer.data(), static_cast<size_t>(length)}, [&](const nlmsghdr* message) {
            const std::optional<LinkMessage> link = ParseLink(message);
            if (!link || link->interface != port.config.interface) return;
            std::lock_guard lock(mutex_);
            news |= port.mtu6 != link->mtu6 || port.hop_limit6 != link->hop_limit6;
            port.mtu6 = link->mtu6;
            port.hop_limit6 = link->hop_limit6;
          });
    }
  }
  if (news) BumpGeneration();
}

void Resolver::State::TellInterface(uint16_t index, const InterfaceState& state) {
  Port& port = ports_[index];
  if (port.told && Same(port.state, state)) return;
  port.told = true;
  port.state = state;
  if (options_.on_interface) options_.on_interface(index, state);
}

void Resolver::State::DropRoutesOf(uint16_t port) {
  const uint32_t now_s = CoarseSeconds();
  for (uint32_t place = routes_->size(); place > 0; place--) {
    const RouteEntry& entry = routes_->at(place - 1);
    if (entry.route.path != Route::Path::kEngine || entry.route.port != port) continue;
    RemoveRoute(entry, now_s);
    NoteReplaced();
  }
}

void Resolver::State::BumpGeneration() {
  generation_.fetch_add(1, std::memory_order_release);
  if (stale_at_ns_ == kNever) stale_at_ns_ = MonotonicNs() + kSettleNs;
}

void Resolver::State::LookAtNeighbours() {
  std::vector<Neighbours::Use> due;
  {
    std::lock_guard lock(mutex_);
    neighbours_.FindDue(Before(CoarseSeconds(), kRecentlyUsedS), MonotonicNs(), &due);
  }
  SendUses(due);
}

void Resolver::State::ExpireUnused() {
  if (resync_) {
    resync_ = !Synchronise().ok();
    BumpGeneration();
  }
  const uint32_t now_s = CoarseSeconds();
  if (now_s - expired_s_ < std::max(1u, options_.idle_s / kExpiriesPerIdleTime)) return;
  expired_s_ = now_s;
  const uint32_t before_s = Before(now_s, options_.idle_s);
  for (uint32_t place = std::numeric_limits<uint32_t>::max(); place > 0;) {
    std::lock_guard lock(mutex_);
    place = std::min(place, routes_->size());
    for (uint32_t i = 0; i < kEntriesPerStep && place > 0; i++) {
      const RouteEntry& entry = routes_->at(--place);
      if (entry.used_s.load(std::memory_order_relaxed) < before_s) RemoveRoute(entry, now_s);
    }
    routes_->Reclaim();
  }
  std::lock_guard lock(mutex_);
  profiles_.Expire(before_s);
  if (neighbours_.Expire(before_s) != 0) starved_walk_ = std::exchange(starved_, false);
}

void Resolver::State::BeginWalk(int64_t now_ns) {
  Walk walk;
  bool late;
  {
    std::lock_guard lock(mutex_);
    late = std::exchange(late_answers_, false);
    walk.expired = expiry_ns_ <= now_ns;
    if (walk.expired) expiry_ns_ = kNever;
    walk.place = routes_->size();
  }
  if (late && stale_at_ns_ == kNever) stale_at_ns_ = now_ns;
  walk.stale = stale_at_ns_ <= now_ns && walk_not_before_ns_ <= now_ns;
  walk.starved = std::exchange(starved_walk_, false);
  path_mtu_watch_.Take(now_ns, &walk.addresses);
  NoteMtuChanges(walk.addresses);
  walk.running = walk.stale || walk.starved || walk.expired || !walk.addresses.empty();
  walk.started_ns = now_ns;
  if (walk.stale) {
    stale_at_ns_ = kNever;
    if (kernel_) kernel_->again.AwaitChangeInProgress();
    // Answers to questions asked until now may be of before the change.
    generation_.fetch_add(1, std::memory_order_release);
  }
  walk_ = std::move(walk);
}

void Resolver::State::NoteMtuChanges(const absl::flat_hash_set<IpAddress>& addresses) {
  if (addresses.empty()) return;
  std::lock_guard lock(mtu_mutex_);
  uint64_t written = mtu_changes();
  mtu_log_.resize(kMtuChanges);
  for (const IpAddress& address : addresses) mtu_log_[written++ % kMtuChanges] = address;
  mtu_changes_.store(written, std::memory_order_release);
}

bool Resolver::State::InWalk(const RouteEntry& entry, int64_t now_ns) const {
  if (walk_.stale && entry.route.generation != generation()) return true;
  const int64_t expires_ns = entry.route.expires_ns;
  if (walk_.expired && expires_ns != 0 && expires_ns <= now_ns) return true;
  if (walk_.starved && entry.route.kernel_reason == Counter::kKernelRoutesFull) return true;
  return walk_.addresses.contains(entry.key.address);
}

void Resolver::State::StepWalk() {
  std::array<Question, RouteQuestions::kBatch> questions;
  size_t n = 0;
  const int64_t now_ns = MonotonicNs();
  {
    std::lock_guard lock(mutex_);
    walk_.place = std::min(walk_.place, routes_->size());
    for (uint32_t i = 0; i < kEntriesPerStep && walk_.place > 0 && n < questions.size(); i++) {
      const RouteEntry& entry = routes_->at(--walk_.place);
      if (InWalk(entry, now_ns)) {
        questions[n++] = MakeQuestion(entry.key, profiles_.Find(entry.key.profile));
      } else if (walk_.expired && entry.route.expires_ns != 0) {
        expiry_ns_ = std::min(expiry_ns_, entry.route.expires_ns);
      }
    }
  }
  if (n != 0) AskBatch({questions.data(), n}, /*known_only=*/true);
  if (walk_.place != 0) return;
  walk_.running = false;
  if (walk_.stale) {
    const int64_t end_ns = MonotonicNs();
    walk_not_before_ns_ = end_ns + kRestPerWalk * (end_ns - walk_.started_ns);
  }
}

}  // namespace groupcast
