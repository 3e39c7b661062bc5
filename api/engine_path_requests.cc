// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// EnginePath's requests: built, posted to their lcores, waited for. Which recipients get there is
// engine_path.cc's.
#include <netinet/in.h>
#include <rte_pause.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "api/engine_path.h"
#include "engine/control/clock.h"

namespace groupcast {
namespace {

constexpr int64_t kSpinNs = 100'000;
constexpr int64_t kFirstNapNs = 50'000;
constexpr int64_t kLongestNapNs = 1'000'000;

Channel::Shape ShapeOf(size_t nb_recipients, size_t private_len) {
  return {static_cast<uint16_t>(nb_recipients), true, private_len > 0, private_len};
}

void Nap(int64_t ns) {
  const timespec duration = {0, ns};
  nanosleep(&duration, nullptr);
}

}  // namespace

void EnginePath::Stage(const Recipient& recipient, const Route& route) {
  const Engine& engine = *use_.engine();
  const Destination& to = recipient.to;
  const size_t lcore = engine.LcoreOf(route.port, to.address, to.udp_port);
  std::vector<Staged>& staged = buffers_.staged[route.port * engine.lcores() + lcore];
  // Of IPv4 only.
  const bool dont_fragment = socket_.mtu_discover == IP_PMTUDISC_DO ||
                             socket_.mtu_discover == IP_PMTUDISC_PROBE ||
                             (socket_.mtu_discover == IP_PMTUDISC_WANT && !route.mtu_locked);
  staged.push_back({recipient, route.next_hop, route.next_hop_tag, dont_fragment,
                    socket_.source.IsUnspecified() ? route.source : socket_.source});
  if (staged.size() == kMaxRecipients) Post(route.port, lcore, &staged);
}

void EnginePath::WriteLine(const Staged& staged, HeaderLine* line) const {
  const Destination& to = staged.recipient.to;
  if (to.address.IsIpv4()) {
    WriteIpv4Line({.source = staged.source.Ipv4(),
                   .source_port = socket_.source_port,
                   .ttl = socket_.ttl,
                   .tos = socket_.tos,
                   .dont_fragment = staged.dont_fragment},
                  to.address.Ipv4(), to.udp_port, line);
  } else {
    WriteIpv6Line({.source = staged.source,
                   .source_port = socket_.source_port,
                   .hop_limit = socket_.hop_limit,
                   .traffic_class = socket_.traffic_class,
                   .flow_label = FlowLabel(socket_.flow_labels, staged.source, socket_.source_port,
                                           to.address, to.udp_port)},
                  to.address, to.udp_port, line);
  }
  line->next_hop = staged.next_hop;
  line->next_hop_tag = staged.next_hop_tag;
}

void EnginePath::Flush() {
  const size_t lcores = use_.engine()->lcores();
  for (size_t i = 0; i < buffers_.staged.size(); i++) {
    if (buffers_.staged[i].empty()) continue;
    Post(static_cast<uint16_t>(i / lcores), i % lcores, &buffers_.staged[i]);
  }
}

// The one copy of the shared payload, on a port's first request that needs it; null for no room.
uint8_t* EnginePath::PutPayload(uint16_t port) {
  uint8_t*& payload = buffers_.payloads[port];
  if (payload != nullptr) return payload;
  payload = channel_.AllocatePayload(port, static_cast<uint32_t>(buf_.shared().iov_len));
  if (payload == nullptr) return nullptr;
  std::memcpy(payload, buf_.shared().iov_base, buf_.shared().iov_len);
  if (!summed_) payload_sum_ = SumBytes(payload, buf_.shared().iov_len);
  summed_ = true;
  use_.seat().counters.Add(Counter::kPayloadCopies);
  use_.seat().counters.Add(Counter::kPayloadBytesCopied, buf_.shared().iov_len);
  return payload;
}

void EnginePath::Post(uint16_t port, size_t lcore, std::vector<Staged>* staged) {
  std::span<const Staged> left(*staged);
  while (!left.empty()) {
    // As many as have room for their private bytes in one request.
    const size_t most_private =
        channel_.MostPrivate(port, lcore, ShapeOf(left.size(), SIZE_MAX)) / 2;
    size_t n = 0, private_len = 0;
    for (; n < left.size(); n++) {
      const size_t len = DatagramLen(left[n].recipient.index) - buf_.shared().iov_len;
      if (n > 0 && private_len + len > most_private) break;
      private_len += len;
    }
    Request* request = Build(port, lcore, left.first(n), private_len);
    if (request == nullptr) {
      for (const Staged& s : left) {
        if (use_.engine()->stopping()) {
          ToKernel(s.recipient.index, Counter::kKernelStopped, true);
        } else {
          Fail(s.recipient.index, EAGAIN);
        }
      }
      break;
    }
    engine_recipients_ += n;
    left = left.subspan(n);
  }
  staged->clear();
}

// The private bytes of one recipient, copied behind `bytes` + `offset`.
PrivatePart EnginePath::PutPrivate(uint32_t index, uint8_t* bytes, uint32_t offset) const {
  const iovec& prepend = buf_.Prepend(index);
  const iovec& append = buf_.Append(index);
  PrivatePart part{offset, static_cast<uint16_t>(prepend.iov_len),
                   static_cast<uint16_t>(append.iov_len), 0};
  uint8_t* at = bytes + offset;
  if (prepend.iov_len > 0) {
    std::memcpy(at, prepend.iov_base, prepend.iov_len);
    part.sum = SumBytes(at, prepend.iov_len);
    at += prepend.iov_len;
  }
  if (append.iov_len > 0) {
    std::memcpy(at, append.iov_base, append.iov_len);
    const uint16_t sum = SumBytes(at, append.iov_len);
    part.sum = FoldSum(uint32_t{part.sum} + SumAt(sum, prepend.iov_len + buf_.shared().iov_len));
  }
  return part;
}

// Waits for room as the socket allows; null when there is none.
Request* EnginePath::Build(uint16_t port, size_t lcore, std::span<const Staged> staged,
                           size_t private_len) {
  const size_t n = staged.size();
  const bool needs_payload = buf_.shared().iov_len > 0;
  uint8_t* payload = nullptr;
  Request* request = nullptr;
  while ((needs_payload && (payload = PutPayload(port)) == nullptr) ||
         (request = channel_.Allocate(port, lcore, ShapeOf(n, private_len))) == nullptr) {
    // A stopping engine may not get room any more: drivers release with later traffic.
    if (nonblocking_ || use_.engine()->stopping()) return nullptr;
    GatherDone();
    channel_.Reap(awaited_);
    if (!Wait()) return nullptr;
  }
  request->port = port;
  request->nobody_waits.store(nonblocking_, std::memory_order_relaxed);
  request->socket_cookie = socket_.cookie;
  request->call = call_;
  request->payload_len = static_cast<uint32_t>(buf_.shared().iov_len);
  request->payload_sum = payload_sum_;
  if (payload != nullptr) {
    request->own_segment = {payload, channel_.PayloadIova(port, payload), request->payload_len};
    request->segments = &request->own_segment;
    request->nb_segments = 1;
    request->payload_holds = Arena::Holds(payload);
    Arena::Hold(payload);
  }
  request->bytes = request->payload_len * n + private_len;
  uint32_t offset = 0;
  for (size_t i = 0; i < n; i++) {
    const uint32_t index = staged[i].recipient.index;
    if (private_len > 0) {
      request->own_privates[i] = PutPrivate(index, request->own_private_bytes, offset);
      offset +=
          uint32_t{request->own_privates[i].prepend_len} + request->own_privates[i].append_len;
    }
    HeaderLine& line = request->own_lines[i];
    WriteLine(staged[i], &line);
    request->bytes += IpUdpLen(line);
    request->indices[i] = index;
    if (gerrno_ != nullptr) gerrno_[index] = 0;
  }
  if (!channel_.Post(lcore, request)) {
    Channel::Discard(request);
    return nullptr;
  }
  if (awaited_ == nullptr) awaited_ = request;
  return request;
}

void EnginePath::Gather(Request* request) {
  for (uint16_t i = 0; i < request->nb_recipients && request->failed > 0; i++) {
    if (request->errors[i] == 0) continue;
    failed_++;
    if (request->errors[i] == kNotStarted) {
      ToKernel(request->indices[i], Counter::kKernelStopped, false);
    } else {
      Fail(request->indices[i], request->errors[i]);
    }
  }
}

bool EnginePath::GatherDone() {
  for (; awaited_ != nullptr; awaited_ = awaited_->caller_next) {
    if (awaited_->done.load(std::memory_order_acquire) == 0) return false;
    Gather(awaited_);
    wait_since_ns_ = 0;
  }
  return true;
}

void EnginePath::GiveUp() {
  for (; awaited_ != nullptr; awaited_ = awaited_->caller_next) {
    awaited_->nobody_waits.store(true, std::memory_order_relaxed);
  }
}

bool EnginePath::Wait() {
  const int64_t now_ns = MonotonicNs();
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

bool EnginePath::AwaitEarlier() {
  while (channel_.UnsentBytes(socket_.cookie, call_) != 0) {
    if (nonblocking_ || !Wait()) return false;
  }
  return true;
}

std::span<const uint32_t> EnginePath::by_kernel() {
  std::vector<uint32_t>& kernel = buffers_.kernel;
  if (!buffers_.switched.empty()) {
    if (AwaitEarlier()) {
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
