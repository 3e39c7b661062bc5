// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/relay.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <groupcast/payload.h>
#include <groupcast/statistics.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tools/groupcastd/loops.h"

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

// A terminal or pipe that takes no more must not stop the relay, or keep it from ending.
void WriteUnlessBlocked(FILE* file, const std::string& line) {
  pollfd out = {.fd = fileno(file), .events = POLLOUT, .revents = 0};
  if (poll(&out, 1, 0) != 1) return;
  std::fputs(line.c_str(), file);
  std::fflush(file);
}

std::string ErrnoName(int error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : absl::StrCat("errno_", error);
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

// The members as a group that sends from the socket.
absl::StatusOr<Group> Register(const GroupSockets& sockets, const RelayGroup& config) {
  absl::StatusOr<Group> group = Group::Create(sockets.egress());
  if (!group.ok()) return group.status();
  std::vector<Recipient> members;
  members.reserve(config.members.size());
  for (const ConfiguredAddress& member : config.members) {
    members.emplace_back(member.address, members.size());
  }
  if (absl::StatusOr<uint64_t> added = group->Add(members); !added.ok()) return added.status();
  return group;
}

}  // namespace

Relay::Relay(const RelayConfig& config)
    : config_(config), buffer_(kBatch * kMaxDatagramBytes), iovecs_(kBatch), messages_(kBatch) {
  for (size_t i = 0; i < kBatch; ++i) {
    iovecs_[i] = {&buffer_[i * kMaxDatagramBytes], kMaxDatagramBytes};
    messages_[i].msg_hdr.msg_iov = &iovecs_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

absl::StatusOr<std::unique_ptr<Relay>> Relay::Open(const RelayConfig& config) {
  std::unique_ptr<Relay> relay(new Relay(config));
  std::vector<std::string> errors;
  int smallest_buffer_bytes = kReceiveBufferBytes;
  for (const RelayGroup& group_config : config.groups) {
    absl::StatusOr<GroupSockets> sockets = OpenGroupSockets(config, group_config);
    if (!sockets.ok()) {
      errors.emplace_back(sockets.status().message());
      continue;
    }
    smallest_buffer_bytes = std::min(smallest_buffer_bytes, sockets->receive_buffer_bytes);
    absl::StatusOr<Group> recipients = Register(*sockets, group_config);
    if (!recipients.ok()) {
      errors.push_back(absl::StrCat(config.path, ":", group_config.ingress.line, ":",
                                    group_config.ingress.column, ": group '", group_config.name,
                                    "': ", recipients.status().message()));
      continue;
    }
    relay->groups_.push_back({.config = &group_config,
                              .sockets = *std::move(sockets),
                              .recipients = *std::move(recipients)});
  }
  // As CheckLoops(), with what only this host knows.
  for (const Loop& loop : FindLoops(config.groups, IsLocalAddress)) {
    errors.push_back(absl::StrCat(config.path, ":", loop.member->line, ":", loop.member->column,
                                  ": members: ", loop.text));
  }
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
    const int ingress = groups_[i].sockets.ingress.get();
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
    if (id < groups_.size()) {
      ReceiveBatch(groups_[id]);
      continue;
    }
    uint64_t expirations;
    if (read(timer.get(), &expirations, sizeof(expirations)) < 0) continue;
    const double now_s = Now();
    WriteStatistics(now_s - last_s);
    last_s = now_s;
  }
}

void Relay::Drain() {
  const double deadline_s = Now() + kDrainS;
  for (RelayedGroup& group : groups_) {
    while (Now() < deadline_s && ReceiveBatch(group) == BatchOf(group)) {
    }
  }
  const double discarded_s = Now() + kDiscardS;
  for (RelayedGroup& group : groups_) {
    for (int left = 1; left > 0 && Now() < discarded_s;) {
      left = Receive(group, kBatch);
      if (left > 0) group.unsent += static_cast<uint64_t>(left);
    }
  }
}

size_t Relay::BatchOf(const RelayedGroup& group) const {
  const size_t members = std::max<size_t>(group.config->members.size(), 1);
  return std::clamp<size_t>(kMostPerTurn / members, 1, kBatch);
}

int Relay::Receive(RelayedGroup& group, size_t most) {
  return recvmmsg(group.sockets.ingress.get(), messages_.data(), static_cast<unsigned>(most),
                  MSG_DONTWAIT, nullptr);
}

size_t Relay::ReceiveBatch(RelayedGroup& group) {
  const int received = Receive(group, BatchOf(group));
  for (int i = 0; i < received; ++i) {
    const auto index = static_cast<size_t>(i);
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

void Relay::CountErrors(RelayedGroup& group, absl::Span<const MemberError> errors) {
  group.errors += errors.size();
  struct First {
    uint64_t recipients = 0;
    size_t member = 0;
  };
  std::map<int, First> fresh;  // kinds that this group did not have before
  for (const MemberError& error : errors) {
    const auto fresh_kind = fresh.find(error.error);
    if (group.errors_by_errno[error.error]++ == 0) {
      fresh[error.error] = {1, error.member.tag()};
    } else if (fresh_kind != fresh.end()) {
      ++fresh_kind->second.recipients;
    }
  }
  for (const auto& [error, first] : fresh) {
    const ConfiguredAddress& member = group.config->members[first.member];
    WriteUnlessBlocked(
        stderr, absl::StrFormat("groupcastd: group=%s: %s (%s) for %d of %d members, first %s "
                                "(%s:%d); further ones are counted only\n",
                                group.config->name, std::strerror(error), ErrnoName(error),
                                first.recipients, group.config->members.size(), member.ToString(),
                                config_.path, member.line));
  }
}

Relay::Totals Relay::Sum() {
  Totals sum;
  for (RelayedGroup& group : groups_) {
    const uint32_t dropped = DroppedDatagrams(group.sockets.ingress.get());
    group.overflow += dropped - group.last_dropped;  // modulo 2^32
    group.last_dropped = dropped;
    sum.in += group.datagrams_in;
    sum.out += group.datagrams_out;
    sum.errors += group.errors;
    sum.unsent += group.unsent;
    sum.overflow += group.overflow;
  }
  return sum;
}

void Relay::WriteStatistics(double elapsed_s) {
  const Totals now = Sum();
  const auto rate = [&](uint64_t value, uint64_t before) {
    return static_cast<double>(value - before) / elapsed_s;
  };
  WriteUnlessBlocked(
      stdout,
      absl::StrFormat(
          "groupcastd: stats in_per_s=%.0f out_per_s=%.0f in=%d out=%d engine_packets=%d kernel=%d "
          "errors=%d overflow=%d\n",
          rate(now.in, last_.in), rate(now.out, last_.out), now.in, now.out,
          groupcast_counter_value("packets"), groupcast_counter_value("kernel_recipients"),
          now.errors, now.overflow));
  last_ = now;
}

void Relay::WriteSummary() {
  const Totals total = Sum();
  for (const RelayedGroup& group : groups_) {
    const std::string kinds =
        absl::StrJoin(group.errors_by_errno, ",", [](std::string* out, const auto& kind) {
          absl::StrAppend(out, ErrnoName(kind.first), ":", kind.second);
        });
    WriteUnlessBlocked(
        stdout, absl::StrFormat(
                    "groupcastd: summary group=%s in=%d out=%d errors=%d overflow=%d unsent=%d "
                    "bytes=%d errnos=%s\n",
                    group.config->name, group.datagrams_in, group.datagrams_out, group.errors,
                    group.overflow, group.unsent, group.bytes_in, kinds.empty() ? "none" : kinds));
  }
  WriteUnlessBlocked(
      stdout, absl::StrFormat("groupcastd: summary total in=%d out=%d engine_packets=%d kernel=%d "
                              "errors=%d overflow=%d unsent=%d\n",
                              total.in, total.out, groupcast_counter_value("packets"),
                              groupcast_counter_value("kernel_recipients"), total.errors,
                              total.overflow, total.unsent));
}

}  // namespace groupcast
