// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/channel.h"

#include "engine/datapath/request_uses.h"

namespace groupcast {

size_t Channel::MostPrivate(uint16_t port, size_t lcore, const Shape& shape) const {
  return ports_[port].requests[lcore].LargestBlock() - RequestLen(shape);
}

void Channel::Prepare() {
  Reap(nullptr);
  Arena& requests = ports_.front().requests.front();
  requests.Used();  // reclaims
  PrefetchNextRequest(requests);
  lanes_.front().ring.PrefetchToPut();
}

Request* Channel::Allocate(uint16_t port, size_t lcore, const Shape& shape) {
  lanes_[lcore].ring.PrefetchToPut();
  return AllocateRequest(&ports_[port].requests[lcore], shape, /*caller_waits=*/true);
}

void Channel::Discard(Request* request) {
  EndUses(request, 2, 2, RequestUses::kDone);
  ReleaseRequest(request);
}

bool Channel::Post(size_t lcore, Request* request) {
  if (!lanes_[lcore].ring.Put(request)) return false;
  request->caller_next = nullptr;
  (newest_ != nullptr ? newest_->caller_next : oldest_) = request;
  newest_ = request;
  outstanding_bytes_ += request->bytes;
  nb_outstanding_++;
  lanes_[lcore].doorbell->Ring();
  return true;
}

uint64_t Channel::UnsentBytes(uint64_t socket_cookie, uint64_t call) const {
  uint64_t bytes = 0;
  for (const Request* r = oldest_; r != nullptr; r = r->caller_next) {
    if (r->call >= call) break;  // they are in the order of the calls
    if (r->socket_cookie == socket_cookie && !IsDone(*r)) bytes += r->bytes;
  }
  return bytes;
}

void Channel::Reap(const Request* keep) {
  Request* before = nullptr;
  for (Request* request = oldest_; request != nullptr && request != keep;) {
    Request* next = request->caller_next;
    if (!IsDone(*request)) {
      before = request;
    } else {
      (before != nullptr ? before->caller_next : oldest_) = next;
      if (next == nullptr) newest_ = before;
      outstanding_bytes_ -= request->bytes;
      nb_outstanding_--;
      ReleaseRequest(request);
    }
    request = next;
  }
}

bool Channel::LeavesOldestAlone() const {
  return nb_outstanding_ <= kLeftAlone ||
         (nb_outstanding_ <= kSmallLeftAlone && oldest_->nb_recipients <= kSmall &&
          outstanding_bytes_ <= kBytesLeftAlone);
}

void Channel::ReapOldest() {
  while (!LeavesOldestAlone() && IsDone(*oldest_)) {
    Request* request = oldest_;
    oldest_ = request->caller_next;
    outstanding_bytes_ -= request->bytes;
    nb_outstanding_--;
    ReleaseRequest(request);
    rte_prefetch0(&oldest_->uses);
  }
  if (unlikely(nb_outstanding_ > kMany)) Reap(nullptr);
}

bool Channel::AllBack() {
  Reap(nullptr);
  bool back = true;
  for (PortArenas& port : ports_) {
    back = port.payloads.Used() == 0 && back;
    for (Arena& requests : port.requests) back = requests.Used() == 0 && back;
  }
  return back;
}

}  // namespace groupcast
