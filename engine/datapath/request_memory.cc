// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/request_memory.h"

#include <cstring>
#include <new>

#include "engine/datapath/packet_head.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {
namespace {

constexpr size_t kRequestLen = RTE_ALIGN_CEIL(sizeof(Request), size_t{64});

}  // namespace

size_t RequestLen(const RequestShape& shape) {
  const size_t own = shape.own_lines ? sizeof(HeaderLine) + sizeof(uint32_t) : 0;
  const size_t privates = shape.privates ? sizeof(uint16_t) + sizeof(PrivatePart) : 0;
  const size_t slack = shape.privates ? kPrivateSlack + alignof(PrivatePart) : 0;
  return kRequestLen + shape.nb_recipients * (own + privates + sizeof(uint8_t)) + slack;
}

Request* AllocateRequest(Arena* arena, const RequestShape& shape, bool caller_waits) {
  auto* at = static_cast<uint8_t*>(arena->Allocate(RequestLen(shape) + shape.private_len));
  if (at == nullptr) return nullptr;
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
    request->private_bytes = request->own_private_bytes = at;
    at = RTE_PTR_ALIGN_CEIL(at + shape.private_len + kPrivateSlack, alignof(PrivatePart));
    request->own_privates = reinterpret_cast<PrivatePart*>(at);
    at += n * sizeof(PrivatePart);
  }
  request->errors = at;
  std::memset(request->errors, 0, n);
  request->nobody_waits.store(false, std::memory_order_relaxed);
  request->socket_cookie = request->bytes = request->call = 0;
  const uint32_t caller = caller_waits ? RequestUses::kHold : 0;
  request->uses.store(caller + RequestUses::kLcore, std::memory_order_relaxed);
  return request;
}

}  // namespace groupcast
