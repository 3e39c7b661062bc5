// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// EnginePath's requests: built, posted to their lcores, gathered. Which recipients get there is
// engine_path.cc's.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "api/engine_path.h"
#include "api/private_part.h"
#include "api/recipient_line.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {
namespace {

Channel::Shape ShapeOf(size_t nb_recipients, size_t private_len) {
  return {static_cast<uint16_t>(nb_recipients), true, private_len > 0, private_len};
}

}  // namespace

void EnginePath::Stage(const Recipient& recipient, const Route& route) {
  const RunningEngine& engine = *use_.engine();
  const Destination& to = recipient.to;
  const size_t lcore = engine.LcoreOf(route.port, to.address, to.udp_port);
  Staged& staged = buffers_.staged[route.port * engine.lcores() + lcore];
  WriteLine(socket_, to, route, &staged.lines[staged.n]);
  staged.indices[staged.n++] = recipient.index;
  staged_so_far_++;
  if (staged.n == kMaxRecipients) Post(route.port, lcore, &staged);
}

void EnginePath::Flush() {
  const size_t lcores = use_.engine()->lcores();
  for (size_t i = 0; i < buffers_.staged.size(); i++) {
    if (buffers_.staged[i].n == 0) continue;
    Post(static_cast<uint16_t>(i / lcores), i % lcores, &buffers_.staged[i]);
  }
}

void EnginePath::Post(uint16_t port, size_t lcore, Staged* staged) {
  for (size_t first = 0; first < staged->n;) {
    // As many as have room for their private bytes in one request.
    const size_t left = staged->n - first;
    const size_t most_private =
        use_.channel()->MostPrivate(port, lcore, ShapeOf(left, SIZE_MAX)) / 2;
    size_t n = 0, private_len = 0;
    for (; n < left; n++) {
      const size_t len = DatagramLen(staged->indices[first + n]) - buf_.shared().iov_len;
      if (n > 0 && private_len + len > most_private) break;
      private_len += len;
    }
    if (Build(port, lcore, *staged, first, n, private_len) == nullptr) {
      NoRoomFor({&staged->indices[first], staged->n - first});
      break;
    }
    engine_recipients_ += n;
    first += n;
  }
  staged->n = 0;
}

// Waits for room as the socket allows; null when there is none.
Request* EnginePath::BuildFor(uint16_t port, size_t lcore, const Channel::Shape& shape) {
  const iovec& shared = buf_.shared();
  const auto payload_len = static_cast<uint32_t>(shared.iov_len);
  const PayloadSegment payload = {static_cast<const uint8_t*>(shared.iov_base), 0, payload_len};
  const CallRequests::Room room = requests_.Allocate(
      port, lcore, shape, {&payload, 1}, payload_len > 0, [this](Request* done) { Gather(*done); });
  if (room.request != nullptr && room.copy != nullptr) requests_.UseCopy(port, room);
  return room.request;
}

// False: no room.
bool EnginePath::Finish(Request* request, size_t lcore, size_t private_len) {
  const size_t n = request->nb_recipients;
  request->hop_limit = buf_.hop_limit();
  request->bytes = uint64_t{request->payload_len} * n + private_len;
  for (size_t i = 0; i < n; i++) request->bytes += IpUdpLen(request->lines[i]);
  if (private_len > 0) PutPrivateParts(request, request->payload_len);
  if (gerrno_ != nullptr) {
    for (size_t i = 0; i < n; i++) gerrno_[request->indices[i]] = 0;
  }
  return requests_.Post(lcore, request, [this](Request* done) { Gather(*done); });
}

Request* EnginePath::Build(uint16_t port, size_t lcore, const Staged& staged, size_t first,
                           size_t n, size_t private_len) {
  Request* request = BuildFor(port, lcore, ShapeOf(n, private_len));
  if (request == nullptr) return nullptr;
  std::copy_n(&staged.lines[first], n, request->own_lines);
  std::copy_n(&staged.indices[first], n, request->indices);
  return Finish(request, lcore, private_len) ? request : nullptr;
}

// Recipients from `first` on by the lines they had before. False, with nothing done: something is
// in the way, which has to be looked at closely.
bool EnginePath::SendKnown(KnownChunk* chunk, uint32_t first) {
  constexpr uint16_t kPort = 0;
  constexpr size_t kLcore = 0;
  Resolver& resolver = use_.engine()->resolver();
  if (!use_.engine()->LinkUp(kPort)) return false;
  const uint64_t changes = resolver.UsableChanges();
  if (chunk->usable_at != changes) {
    for (const LineChunk::Hop& hop : chunk->hops) {
      if (!IsUsable(resolver.next_hops()[hop.index], hop.tag)) return false;
    }
    chunk->usable_at = changes;
  }
  const size_t n = chunk->n;
  const size_t shared_len = buf_.shared().iov_len;
  if (shared_len + kIpv4Headers > chunk->least_mtu) return false;
  const size_t most_private = chunk->least_mtu - kIpv4Headers - shared_len;
  size_t private_len = 0;
  for (size_t i = 0; i < n; i++) {
    const iovec& prepend = buf_.Prepend(first + i);
    const iovec& append = buf_.Append(first + i);
    if (!HasBase(prepend) || !HasBase(append) || prepend.iov_len > most_private ||
        append.iov_len > most_private - prepend.iov_len) {
      return false;
    }
    private_len += prepend.iov_len + append.iov_len;
  }
  Channel::Shape shape{static_cast<uint16_t>(n), false, private_len > 0, private_len};
  if (private_len > use_.channel()->MostPrivate(kPort, kLcore, shape) / 2) return false;
  Request* request = BuildFor(kPort, kLcore, shape);
  if (request != nullptr) {
    request->lines = chunk->lines.data();
    request->alike = chunk->alike;
    request->line_holds = request->lines_taken = &chunk->holds;
    if (!request->caller_keeps) chunk->holds.fetch_add(1, std::memory_order_relaxed);
    request->indices = chunk->indices.data();
    if (Finish(request, kLcore, private_len)) {
      engine_recipients_ += n;
      return true;
    }
  }
  NoRoomFor({chunk->indices.data(), n});
  return true;
}

void EnginePath::NoRoomFor(std::span<const uint32_t> indices) {
  for (const uint32_t index : indices) {
    if (use_.engine()->stopping()) {
      ToKernel(index, Counter::kKernelStopped, true);
    } else {
      Fail(index, EAGAIN);
    }
  }
}

void EnginePath::PutPrivateParts(Request* request, uint32_t payload_len) {
  PrivateParts parts(request, payload_len);
  for (size_t i = 0; i < request->nb_recipients; i++) {
    const uint32_t index = request->indices[i];
    parts.Put(buf_.Prepend(index), buf_.Append(index));
  }
  parts.Finish(request);
}

void EnginePath::Gather(const Request& request) {
  if (AllAccepted(request)) return;
  for (uint16_t i = 0; i < request.nb_recipients; i++) {
    if (request.errors[i] == 0) continue;
    failed_++;
    if (request.errors[i] == kNotStarted) {
      ToKernel(request.indices[i], Counter::kKernelStopped, false);
    } else {
      Fail(request.indices[i], request.errors[i]);
    }
  }
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
