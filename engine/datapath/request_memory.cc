// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/request_memory.h"

#include <cstring>
#include <new>
#include <utility>

#include "engine/datapath/packet_head.h"
#include "engine/datapath/prefetch.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {
namespace {

constexpr size_t kRequestLen = RTE_ALIGN_CEIL(sizeof(Request), size_t{64});
constexpr size_t kAhead = 640;  // bytes: a request of some recipients
// The line that lcores only write.
constexpr size_t kOfLcore = Arena::kHeader + sizeof(PostedRequest);

// Without a loop.
template <size_t... kLines>
void PrefetchLines(const uint8_t* at, std::index_sequence<kLines...>) {
  ((kLines * 64 != kOfLcore ? PrefetchToWrite(at + kLines * 64) : void()), ...);
}

}  // namespace

void PrefetchNextRequest(const Arena& arena) {
  const uint8_t* next = arena.Next(kAhead);
  if (next != nullptr) PrefetchLines(next, std::make_index_sequence<kAhead / 64>());
}

size_t RequestLen(const RequestShape& shape) {
  const size_t own = shape.own_lines ? sizeof(HeaderLine) + sizeof(uint32_t) : 0;
  const size_t parts = shape.one_length ? 0 : sizeof(PrivatePart);
  const size_t privates = shape.privates ? sizeof(uint16_t) + parts : 0;
  const size_t slack = shape.privates ? kPrivateSlack + alignof(PrivatePart) : 0;
  return kRequestLen + shape.nb_recipients * (own + privates + sizeof(uint8_t)) + slack;
}

Request* AllocateRequest(Arena* arena, const RequestShape& shape, bool caller_waits) {
  auto* at = static_cast<uint8_t*>(arena->Allocate(RequestLen(shape) + shape.private_len));
  if (at == nullptr) return nullptr;
  PrefetchNextRequest(*arena);
  // What the lcore sets is left as it is.
  auto* request = new (at) Request;
  static_cast<PostedRequest&>(*request) = {};
  const size_t n = shape.nb_recipients;
  request->nb_recipients = shape.nb_recipients;
  at += kRequestLen;
  if (shape.own_lines) {
    request->lines = request->own_lines = reinterpret_cast<HeaderLine*>(at);
    at += n * sizeof(HeaderLine);
    request->indices = reinterpret_cast<uint32_t*>(at);
    at += n * sizeof(uint32_t);
  }
  if (shape.privates) {
    request->sums = request->own_sums = reinterpret_cast<uint16_t*>(at);
    at += n * sizeof(uint16_t);
  }
  request->errors = at;
  std::memset(request->errors, 0, n);
  at += n;
  if (shape.privates) {
    request->private_bytes = request->own_private_bytes = at;
    at = RTE_PTR_ALIGN_CEIL(at + shape.private_len + kPrivateSlack, alignof(PrivatePart));
    request->own_privates = reinterpret_cast<PrivatePart*>(at);
  }
  request->nobody_waits.store(false, std::memory_order_relaxed);
  request->socket_cookie = request->bytes = request->call = 0;
  const uint32_t caller = caller_waits ? RequestUses::kHold : 0;
  request->uses.store(caller + RequestUses::kLcore, std::memory_order_relaxed);
  return request;
}

}  // namespace groupcast
