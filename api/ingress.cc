// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/ingress.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "api/group_control.h"
#include "api/ingress_state.h"
#include "api/udp_socket.h"
#include "engine/control/clock.h"
#include "engine/control/log.h"

namespace groupcast {
namespace {

constexpr double kLeastRate = 1000, kMostRate = 1e12;  // bits per second
constexpr int64_t kStopNs = 1'000'000'000;
constexpr int64_t kForwardedNs = 1'000'000'000;
constexpr int64_t kLeftForNs = 1'000'000'000;  // after the last: looked at often

uint64_t RandomBits() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

// Whether the engine sees what the socket would get, and nobody else would.
absl::Status CanBeClaimed(int fd, const RunningEngine& engine) {
  uint64_t cookie = 0;
  socklen_t len = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 &&
      cookie != engine.netns_cookie()) {
    return absl::FailedPreconditionError("it is of another network namespace than the engine");
  }
  if (SocketOption(fd, SOL_SOCKET, SO_REUSEPORT) != 0) {
    return absl::FailedPreconditionError("it shares its address by SO_REUSEPORT");
  }
  return absl::OkStatus();
}

absl::Status Watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "Ingress: epoll");
}

}  // namespace

Ingress::State::State(std::shared_ptr<Group::State> group, const IngressOptions& options)
    : group_(std::move(group)),
      options_(options),
      rtp_secret_(RandomBits()),
      rtp_stream_(options.rtp.value_or(Rtp{}).clock_rate, 1'000'000'000) {}

absl::StatusOr<std::shared_ptr<Ingress::State>> Ingress::State::Create(
    std::shared_ptr<Group::State> group, const IngressOptions& options) {
  const Pacing& pacing = options.pacing;
  const bool no_limit = pacing.bits_per_s == 0;
  if (!no_limit && !(pacing.bits_per_s >= kLeastRate && pacing.bits_per_s <= kMostRate)) {
    return absl::InvalidArgumentError(
        absl::StrCat("Ingress: pacing.bits_per_s: ", pacing.bits_per_s, " is not from ", kLeastRate,
                     " to ", kMostRate, "; 0: no limit"));
  }
  if (options.rtp && options.rtp->clock_rate == 0) {
    return absl::InvalidArgumentError("Ingress: rtp.clock_rate: 0 is no rate");
  }
  if (!group->TakeIngress()) {
    return absl::FailedPreconditionError(
        "Ingress: the group has one already; Add() its sockets to that");
  }
  std::shared_ptr<State> state(new State(std::move(group), options));
  state->epoll_ = epoll_create1(EPOLL_CLOEXEC);
  state->event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state->epoll_ < 0 || state->event_ < 0) {
    return absl::ResourceExhaustedError(
        "Ingress: no descriptor is free; raise the limit of open files");
  }
  if (absl::Status status = Watch(state->epoll_, state->event_); !status.ok()) return status;
  GroupControl::Get().Watch(state);
  return state;
}

// What the engine has received is still sent, unless that takes too long.
void Ingress::State::Stop() {
  Release();
  const int64_t until_ns = MonotonicNs() + kStopNs;
  while (sending() && MonotonicNs() < until_ns) usleep(1000);
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  stopped_ = true;
  // A change of the members under way may take its time.
  while (!group_->SetFlow(nullptr, nullptr)) usleep(1000);
  for (const Socket& socket : sockets_) close(socket.fd);
  sockets_.clear();
  group_->GiveIngress();
}

bool Ingress::State::sending() const {
  for (const auto& flow : Flows()) {
    if (flow->in_use()) return true;
  }
  return false;
}

bool Ingress::State::busy() const {
  for (const auto& flow : Flows()) {
    if (flow->in_use() || !flow->leftovers().Empty()) return true;
  }
  return false;
}

Ingress::State::~State() {
  Stop();
  if (epoll_ >= 0) close(epoll_);
  if (event_ >= 0) close(event_);
}

absl::Status Ingress::State::Add(int sd, absl::Span<const in6_addr> sources) {
  const int error = CheckUdpSocket(sd);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Ingress::Add: descriptor ", sd, ": ",
                     error == EOPNOTSUPP ? "not a UDP socket" : std::strerror(error)));
  }
  Socket socket{-1, {}};
  sockaddr_in6 address{};
  socklen_t len = sizeof(address);
  getsockname(sd, reinterpret_cast<sockaddr*>(&address), &len);
  socket.wanted.address = AddressOf(reinterpret_cast<const sockaddr*>(&address));
  socket.wanted.udp_port = address.sin6_port;  // where sockaddr_in has it, too
  if (socket.wanted.udp_port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Ingress::Add: descriptor ", sd, " is not bound"));
  }
  len = sizeof(address);
  if (getpeername(sd, reinterpret_cast<sockaddr*>(&address), &len) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Ingress::Add: descriptor ", sd, " is connected; name its peer as a source"));
  }
  socket.wanted.interface = static_cast<uint32_t>(SocketOption(sd, SOL_SOCKET, SO_BINDTOIFINDEX));
  for (const in6_addr& source : sources) {
    socket.wanted.from.push_back(IpAddress::FromIpv6(source));
  }
  socket.fd = fcntl(sd, F_DUPFD_CLOEXEC, 3);
  if (socket.fd < 0) {
    return absl::ResourceExhaustedError(
        "Ingress::Add: no descriptor is free; raise the limit of open files");
  }
  socket.wanted.socket = socket.fd;
  SetOption(socket.fd, IPPROTO_IP, IP_RECVTTL, 1);
  SetOption(socket.fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  SetOption(socket.fd, IPPROTO_IP, IP_PKTINFO, 1);
  SetOption(socket.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  if (absl::Status status = Watch(epoll_, socket.fd); !status.ok()) {
    close(socket.fd);
    return status;
  }
  const std::lock_guard lock(mutex_);
  sockets_.push_back(socket);
  const EngineUse use(EngineUse::Need::kEngineOnly);
  const bool follows = !released_ && use.engine() != nullptr && use.engine()->instance() == engine_;
  if (follows && flow_ != nullptr) {
    take_over_ns_ = MonotonicNs() + kForwardedNs;
    TakeOver(use);
  }
  return absl::OkStatus();
}

IngressFlow::Options Ingress::State::FlowOptions() const {
  IngressFlow::Options made;
  made.sharing = static_cast<Sharing>(options_.strategy);
  made.pace = {static_cast<uint64_t>(options_.pacing.bits_per_s / 8), options_.pacing.burst_bytes};
  made.rtp = options_.rtp.has_value();
  if (options_.rtp) made.rtp_clock = options_.rtp->clock_rate;
  made.rtp_secret = rtp_secret_;
  return made;
}

// Whether nothing that it received waits, or is just being sent: what the engine takes would
// overtake it.
bool Ingress::State::Forwarded(const Socket& socket) const {
  pollfd received{socket.fd, POLLIN, 0};
  return poll(&received, 1, 0) == 0 && !forwards_.load();
}

void Ingress::State::TakeOver(const EngineUse& use) {
  const bool late = MonotonicNs() >= take_over_ns_;
  for (Socket& socket : sockets_) {
    if (!socket.taken_over && (late || Forwarded(socket))) Claim(use, &socket);
  }
}

void Ingress::State::Claim(const EngineUse& use, Socket* socket) {
  socket->taken_over = true;
  absl::Status status = CanBeClaimed(socket->fd, *use.engine());
  if (status.ok()) status = use.engine()->ingress().Claim(flow_, socket->wanted);
  if (status.ok() || told_) return;
  told_ = true;
  LogNotice(absl::StrCat("what comes to UDP port ", rte_be_to_cpu_16(socket->wanted.udp_port),
                         " is relayed by its socket: ", status.message()));
}

// What the engine of before had is over.
void Ingress::State::LeaveFlow() {
  if (flow_ != nullptr) flows_before_.push_back(std::move(flow_));
  flow_ = nullptr;
}

void Ingress::State::Follow(const EngineUse& use) {
  RunningEngine* engine = use.engine();
  const bool stopping = engine == nullptr || engine->stopping();
  const uint32_t instance = stopping ? 0 : engine->instance();
  if (instance == engine_) {
    if (flow_ != nullptr) TakeOver(use);
    return;
  }
  // What an engine that stops still sends needs its members.
  if (flow_ != nullptr && flow_->in_use()) return;
  if (instance == 0) {
    if (!group_->SetFlow(nullptr, nullptr)) return;
    LeaveFlow();
    engine_ = 0;
    return;
  }
  if (next_engine_ != instance) next_flow_ = engine->ingress().Open(FlowOptions());
  next_engine_ = instance;
  // Until then the lcore would leave everything to Forward(), which has it from the sockets as
  // well.
  if (!group_->ReadyFor(instance, next_flow_->lcore())) return;
  if (!group_->SetFlow(next_flow_, engine->ingress().readers())) return;
  LeaveFlow();
  flow_ = std::exchange(next_flow_, nullptr);
  engine_ = instance;
  told_ = false;
  take_over_ns_ = MonotonicNs() + kForwardedNs;
  for (Socket& socket : sockets_) socket.taken_over = false;
  TakeOver(use);
}

// With every socket, if it does at all.
bool Ingress::State::Follows(const EngineUse& use) const {
  return released_ || (use.engine()->instance() == engine_ &&
                       std::ranges::all_of(sockets_, &Socket::taken_over));
}

bool Ingress::State::settled() const {
  const std::lock_guard lock(mutex_);
  const EngineUse use(EngineUse::Need::kEngineOnly);
  return use.engine() == nullptr || Follows(use);
}

bool Ingress::State::Attend() try {
  const std::lock_guard lock(mutex_);
  const EngineUse use(EngineUse::Need::kEngineOnly);
  if (!released_) Follow(use);
  FoldFlowsBefore();
  if (use.engine() == nullptr) return true;
  use.engine()->ingress().Attend(use.engine()->resolver().Generation());
  return Follows(use);
} catch (const std::bad_alloc&) {
  return false;  // the next look tries again
}

bool Ingress::State::Signal(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  bool any = flow_ != nullptr && !flow_->leftovers().Empty();
  for (const auto& flow : flows_before_) any |= !flow->leftovers().Empty();
  if (any) {
    left_seen_ns_ = now_ns;
    eventfd_write(event_, 1);
  }
  return left_seen_ns_ != 0 && now_ns - left_seen_ns_ < kLeftForNs;
}

void Ingress::State::Release() {
  const std::lock_guard lock(mutex_);
  if (released_) return;
  released_ = true;
  const EngineUse use(EngineUse::Need::kEngineOnly);
  if (flow_ != nullptr && use.engine() != nullptr && use.engine()->instance() == engine_) {
    use.engine()->ingress().Close(flow_);
  }
  int none = 0;
  for (const Socket& socket : sockets_) {
    setsockopt(socket.fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
  }
}

absl::StatusOr<Ingress> Ingress::Create(const Group& group, const IngressOptions& options) {
  auto state = State::Create(group.state_, options);
  if (!state.ok()) return state.status();
  return Ingress(*std::move(state));
}

absl::Status Ingress::Add(int sd, absl::Span<const in6_addr> sources) {
  return state_->Add(sd, sources);
}
int Ingress::event_fd() const { return state_->event_fd(); }
size_t Ingress::Forward(size_t most, std::vector<MemberError>* errors) {
  return state_->Forward(most, errors);
}
uint64_t Ingress::Discard() { return state_->Discard(); }
void Ingress::Release() { state_->Release(); }
bool Ingress::busy() const { return state_->busy(); }
bool Ingress::settled() const { return state_->settled(); }
IngressStatistics Ingress::statistics() const { return state_->statistics(); }

Ingress::Ingress(std::shared_ptr<State> state) : state_(std::move(state)) {}
Ingress::Ingress(Ingress&&) noexcept = default;
Ingress& Ingress::operator=(Ingress&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Ingress::~Ingress() {
  if (state_ != nullptr) state_->Stop();
}

}  // namespace groupcast
