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
      for (; first < staged->n; first++) {
        if (use_.engine()->stopping()) {
          ToKernel(staged->indices[first], Counter::kKernelStopped, true);
        } else {
          Fail(staged->indices[first], EAGAIN);
        }
      }
      break;
    }
    engine_recipients_ += n;
    first += n;
  }
  staged->n = 0;
}

// Waits for room as the socket allows; null when there is none.
Request* EnginePath::Build(uint16_t port, size_t lcore, const Staged& staged, size_t first,
                           size_t n, size_t private_len) {
  const iovec& shared = buf_.shared();
  const auto payload_len = static_cast<uint32_t>(shared.iov_len);
  const PayloadSegment payload = {static_cast<const uint8_t*>(shared.iov_base), 0, payload_len};
  const auto gather = [this](Request* done) { Gather(*done); };
  const CallRequests::Room room = requests_.Allocate(port, lcore, ShapeOf(n, private_len),
                                                     {&payload, 1}, payload_len > 0, gather);
  Request* request = room.request;
  if (request == nullptr) return nullptr;
  if (room.copy != nullptr) requests_.UseCopy(port, room);
  std::copy_n(&staged.lines[first], n, request->own_lines);
  std::copy_n(&staged.indices[first], n, request->indices);
  request->hop_limit = buf_.hop_limit();
  request->bytes = uint64_t{payload_len} * n + private_len;
  for (size_t i = 0; i < n; i++) request->bytes += IpUdpLen(staged.lines[first + i]);
  if (private_len > 0) PutPrivateParts(request, payload_len);
  if (gerrno_ != nullptr) {
    for (size_t i = 0; i < n; i++) gerrno_[request->indices[i]] = 0;
  }
  return requests_.Post(lcore, request, gather) ? request : nullptr;
}

void EnginePath::PutPrivateParts(Request* request, uint32_t payload_len) {
  uint32_t offset = 0;
  bool uniform = true;
  for (size_t i = 0; i < request->nb_recipients; i++) {
    const uint32_t index = request->indices[i];
    PrivatePart& part = request->own_privates[i];
    part = PutPrivate(buf_.Prepend(index), buf_.Append(index), payload_len,
                      request->own_private_bytes, offset);
    offset += uint32_t{part.prepend_len} + part.append_len;
    uniform &= AreAlike(part, request->own_privates[0]);
  }
  if (uniform) NoteUniform(request->own_privates[0], request);
}

void EnginePath::Gather(const Request& request) {
  for (uint16_t i = 0; i < request.nb_recipients && request.failed > 0; i++) {
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
