// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/relay.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <groupcast/payload.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tools/groupcastd/members.h"

namespace groupcast {
namespace {

constexpr size_t kBatch = 32;                // datagrams of a group before the next one's turn,
constexpr size_t kMostPerTurn = 16384;       // or fewer for large groups: recipients in all
constexpr size_t kMaxDatagramBytes = 65536;  // more than UDP over IPv4 can carry
constexpr double kDrainS = 1;                // as long as the engine drains when it stops
constexpr double kDiscardS = 0.25;           // to count what is left then

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

}  // namespace

Relay::Relay(RelayConfig config)
    : config_(std::move(config)),
      buffer_(kBatch * kMaxDatagramBytes),
      iovecs_(kBatch),
      messages_(kBatch),
      senders_(kBatch) {
  for (size_t i = 0; i < kBatch; ++i) {
    iovecs_[i] = {&buffer_[i * kMaxDatagramBytes], kMaxDatagramBytes};
    messages_[i].msg_hdr.msg_iov = &iovecs_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
    messages_[i].msg_hdr.msg_name = &senders_[i];
  }
}

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
    if (!recipients.ok()) {
      errors.emplace_back(recipients.status().message());
      continue;
    }
    relay->groups_.push_back(
        std::make_unique<RelayedGroup>(RelayedGroup{.name = group_config.name,
                                                    .sockets = std::move(sockets),
                                                    .recipients = *std::move(recipients)}));
    RelayedGroup* group = relay->groups_.back().get();
    for (size_t one = 0; one < group_config.ingresses.size(); one++) {
      relay->ingresses_.push_back(
          {group, group->sockets.ingresses[one].get(), group_config.ingresses[one].from});
    }
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
  const uint64_t stop_id = ingresses_.size();
  const uint64_t timer_id = stop_id + 1;
  if (absl::Status status = Watch(epoll.get(), stop, stop_id); !status.ok()) return status;
  for (size_t i = 0; i < ingresses_.size(); ++i) {
    const int ingress = ingresses_[i].socket;
    if (absl::Status status = Watch(epoll.get(), ingress, i); !status.ok()) return status;
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
    if (id < ingresses_.size()) {
      ReceiveBatch(ingresses_[id]);
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

void Relay::Drain() {
  const double deadline_s = Now() + kDrainS;
  for (const Ingress& ingress : ingresses_) {
    while (Now() < deadline_s && ReceiveBatch(ingress) == BatchOf(*ingress.group)) {
    }
  }
  const double discarded_s = Now() + kDiscardS;
  for (const Ingress& ingress : ingresses_) {
    for (int left = 1; left > 0 && Now() < discarded_s;) {
      left = Receive(ingress, kBatch);
      if (left > 0) ingress.group->unsent += static_cast<uint64_t>(left);
    }
  }
}

size_t Relay::BatchOf(const RelayedGroup& group) const {
  const size_t members = std::max<size_t>(group.recipients.size(), 1);
  return std::clamp<size_t>(kMostPerTurn / members, 1, kBatch);
}

int Relay::Receive(const Ingress& ingress, size_t most) {
  for (size_t i = 0; i < most; i++) messages_[i].msg_hdr.msg_namelen = sizeof(senders_[i]);
  return recvmmsg(ingress.socket, messages_.data(), static_cast<unsigned>(most), MSG_DONTWAIT,
                  nullptr);
}

bool Relay::IsFrom(const Ingress& ingress, size_t message) const {
  IpAddress sender;
  return FromSocketAddress(senders_[message], &sender) &&
         std::ranges::find(ingress.from, sender) != ingress.from.end();
}

size_t Relay::ReceiveBatch(const Ingress& ingress) {
  RelayedGroup& group = *ingress.group;
  const int received = Receive(ingress, BatchOf(group));
  for (int i = 0; i < received; ++i) {
    const auto index = static_cast<size_t>(i);
    if (!ingress.from.empty() && !IsFrom(ingress, index)) {
      ++group.filtered;
      continue;
    }
    Send(group, iovecs_[index].iov_base, messages_[index].msg_len);
  }
  return received > 0 ? static_cast<size_t>(received) : 0;
}

void Relay::Send(RelayedGroup& group, const void* payload, size_t length_bytes) {
  ++group.datagrams_in;
  group.bytes_in += length_bytes;
  errors_.clear();
  SendOptions options;
  options.errors = &errors_;
  const absl::StatusOr<Payload> copy =
      Payload::Copy({static_cast<const uint8_t*>(payload), length_bytes});
  const absl::StatusOr<SendResult> sent =
      copy.ok() ? group.recipients.Send(*copy, options) : copy.status();
  if (!sent.ok()) {  // no memory
    ++group.unsent;
    return;
  }
  group.datagrams_out += sent->sent;
  if (!errors_.empty()) CountErrors(group, errors_);
}

}  // namespace groupcast
