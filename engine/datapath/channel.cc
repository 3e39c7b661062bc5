// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/channel.h"

#include <cstring>
#include <new>

namespace groupcast {
namespace {

constexpr size_t kRequestLen = RTE_ALIGN_CEIL(sizeof(Request), size_t{64});

constexpr size_t FixedLen(size_t nb_recipients) {
  return kRequestLen + nb_recipients * (sizeof(HeaderLine) + sizeof(uint32_t) + sizeof(uint8_t));
}

}  // namespace

size_t Channel::MostPrivate(size_t lcore, uint16_t nb_recipients) const {
  return lanes_[lcore].requests.LargestBlock() - FixedLen(nb_recipients);
}

Request* Channel::Allocate(size_t lcore, uint16_t nb_recipients, size_t private_len) {
  Arena& arena = lanes_[lcore].requests;
  auto* at = static_cast<uint8_t*>(arena.Allocate(FixedLen(nb_recipients) + private_len));
  if (at == nullptr) return nullptr;
  auto* request = new (at) Request{};
  request->nb_recipients = nb_recipients;
  request->lines = reinterpret_cast<HeaderLine*>(at + kRequestLen);
  request->indices = reinterpret_cast<uint32_t*>(request->lines + nb_recipients);
  request->errors = reinterpret_cast<uint8_t*>(request->indices + nb_recipients);
  request->private_bytes = request->errors + nb_recipients;
  std::memset(request->errors, 0, nb_recipients);
  request->holds.store(2, std::memory_order_relaxed);
  return request;
}

void Channel::Discard(Request* request) {
  ReleaseRequest(request);
  ReleaseRequest(request);
}

bool Channel::Post(size_t lcore, Request* request) {
  if (rte_ring_sp_enqueue(lanes_[lcore].ring, request) != 0) return false;
  request->caller_next = nullptr;
  (newest_ != nullptr ? newest_->caller_next : oldest_) = request;
  newest_ = request;
  lanes_[lcore].doorbell->Ring();
  return true;
}

Request* Channel::PopOldest() {
  Request* request = oldest_;
  oldest_ = request->caller_next;
  if (oldest_ == nullptr) newest_ = nullptr;
  return request;
}

uint64_t Channel::UnsentBytes(uint64_t socket_cookie, uint64_t call) const {
  uint64_t bytes = 0;
  for (const Request* r = oldest_; r != nullptr; r = r->caller_next) {
    if (r->call >= call) break;  // they are in the order of the calls
    if (r->socket_cookie == socket_cookie && r->done.load(std::memory_order_acquire) == 0) {
      bytes += r->bytes;
    }
  }
  return bytes;
}

void Channel::Reap() {
  while (oldest_ != nullptr && oldest_->done.load(std::memory_order_acquire) != 0) {
    ReleaseRequest(PopOldest());
  }
}

bool Channel::AllBack() {
  Reap();
  bool back = payloads_.Used() == 0;
  for (Lane& lane : lanes_) back = lane.requests.Used() == 0 && back;
  return back;
}

}  // namespace groupcast
