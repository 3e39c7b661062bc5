// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/engine_path.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "api/recipient_line.h"
#include "engine/control/clock.h"

namespace groupcast {
namespace {

constexpr size_t kResolveBatch = kMaxRecipients;
constexpr size_t kLargestIpv4Datagram = 65507;
constexpr size_t kLargestIpv6Datagram = 65527;

// Also where the sum of the lengths would wrap around.
bool IsTooLarge(const iovec& prepend, const iovec& shared, const iovec& append, size_t most) {
  return prepend.iov_len > most || shared.iov_len > most || append.iov_len > most ||
         prepend.iov_len + shared.iov_len + append.iov_len > most;
}

}  // namespace

EnginePath::Buffers::~Buffers() { NoteThreadExits(); }

EnginePath::Buffers& EnginePath::ThreadBuffers() {
  static thread_local Buffers buffers;
  return buffers;
}

EnginePath::EnginePath(const EngineUse& use, const UdpSocket& socket, const CallerBuffer& buf,
                       size_t recnum, bool nonblocking, uint64_t call, int* gerrno)
    : use_(use),
      socket_(socket),
      buf_(buf),
      recnum_(recnum),
      nonblocking_(nonblocking),
      gerrno_(gerrno),
      buffers_(ThreadBuffers()),
      requests_(use, socket, nonblocking, call != 0 ? call : ++use.seat().calls) {
  buffers_.staged.resize(use.engine()->ports() * use.engine()->lcores());
  // Not what a call left that ran out of memory.
  for (Staged& staged : buffers_.staged) staged.n = 0;
  buffers_.unresolved.clear();
  buffers_.kernel.clear();
  buffers_.switched.clear();
}

size_t EnginePath::DatagramLen(uint32_t index) const {
  return buf_.Prepend(index).iov_len + buf_.shared().iov_len + buf_.Append(index).iov_len;
}

// Written in place: a copy at once would wait for the words it was made of.
bool EnginePath::DestinationOf(uint32_t index, Destination* to) const {
  const sockaddr* address = buf_.Address(index);
  if (!HasBase(buf_.Prepend(index)) || !HasBase(buf_.Append(index))) return false;
  to->scope = 0;
  if (address->sa_family == AF_INET) {
    const auto& ipv4 = *reinterpret_cast<const sockaddr_in*>(address);
    to->address = IpAddress::FromIpv4(ipv4.sin_addr.s_addr);
    to->udp_port = ipv4.sin_port;
    return socket_.ipv4 && to->udp_port != 0;
  }
  if (address->sa_family != AF_INET6 || buf_.address_len() != sizeof(sockaddr_in6)) return false;
  const auto& ipv6 = *reinterpret_cast<const sockaddr_in6*>(address);
  to->address = IpAddress::FromIpv6(ipv6.sin6_addr);
  to->udp_port = ipv6.sin6_port;
  if (to->udp_port == 0) return false;
  if (to->address.IsIpv4()) return socket_.six && socket_.ipv4;
  if (to->address.IsLinkLocal()) to->scope = ipv6.sin6_scope_id;
  return socket_.ipv6 && !(socket_.flow_information && ipv6.sin6_flowinfo != 0);
}

void EnginePath::ToKernel(uint32_t index, Counter reason, bool engine_before) {
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
  if (requests_.Full()) {
    for (uint32_t i = 0; i < recipients; i++) Fail(i, EAGAIN);
    return 0;
  }
  known_ = buffers_.known.Begin(use_, socket_, recnum_);
  if (known_ != nullptr) now_s_ = CoarseSeconds();
  for (uint32_t first = 0; first < recipients; first += kResolveBatch) {
    const uint32_t end = std::min<uint32_t>(first + kResolveBatch, recipients);
    KnownChunk* chunk =
        known_ != nullptr ? known_->Find(buf_, first, end - first, now_s_) : nullptr;
    if (known_ != nullptr) known_->PrefetchNext(first);
    if (chunk == nullptr || !SendKnown(chunk, first)) SendWindow(first, end);
  }
  Flush();
  if (!buffers_.unresolved.empty()) AwaitNextHops();
  if (!nonblocking_) requests_.AwaitAll([this](Request* request) { Gather(*request); });
  return engine_recipients_ - failed_;
}

// Recipients [first, end) of the call.
void EnginePath::SendWindow(uint32_t first, uint32_t end) {
  std::array<Recipient, kResolveBatch> batch;
  size_t n = 0;
  for (uint32_t index = first; index < end; index++) {
    Destination& to = batch[n].to;
    if (!DestinationOf(index, &to)) {
      // An AF_INET6 socket's options can change that.
      ToKernel(index, Counter::kKernelDestination, socket_.six);
    } else if (IsTooLarge(buf_.Prepend(index), buf_.shared(), buf_.Append(index),
                          to.address.IsIpv4() ? kLargestIpv4Datagram : kLargestIpv6Datagram)) {
      ToKernel(index, Counter::kKernelMtu, true);
    } else {
      batch[n++].index = index;
    }
  }
  // With one port and lcore the window's lines are those that were staged last.
  const bool alone = known_ != nullptr && buffers_.staged[0].n == 0;
  const size_t before = staged_so_far_;
  Resolve({batch.data(), n});
  if (alone && n == end - first && staged_so_far_ - before == n) {
    known_->Learn(buf_, first, n, buffers_.staged[0].lines.data(), now_s_);
  }
}

// Answers for one batch; what is known and usable is staged for its lcore.
void EnginePath::Resolve(std::span<const Recipient> recipients) {
  if (recipients.empty()) return;
  Resolver& resolver = use_.engine()->resolver();
  std::array<Destination, kResolveBatch> destinations;
  std::array<const Route*, kResolveBatch> found;
  std::array<Route, kResolveBatch> routes;
  std::array<bool, kResolveBatch> known;
  const size_t n = recipients.size();
  for (size_t i = 0; i < n; i++) destinations[i] = recipients[i].to;
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
      Place(recipients[i], routes[i]);
    } else {
      ToKernel(recipients[i].index, Counter::kKernelRoutesFull, true);
    }
  }
}

// Neither fragmented nor refused by the kernel: ip_setup_cork() and ip6_setup_cork(), by which
// *_PMTUDISC_PROBE and above look at the device only. What is larger the kernel fragments or
// refuses.
void EnginePath::Place(const Recipient& recipient, const Route& route) {
  const uint32_t index = recipient.index;
  if (route.path == Route::Path::kKernel) {
    ToKernel(index, route.kernel_reason, route.engine_before);
    return;
  }
  const size_t headers = recipient.to.address.IsIpv4() ? kIpv4Headers : kIpv6Headers;
  if (DatagramLen(index) + headers > MtuOf(socket_, recipient.to, route)) {
    ToKernel(index, Counter::kKernelMtu, true);
    return;
  }
  if (!KnowsHopLimit(socket_, recipient.to, route)) {
    ToKernel(index, Counter::kKernelSocket, true);
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
      ToKernel(index, Counter::kKernelUnresolved, true);
    } else {
      buffers_.unresolved.push_back(recipient);
    }
    return;
  }
  Stage(recipient, route);
}

// Recipients behind next hops without a MAC: each is waited for once per resolution (DESIGN 2.1).
void EnginePath::AwaitNextHops() {
  Resolver& resolver = use_.engine()->resolver();
  int64_t resolve_wait_ns = int64_t{use_.engine()->config().resolve_wait_ms} * 1'000'000;
  if (socket_.send_timeout_ns > 0) {
    resolve_wait_ns = std::min(resolve_wait_ns, socket_.send_timeout_ns);
  }
  std::vector<Recipient> waiting = std::move(buffers_.unresolved);
  while (!waiting.empty()) {
    const uint64_t seen = resolver.Changes();
    if (use_.engine()->stopping()) {
      for (const Recipient& recipient : waiting) {
        ToKernel(recipient.index, Counter::kKernelStopped, true);
      }
      return;
    }
    buffers_.unresolved.clear();
    for (size_t i = 0; i < waiting.size(); i += kResolveBatch) {
      Resolve(std::span(waiting).subspan(i, std::min(kResolveBatch, waiting.size() - i)));
    }
    Flush();
    waiting.swap(buffers_.unresolved);
    buffers_.unresolved.clear();
    if (waiting.empty()) return;
    const int64_t now_ns = MonotonicNs();
    const int64_t until_ns = StillWaiting(&waiting, now_ns, resolve_wait_ns);
    if (waiting.empty()) return;
    resolver.AwaitChange(seen, until_ns);
  }
}

// Keeps those whose wait is not over, and returns when the first of them is; the others go by the
// kernel.
int64_t EnginePath::StillWaiting(std::vector<Recipient>* waiting, int64_t now_ns,
                                 int64_t resolve_wait_ns) {
  Resolver& resolver = use_.engine()->resolver();
  int64_t first_ns = INT64_MAX;
  size_t kept = 0;
  for (size_t i = 0; i < waiting->size(); i++) {
    const Recipient recipient = (*waiting)[i];
    const Route* found = nullptr;
    resolver.Online(use_.number());
    resolver.Lookup(socket_.profile, {&recipient.to, 1}, &found);
    const bool known = found != nullptr && found->path == Route::Path::kEngine;
    const Route route = known ? *found : Route{};
    resolver.Offline(use_.number());
    if (!known) {
      (*waiting)[kept++] = recipient;  // changed meanwhile: the next round places it
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
      ToKernel(recipient.index, Counter::kKernelUnresolved, true);
    } else {
      (*waiting)[kept++] = recipient;
      first_ns = std::min(first_ns, since_ns + resolve_wait_ns);
    }
  }
  waiting->resize(kept);
  return first_ns;
}

}  // namespace groupcast
