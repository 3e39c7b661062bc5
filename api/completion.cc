// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/completion.h"

#include <absl/strings/str_cat.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "api/async_send.h"
#include "api/group_control.h"
#include "api/left_behind.h"
#include "api/line_member.h"
#include "api/seat.h"

namespace groupcast {
namespace {

constexpr size_t kMostSends = 1 << 20;

}  // namespace

AsyncSend::~AsyncSend() {
  if (snapshot != nullptr) GroupMembers::Release(snapshot);
}

bool AsyncSend::complete() const {
  // Acquire: errors and counts of its requests were written before.
  return progress.requests_left.load(std::memory_order_acquire) == 0 &&
         (stage == Stage::kAccepted ||
          progress.requests_reading.load(std::memory_order_acquire) == 0);
}

bool AsyncSend::in_use() const { return !complete(); }

CompletedSend AsyncSend::Result() {
  const uint64_t failed = progress.failed.load(std::memory_order_relaxed);
  completed.sent -= failed;
  CountHere(Counter::kRecipientErrors, failed);
  for (const Posted& p : posted) {
    for (size_t i = 0; i < p.errors.size(); i++) {
      if (p.errors[i] == 0) continue;
      const int error = p.errors[i] == kNotStarted ? ECANCELED : p.errors[i];
      completed.errors.push_back(
          {RecipientOf(*p.chunk, static_cast<uint16_t>(p.first + i)), error});
    }
  }
  return std::move(completed);
}

CompletionQueue::State::~State() {
  for (auto& send : sends_) LeftBehind<AsyncSend>::Leave(std::move(send));
  close(event_fd_);
}

AsyncSend* CompletionQueue::State::Begin(bool* wake) try {
  auto made = std::make_unique<AsyncSend>();
  made->progress.requests_left.store(1, std::memory_order_relaxed);
  made->progress.requests_reading.store(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (sends_.size() >= capacity_) return nullptr;
  *wake = signals_ && sends_.empty();
  return sends_.emplace_back(std::move(made)).get();
} catch (const std::bad_alloc&) {
  return nullptr;
}

size_t CompletionQueue::State::Poll(size_t most, std::vector<CompletedSend>* completed) {
  size_t n = 0;
  const std::lock_guard lock(mutex_);
  for (auto send = sends_.begin(); send != sends_.end() && n < most;) {
    if (!(*send)->complete()) {
      ++send;
      continue;
    }
    completed->push_back((*send)->Result());
    send = sends_.erase(send);
    n++;
  }
  return n;
}

void CompletionQueue::State::Signal() {
  bool any = false;
  const std::lock_guard lock(mutex_);
  for (const auto& send : sends_) {
    if (send->signalled || !send->complete()) continue;
    send->signalled = any = true;
  }
  const uint64_t one = 1;
  if (any) [[maybe_unused]]
    const ssize_t n = write(event_fd_, &one, sizeof(one));
}

size_t CompletionQueue::State::outstanding() const {
  const std::lock_guard lock(mutex_);
  return sends_.size();
}

bool CompletionQueue::State::SetSignals() {
  const std::lock_guard lock(mutex_);
  return std::exchange(signals_, true);
}

absl::StatusOr<CompletionQueue> CompletionQueue::Create(size_t capacity) {
  if (capacity == 0 || capacity > kMostSends) {
    return absl::InvalidArgumentError(absl::StrCat("CompletionQueue: a capacity of ", capacity,
                                                   " is not from 1 to ", kMostSends));
  }
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    return absl::ResourceExhaustedError(
        "CompletionQueue: no eventfd can be opened; raise the limit of open files");
  }
  return CompletionQueue(std::make_shared<State>(capacity, fd));
}

size_t CompletionQueue::Poll(size_t most, std::vector<CompletedSend>* completed) {
  LeftBehind<AsyncSend>::Reap();
  return state_->Poll(most, completed);
}

int CompletionQueue::event_fd() {
  if (!state_->SetSignals()) GroupControl::Get().Watch(state_);
  return state_->event_fd();
}

size_t CompletionQueue::outstanding() const { return state_->outstanding(); }

CompletionQueue::CompletionQueue(std::shared_ptr<State> state) : state_(std::move(state)) {}
CompletionQueue::CompletionQueue(CompletionQueue&&) noexcept = default;
CompletionQueue& CompletionQueue::operator=(CompletionQueue&&) noexcept = default;
CompletionQueue::~CompletionQueue() = default;

}  // namespace groupcast
