// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/relay.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "tools/groupcastd/members.h"

namespace groupcast {
namespace {

constexpr size_t kBatch = 32;           // datagrams of a group before the next one's turn,
constexpr size_t kMostPerTurn = 16384;  // or fewer for large groups: recipients in all
constexpr double kDrainS = 1;           // as long as the engine drains when it stops

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

absl::StatusOr<FileDescriptor> PeriodicTimer(double period_s) {
  FileDescriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  const double whole_s = std::floor(period_s);
  timespec period = {};
  period.tv_sec = static_cast<time_t>(whole_s);
  period.tv_nsec = static_cast<long>((period_s - whole_s) * 1e9);
  const itimerspec spec = {.it_interval = period, .it_value = period};
  if (!timer.valid() || timerfd_settime(timer.get(), 0, &spec, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "timerfd for the statistics");
  }
  return timer;
}

absl::Status Watch(int epoll, int fd, uint64_t id) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return absl::ErrnoToStatus(errno, "epoll");
  return absl::OkStatus();
}

IngressOptions OptionsOf(const RelayGroup& group) {
  IngressOptions options;
  if (group.pacing) {
    options.pacing = {static_cast<double>(group.pacing->kbit_per_s) * 1000,
                      group.pacing->burst_bytes};
  }
  if (group.rtp) options.rtp = Rtp{group.rtp->clock_rate};
  return options;
}

// The group's ingress with all its sockets.
absl::StatusOr<Ingress> OpenRelay(const RelayGroup& config, const GroupSockets& sockets,
                                  const Group& recipients) {
  absl::StatusOr<Ingress> ingress = Ingress::Create(recipients, OptionsOf(config));
  if (!ingress.ok()) return ingress;
  for (size_t i = 0; i < sockets.ingresses.size(); i++) {
    std::vector<in6_addr> sources;
    for (const IpAddress& from : config.ingresses[i].from) sources.push_back(from.Ipv6());
    absl::Status status = ingress->Add(sockets.ingresses[i].get(), sources);
    if (!status.ok()) return status;
  }
  return ingress;
}

}  // namespace

Relay::Relay(RelayConfig config) : config_(std::move(config)) {}

absl::StatusOr<std::unique_ptr<Relay>> Relay::Open(RelayConfig given) {
  std::unique_ptr<Relay> relay(new Relay(std::move(given)));
  const RelayConfig& config = relay->config_;
  std::vector<std::string> errors;
  int smallest_buffer_bytes = kReceiveBufferBytes;
  // All ingresses first: the kernel may choose any free port for what a group sends from.
  std::vector<GroupSockets> all(config.groups.size());
  for (size_t i = 0; i < all.size(); i++) OpenIngresses(config, config.groups[i], &all[i], &errors);
  for (size_t i = 0; i < all.size(); i++) {
    const RelayGroup& group_config = config.groups[i];
    const size_t before = errors.size();
    GroupSockets& sockets = all[i];
    if (sockets.ingresses.size() == group_config.ingresses.size()) {
      OpenEgress(config, group_config, &sockets, &errors);
      smallest_buffer_bytes = std::min(smallest_buffer_bytes, sockets.receive_buffer_bytes);
    }
    const absl::StatusOr<std::vector<Recipient>> members = MembersOf(config, group_config);
    if (!members.ok()) errors.emplace_back(members.status().message());
    if (errors.size() > before || sockets.egress() < 0) continue;
    absl::StatusOr<Group> recipients = RegisterMembers(config, group_config, *members, sockets);
    absl::StatusOr<Ingress> ingress =
        recipients.ok() ? OpenRelay(group_config, sockets, *recipients) : recipients.status();
    if (!ingress.ok()) {
      errors.emplace_back(ingress.status().message());
      continue;
    }
    relay->groups_.push_back(
        std::make_unique<RelayedGroup>(RelayedGroup{.name = group_config.name,
                                                    .sockets = std::move(sockets),
                                                    .recipients = *std::move(recipients),
                                                    .ingress = *std::move(ingress)}));
  }
  for (std::string& loop : LoopsOnThisHost(config)) errors.push_back(std::move(loop));
  if (!errors.empty()) return absl::UnavailableError(absl::StrJoin(errors, "\n"));
  if (smallest_buffer_bytes < kReceiveBufferBytes) {
    absl::FPrintF(stderr,
                  "groupcastd: receive buffers are %d KiB of the %d KiB wanted; bursts may "
                  "overflow (raise net.core.rmem_max, or give CAP_NET_ADMIN)\n",
                  smallest_buffer_bytes >> 10, kReceiveBufferBytes >> 10);
  }
  return relay;
}

absl::Status Relay::Run(int stop, double stats_period_s) {
  const FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll");
  const uint64_t stop_id = groups_.size();
  const uint64_t timer_id = stop_id + 1;
  if (absl::Status status = Watch(epoll.get(), stop, stop_id); !status.ok()) return status;
  for (size_t i = 0; i < groups_.size(); ++i) {
    const int events = groups_[i]->ingress.event_fd();
    if (absl::Status status = Watch(epoll.get(), events, i); !status.ok()) return status;
  }
  FileDescriptor timer;
  if (stats_period_s > 0) {
    absl::StatusOr<FileDescriptor> periodic = PeriodicTimer(stats_period_s);
    if (!periodic.ok()) return periodic.status();
    timer = *std::move(periodic);
    if (absl::Status status = Watch(epoll.get(), timer.get(), timer_id); !status.ok()) {
      return status;
    }
  }
  double last_s = Now();
  while (true) {
    // One at a time: the kernel puts it behind the others that are ready, so each has its turn.
    epoll_event event;
    const int ready = epoll_wait(epoll.get(), &event, 1, -1);
    if (ready < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "epoll_wait");
    if (ready <= 0) continue;
    const uint64_t id = event.data.u64;
    if (id == stop_id) {
      Drain();
      return absl::OkStatus();
    }
    if (id < groups_.size()) {
      Forward(*groups_[id]);
      continue;
    }
    uint64_t expirations;
    if (read(timer.get(), &expirations, sizeof(expirations)) < 0) continue;
    const double now_s = Now();
    WriteStatistics(now_s - last_s);
    last_s = now_s;
  }
}

absl::Status Relay::ChangeMembers(const RelayConfig& config) {
  std::vector<std::string> errors = FixedDifferences(config_, config);
  for (std::string& loop : LoopsOnThisHost(config)) errors.push_back(std::move(loop));
  std::map<std::string, std::vector<Recipient>> members;
  for (const RelayGroup& wanted : config.groups) {
    absl::StatusOr<std::vector<Recipient>> found = MembersOf(config, wanted);
    if (!found.ok()) errors.emplace_back(found.status().message());
    if (found.ok()) members[wanted.name] = *std::move(found);
  }
  if (!errors.empty()) return absl::FailedPreconditionError(absl::StrJoin(errors, "\n"));
  for (const RelayGroup& wanted : config.groups) {
    const auto group = std::ranges::find_if(
        groups_, [&](const auto& running) { return running->name == wanted.name; });
    const absl::StatusOr<uint64_t> changed = (*group)->recipients.Replace(members[wanted.name]);
    if (changed.ok()) continue;
    errors.push_back(
        absl::StrCat(config.path, ": group '", wanted.name, "': ", changed.status().message()));
  }
  memberships_.fetch_add(1, std::memory_order_relaxed);
  if (!errors.empty()) return absl::ResourceExhaustedError(absl::StrJoin(errors, "\n"));
  return absl::OkStatus();
}

size_t Relay::members() const {
  size_t members = 0;
  for (const auto& group : groups_) members += group->recipients.size();
  return members;
}

bool Relay::settled() const {
  return std::ranges::all_of(groups_, [](const auto& group) { return group->ingress.settled(); });
}

void Relay::Drain() {
  for (const auto& group : groups_) group->ingress.Release();
  const double deadline_s = Now() + kDrainS;
  for (const auto& group : groups_) {
    size_t sent = 1;
    while ((sent > 0 || group->ingress.busy()) && Now() < deadline_s) {
      errors_.clear();
      sent = group->ingress.Forward(BatchOf(*group), &errors_);
    }
    group->unsent = group->ingress.Discard();
  }
}

size_t Relay::BatchOf(const RelayedGroup& group) {
  const size_t members = std::max<size_t>(group.recipients.size(), 1);
  return std::clamp<size_t>(kMostPerTurn / members, 1, kBatch);
}

void Relay::Forward(RelayedGroup& group) {
  errors_.clear();
  group.ingress.Forward(BatchOf(group), &errors_);
  if (!errors_.empty()) TellErrors(group, errors_);
}

}  // namespace groupcast
