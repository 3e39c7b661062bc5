// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/engine_path.h"

#include <netinet/in.h>
#include <rte_pause.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace groupcast {
namespace {

constexpr size_t kResolveBatch = kMaxRecipients;
constexpr int64_t kSpinNs = 100'000;
constexpr int64_t kFirstNapNs = 50'000;
constexpr int64_t kLongestNapNs = 1'000'000;
constexpr size_t kLargestDatagram = 65507;

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Nap(int64_t ns) {
  const timespec duration = {0, ns};
  nanosleep(&duration, nullptr);
}

bool HasBase(const iovec& part) { return part.iov_len == 0 || part.iov_base != nullptr; }

}  // namespace

struct EnginePath::Buffers {
  std::vector<std::vector<Staged>> staged;  // by port and lcore
  std::vector<uint32_t> unresolved;
  std::vector<uint32_t> all;
  std::vector<uint32_t> kernel;
  // Of those, the ones whose earlier datagrams may have gone by the engine.
  std::vector<uint32_t> switched;
};

EnginePath::Buffers& EnginePath::ThreadBuffers() {
  static thread_local Buffers buffers;
  return buffers;
}

EnginePath::EnginePath(const EngineUse& use, const UdpSocket& socket, const giobuf& buf,
                       size_t recnum, bool nonblocking, int* gerrno)
    : use_(use),
      channel_(*use.channel()),
      socket_(socket),
      buf_(buf),
      recnum_(recnum),
      nonblocking_(nonblocking),
      gerrno_(gerrno),
      buffers_(ThreadBuffers()),
      call_(++use.seat().calls) {
  buffers_.staged.resize(use.engine()->ports() * use.engine()->lcores());
  buffers_.unresolved.clear();
  buffers_.kernel.clear();
  buffers_.switched.clear();
  channel_.Reap();
}

EnginePath::~EnginePath() {
  if (payload_ != nullptr) Arena::Release(payload_);
}

size_t EnginePath::DatagramLen(uint32_t index) const {
  const giovec& recipient = buf_.recinfo[index];
  return recipient.giov_prepend.iov_len + buf_.shared.iov_len + recipient.giov_append.iov_len;
}

void EnginePath::ToKernel(uint32_t index, Counter reason) {
  const bool engine_before = reason == Counter::kKernelMtu || reason == Counter::kKernelUnresolved;
  (engine_before ? buffers_.switched : buffers_.kernel).push_back(index);
  use_.seat().counters.Add(reason);
}

void EnginePath::Fail(uint32_t index, int error) {
  if (gerrno_ != nullptr) gerrno_[index] = error;
  use_.seat().counters.Add(Counter::kRecipientErrors);
  if (error == EAGAIN) use_.seat().counters.Add(Counter::kWouldBlock);
}

void EnginePath::WouldBlock(std::span<const uint32_t> indices) {
  for (const uint32_t index : indices) Fail(index, EAGAIN);
}

size_t EnginePath::Send() {
  const auto recipients = static_cast<uint32_t>(recnum_);
  // The kernel, too, looks at the room before it takes a datagram, and not at its size.
  if (nonblocking_ && channel_.UnsentBytes(socket_.cookie) >= socket_.send_buffer) {
    for (uint32_t i = 0; i < recipients; i++) Fail(i, EAGAIN);
    return 0;
  }
  std::array<uint32_t, kResolveBatch> batch;
  for (uint32_t next = 0; next < recipients;) {
    size_t n = 0;
    for (; next < recipients && n < batch.size(); next++) {
      const giovec& recipient = buf_.recinfo[next];
      const sockaddr_in& to = recipient.giov_dest;
      // Whatever is wrong with a recipient, the kernel is asked to say so in its own words.
      if (to.sin_family != AF_INET || to.sin_port == 0 || !HasBase(recipient.giov_prepend) ||
          !HasBase(recipient.giov_append)) {
        ToKernel(next, Counter::kKernelDestination);
      } else if (recipient.giov_prepend.iov_len > kLargestDatagram ||
                 recipient.giov_append.iov_len > kLargestDatagram ||
                 buf_.shared.iov_len > kLargestDatagram || DatagramLen(next) > kLargestDatagram) {
        ToKernel(next, Counter::kKernelMtu);
      } else {
        batch[n++] = next;
      }
    }
    Resolve({batch.data(), n});
  }
  Flush();
  if (!buffers_.unresolved.empty()) AwaitNextHops();
  if (!nonblocking_) {
    while (channel_.oldest() != nullptr) {
      GatherDone();
      if (channel_.oldest() != nullptr && !Wait()) break;
    }
  }
  return engine_recipients_ - failed_;
}

// Answers for one batch; what is known and usable is staged for its lcore.
void EnginePath::Resolve(std::span<const uint32_t> indices) {
  if (indices.empty()) return;
  Resolver& resolver = use_.engine()->resolver();
  std::array<Destination, kResolveBatch> destinations;
  std::array<const Route*, kResolveBatch> found;
  std::array<Route, kResolveBatch> routes;
  std::array<bool, kResolveBatch> known;
  const size_t n = indices.size();
  for (size_t i = 0; i < n; i++) {
    const sockaddr_in& to = buf_.recinfo[indices[i]].giov_dest;
    destinations[i] = {to.sin_addr.s_addr, to.sin_port};
  }
  const std::span<const Destination> asked(destinations.data(), n);
  bool all_known = false;
  for (int look = 0; look < 2 && !all_known; look++) {
    if (look == 1) {
      std::array<Destination, kResolveBatch> missing;
      size_t nb_missing = 0;
      for (size_t i = 0; i < n; i++) {
        if (!known[i]) missing[nb_missing++] = destinations[i];
      }
      resolver.Ask(socket_.profile, {missing.data(), nb_missing});
    }
    // The answers are copied: nothing below may block while they are borrowed.
    resolver.Online(use_.number());
    resolver.Lookup(socket_.profile, asked, found.data());
    all_known = true;
    for (size_t i = 0; i < n; i++) {
      known[i] = found[i] != nullptr;
      if (known[i]) routes[i] = *found[i];
      all_known = all_known && known[i];
    }
    resolver.Offline(use_.number());
  }
  for (size_t i = 0; i < n; i++) {
    if (known[i]) {
      Place(indices[i], routes[i]);
    } else {
      ToKernel(indices[i], Counter::kKernelRoutesFull);
    }
  }
}

void EnginePath::Place(uint32_t index, const Route& route) {
  if (route.path == Route::Path::kKernel) {
    ToKernel(index, route.kernel_reason);
    return;
  }
  // ip_output.c: IP_PMTUDISC_PROBE and above look at the device only.
  const bool device_only = socket_.mtu_discover >= IP_PMTUDISC_PROBE;
  const uint32_t mtu = device_only ? route.device_mtu : route.path_mtu;
  if (DatagramLen(index) + kIpv4Headers > mtu) {
    ToKernel(index, Counter::kKernelMtu);
    return;
  }
  // Before the next hop: without carrier the kernel forgets its neighbours.
  if (!use_.engine()->LinkUp(route.port)) {
    Fail(index, ENETDOWN);
    use_.seat().counters.Add(Counter::kLinkDown);
    return;
  }
  const NextHop& hop = use_.engine()->resolver().next_hops()[route.next_hop];
  if (!hop.usable.load(std::memory_order_acquire) || hop.Tag() != route.next_hop_tag) {
    if (nonblocking_) {
      ToKernel(index, Counter::kKernelUnresolved);
    } else {
      buffers_.unresolved.push_back(index);
    }
    return;
  }
  const bool dont_fragment = socket_.mtu_discover == IP_PMTUDISC_DO ||
                             socket_.mtu_discover == IP_PMTUDISC_PROBE ||
                             (socket_.mtu_discover == IP_PMTUDISC_WANT && !route.mtu_locked);
  Stage(index, route, dont_fragment);
}

void EnginePath::Stage(uint32_t index, const Route& route, bool dont_fragment) {
  const Engine& engine = *use_.engine();
  const sockaddr_in& to = buf_.recinfo[index].giov_dest;
  const size_t lcore = engine.LcoreOf(route.port, to.sin_addr.s_addr, to.sin_port);
  std::vector<Staged>& staged = buffers_.staged[route.port * engine.lcores() + lcore];
  const rte_be32_t source = socket_.sender.source != 0 ? socket_.sender.source : route.source;
  staged.push_back({index, route.next_hop, route.next_hop_tag, dont_fragment, source});
  if (staged.size() == kMaxRecipients) Post(route.port, lcore, &staged);
}

void EnginePath::Flush() {
  const size_t lcores = use_.engine()->lcores();
  for (size_t i = 0; i < buffers_.staged.size(); i++) {
    if (buffers_.staged[i].empty()) continue;
    Post(static_cast<uint16_t>(i / lcores), i % lcores, &buffers_.staged[i]);
  }
}

// The one copy of the shared payload, on the first request that needs it.
bool EnginePath::PutPayload() {
  if (payload_ != nullptr || buf_.shared.iov_len == 0) return true;
  payload_ = channel_.AllocatePayload(static_cast<uint32_t>(buf_.shared.iov_len));
  if (payload_ == nullptr) return false;
  std::memcpy(payload_, buf_.shared.iov_base, buf_.shared.iov_len);
  payload_sum_ = SumBytes(payload_, buf_.shared.iov_len);
  use_.seat().counters.Add(Counter::kPayloadCopies);
  use_.seat().counters.Add(Counter::kPayloadBytesCopied, buf_.shared.iov_len);
  return true;
}

void EnginePath::Post(uint16_t port, size_t lcore, std::vector<Staged>* staged) {
  std::span<const Staged> left(*staged);
  while (!left.empty()) {
    // As many as have room for their private bytes in one request.
    const size_t most_private = channel_.MostPrivate(lcore, static_cast<uint16_t>(left.size())) / 2;
    size_t n = 0, private_len = 0;
    for (; n < left.size(); n++) {
      const size_t len = DatagramLen(left[n].index) - buf_.shared.iov_len;
      if (n > 0 && private_len + len > most_private) break;
      private_len += len;
    }
    Request* request = Build(port, lcore, left.first(n), private_len);
    if (request == nullptr) {
      for (const Staged& s : left) Fail(s.index, EAGAIN);
      break;
    }
    engine_recipients_ += n;
    left = left.subspan(n);
  }
  staged->clear();
}

// Waits for room as the socket allows; null when there is none.
Request* EnginePath::Build(uint16_t port, size_t lcore, std::span<const Staged> staged,
                           size_t private_len) {
  const auto n = static_cast<uint16_t>(staged.size());
  Request* request = nullptr;
  while (!PutPayload() || (request = channel_.Allocate(lcore, n, private_len)) == nullptr) {
    if (nonblocking_) return nullptr;
    GatherDone();
    if (!Wait()) return nullptr;
  }
  request->port = port;
  request->nonblocking = nonblocking_;
  request->socket_cookie = socket_.cookie;
  request->call = nonblocking_ ? 0 : call_;
  request->payload = payload_;
  request->payload_len = static_cast<uint32_t>(buf_.shared.iov_len);
  request->payload_sum = payload_sum_;
  if (payload_ != nullptr) {
    request->payload_iova = channel_.PayloadIova(payload_);
    Arena::Hold(payload_);
  }
  uint32_t offset = 0;
  for (uint16_t i = 0; i < n; i++) {
    const giovec& recipient = buf_.recinfo[staged[i].index];
    const iovec& prepend = recipient.giov_prepend;
    const iovec& append = recipient.giov_append;
    uint16_t private_sum = 0;
    HeaderLine& line = request->lines[i];
    line.private_offset = offset;
    line.prepend_len = static_cast<uint16_t>(prepend.iov_len);
    line.append_len = static_cast<uint16_t>(append.iov_len);
    if (prepend.iov_len > 0) {
      std::memcpy(request->private_bytes + offset, prepend.iov_base, prepend.iov_len);
      private_sum = SumBytes(request->private_bytes + offset, prepend.iov_len);
      offset += line.prepend_len;
    }
    if (append.iov_len > 0) {
      std::memcpy(request->private_bytes + offset, append.iov_base, append.iov_len);
      const uint16_t sum = SumBytes(request->private_bytes + offset, append.iov_len);
      private_sum =
          FoldSum(uint32_t{private_sum} + SumAt(sum, prepend.iov_len + buf_.shared.iov_len));
      offset += line.append_len;
    }
    Ipv4Sender sender = socket_.sender;
    sender.source = staged[i].source;
    sender.dont_fragment = staged[i].dont_fragment;
    WriteIpv4Line(sender, recipient.giov_dest.sin_addr.s_addr, recipient.giov_dest.sin_port,
                  private_sum, &line);
    line.next_hop = staged[i].next_hop;
    line.next_hop_tag = staged[i].next_hop_tag;
    request->indices[i] = staged[i].index;
    if (gerrno_ != nullptr) gerrno_[staged[i].index] = 0;
  }
  request->bytes = buf_.shared.iov_len * n + private_len;
  if (!channel_.Post(lcore, request)) {
    Channel::Discard(request);
    return nullptr;
  }
  return request;
}

// Recipients behind next hops without a MAC: each is waited for once per resolution (DESIGN 2.1).
void EnginePath::AwaitNextHops() {
  Resolver& resolver = use_.engine()->resolver();
  const int64_t resolve_wait_ns = int64_t{use_.engine()->config().resolve_wait_ms} * 1'000'000;
  std::vector<uint32_t> waiting = std::move(buffers_.unresolved);
  while (!waiting.empty()) {
    const uint64_t seen = resolver.Changes();
    buffers_.unresolved.clear();
    for (size_t i = 0; i < waiting.size(); i += kResolveBatch) {
      Resolve(std::span(waiting).subspan(i, std::min(kResolveBatch, waiting.size() - i)));
    }
    Flush();
    waiting.swap(buffers_.unresolved);
    buffers_.unresolved.clear();
    if (waiting.empty()) return;
    const int64_t now_ns = NowNs();
    const int64_t until_ns = StillWaiting(&waiting, now_ns, resolve_wait_ns);
    if (waiting.empty()) return;
    resolver.AwaitChange(seen, until_ns);
  }
}

// Keeps those whose wait is not over, and returns when the first of them is; the others go by the
// kernel.
int64_t EnginePath::StillWaiting(std::vector<uint32_t>* waiting, int64_t now_ns,
                                 int64_t resolve_wait_ns) {
  Resolver& resolver = use_.engine()->resolver();
  int64_t first_ns = INT64_MAX;
  size_t kept = 0;
  for (size_t i = 0; i < waiting->size(); i++) {
    const uint32_t index = (*waiting)[i];
    const sockaddr_in& to = buf_.recinfo[index].giov_dest;
    const Destination destination = {to.sin_addr.s_addr, to.sin_port};
    const Route* found = nullptr;
    resolver.Online(use_.number());
    resolver.Lookup(socket_.profile, {&destination, 1}, &found);
    const bool known = found != nullptr && found->path == Route::Path::kEngine;
    const Route route = known ? *found : Route{};
    resolver.Offline(use_.number());
    if (!known) {
      (*waiting)[kept++] = index;  // changed meanwhile: the next round places it
      first_ns = std::min(first_ns, now_ns);
      continue;
    }
    NextHop& hop = resolver.next_hops()[route.next_hop];
    int64_t since_ns = hop.unresolved_since_ns.load(std::memory_order_acquire);
    if (since_ns == 0 && hop.unresolved_since_ns.compare_exchange_strong(since_ns, now_ns)) {
      since_ns = now_ns;
      resolver.StartResolution(route.next_hop, route.next_hop_tag);
    }
    if (now_ns - since_ns >= resolve_wait_ns) {
      ToKernel(index, Counter::kKernelUnresolved);
    } else {
      (*waiting)[kept++] = index;
      first_ns = std::min(first_ns, since_ns + resolve_wait_ns);
    }
  }
  waiting->resize(kept);
  return first_ns;
}

void EnginePath::Gather(Request* request) {
  if (request->call == call_) {
    for (uint16_t i = 0; i < request->nb_recipients && request->failed > 0; i++) {
      if (request->errors[i] == 0) continue;
      failed_++;
      if (request->errors[i] == kNotStarted) {
        ToKernel(request->indices[i], Counter::kKernelStopped);
      } else {
        Fail(request->indices[i], request->errors[i]);
      }
    }
  }
  ReleaseRequest(request);
}

void EnginePath::GatherDone() {
  while (channel_.oldest() != nullptr &&
         channel_.oldest()->done.load(std::memory_order_acquire) != 0) {
    Gather(channel_.PopOldest());
    wait_since_ns_ = 0;
  }
}

bool EnginePath::Wait() {
  const int64_t now_ns = NowNs();
  if (started_waiting_ns_ == 0) started_waiting_ns_ = now_ns;
  if (wait_since_ns_ == 0) wait_since_ns_ = now_ns;
  if (socket_.send_timeout_ns > 0 && now_ns - started_waiting_ns_ > socket_.send_timeout_ns) {
    return false;
  }
  const int64_t waited_ns = now_ns - wait_since_ns_;
  if (waited_ns < kSpinNs) {
    rte_pause();
  } else {
    Nap(std::clamp(waited_ns / 4, kFirstNapNs, kLongestNapNs));
  }
  return true;
}

bool EnginePath::AwaitPosted() {
  if (channel_.UnsentBytes(socket_.cookie) == 0) return true;
  if (nonblocking_) return false;
  while (channel_.UnsentBytes(socket_.cookie) != 0) {
    GatherDone();
    if (channel_.oldest() != nullptr && !Wait()) return false;
  }
  return true;
}

std::span<const uint32_t> EnginePath::by_kernel() {
  std::vector<uint32_t>& kernel = buffers_.kernel;
  if (!buffers_.switched.empty()) {
    if (AwaitPosted()) {
      kernel.insert(kernel.end(), buffers_.switched.begin(), buffers_.switched.end());
      std::sort(kernel.begin(), kernel.end());
    } else {
      WouldBlock(buffers_.switched);
    }
    buffers_.switched.clear();
  }
  return kernel;
}

}  // namespace groupcast
