// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/async_send.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "api/line_member.h"
#include "api/seat.h"

namespace groupcast {
namespace {

constexpr size_t kMostSpare = 1024;
constexpr size_t kPostedKept = 4;  // with their memory

void DeleteAll(AsyncSend* list) {
  while (list != nullptr) delete std::exchange(list, list->next);
}

}  // namespace

uint8_t* AsyncSend::AddPosted(const LineChunk* chunk, uint16_t first, uint16_t recipients) {
  if (nb_posted == posted.size()) posted.emplace_back();
  Posted& one = posted[nb_posted];
  one.chunk = chunk;
  one.first = first;
  one.errors.assign(recipients, 0);
  nb_posted++;
  return one.errors.data();
}

CompletedSend AsyncSend::Collect() {
  const uint64_t failures = failed.load(std::memory_order_relaxed);
  if (failures > 0) {
    // While memory may run out.
    if (wants_errors) result.errors.reserve(result.errors.size() + failures);
    result.sent -= failures;
    CountHere(Counter::kRecipientErrors, failures);
    for (size_t i = 0; i < nb_posted; i++) {
      const Posted& one = posted[i];
      for (size_t place = 0; place < one.errors.size(); place++) {
        if (one.errors[place] == 0) continue;
        const int error = one.errors[place] == kNotStarted ? ECANCELED : one.errors[place];
        result.errors.push_back(
            {RecipientOf(*one.chunk, static_cast<uint16_t>(one.first + place)), error});
      }
    }
  }
  LeaveSnapshot();
  nb_posted = 0;
  if (posted.size() > kPostedKept) posted.resize(kPostedKept);
  return std::exchange(result, {});
}

void AsyncSend::LeaveSnapshot() {
  if (snapshot != nullptr) GroupMembers::Release(std::exchange(snapshot, nullptr));
}

AsyncSends::~AsyncSends() {
  TakeCompleted();
  DeleteAll(first_);
  DeleteAll(spare_);
}

AsyncSend* AsyncSends::Begin(bool* wake) {
  const BiasedMutex::Guard lock(&mutex_);
  const size_t outstanding = outstanding_.load(std::memory_order_relaxed);
  if (outstanding >= capacity_) return nullptr;
  AsyncSend* send = spare_;
  if (send != nullptr) {
    spare_ = send->next;
    nb_spare_--;
  } else {
    send = new (std::nothrow) AsyncSend;
    if (send == nullptr) return nullptr;
    send->completed = &completed_;
  }
  outstanding_.store(outstanding + 1, std::memory_order_relaxed);
  *wake = signals_ && outstanding == 0;
  send->number = begun_++;
  send->failed.store(0, std::memory_order_relaxed);
  send->left.store(AsyncSend::kPosting, std::memory_order_relaxed);
  return send;
}

void AsyncSends::TakeCompleted() {
  while (SendProgress* progress = completed_.Take()) {
    auto* send = static_cast<AsyncSend*>(progress);
    any_new_ = true;
    if (last_ == nullptr || last_->number < send->number) {
      send->next = nullptr;
      send->before = last_;
      (last_ == nullptr ? first_ : last_->next) = send;
      last_ = send;
      continue;
    }
    AsyncSend* later = last_;
    while (later->before != nullptr && later->before->number > send->number) later = later->before;
    send->next = later;
    send->before = std::exchange(later->before, send);
    (send->before == nullptr ? first_ : send->before->next) = send;
  }
}

void AsyncSends::Keep(AsyncSend* send) {
  if (nb_spare_ == kMostSpare) {
    delete send;
    return;
  }
  send->next = std::exchange(spare_, send);
  nb_spare_++;
}

size_t AsyncSends::Poll(size_t most, std::vector<CompletedSend>* completed) {
  size_t n = 0;
  const BiasedMutex::Guard lock(&mutex_);
  TakeCompleted();
  while (first_ != nullptr && n < most) {
    AsyncSend* send = first_;
    // While memory may run out.
    completed->emplace_back();
    try {
      completed->back() = send->Collect();
    } catch (const std::bad_alloc&) {
      completed->pop_back();
      throw;
    }
    first_ = send->next;
    (first_ == nullptr ? last_ : first_->before) = nullptr;
    Keep(send);
    n++;
    outstanding_.store(outstanding_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  return n;
}

bool AsyncSends::AnyNew() {
  const BiasedMutex::Guard lock(&mutex_);
  TakeCompleted();
  return std::exchange(any_new_, false) && first_ != nullptr;
}

bool AsyncSends::in_use() {
  const BiasedMutex::Guard lock(&mutex_);
  TakeCompleted();
  size_t complete = 0;
  for (const AsyncSend* send = first_; send != nullptr; send = send->next) complete++;
  return complete < outstanding_.load(std::memory_order_relaxed);
}

bool AsyncSends::SetSignals() {
  const BiasedMutex::Guard lock(&mutex_);
  return std::exchange(signals_, true);
}

}  // namespace groupcast
