// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/completion.h"

#include <absl/strings/str_cat.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <new>

#include "api/async_send.h"
#include "api/group_control.h"
#include "api/left_behind.h"

namespace groupcast {
namespace {

constexpr size_t kMostSends = 1 << 20;

}  // namespace

CompletionQueue::State::State(size_t capacity, int event_fd)
    : event_fd_(event_fd), sends_(std::make_unique<AsyncSends>(capacity)) {}

CompletionQueue::State::~State() {
  LeftBehind<AsyncSends>::Leave(std::move(sends_));
  close(event_fd_);
}

void CompletionQueue::State::Signal() {
  const uint64_t one = 1;
  if (sends_->AnyNew()) [[maybe_unused]]
    const ssize_t n = write(event_fd_, &one, sizeof(one));
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
  try {
    return CompletionQueue(std::make_shared<State>(capacity, fd));
  } catch (const std::bad_alloc&) {
    close(fd);
    return absl::ResourceExhaustedError(
        absl::StrCat("CompletionQueue: no memory for a capacity of ", capacity));
  }
}

size_t CompletionQueue::Poll(size_t most, std::vector<CompletedSend>* completed) {
  LeftBehind<AsyncSends>::Reap();
  return state_->sends().Poll(most, completed);
}

int CompletionQueue::event_fd() {
  if (!state_->sends().SetSignals()) GroupControl::Get().Watch(state_);
  return state_->event_fd();
}

size_t CompletionQueue::outstanding() const { return state_->sends().outstanding(); }

CompletionQueue::CompletionQueue(std::shared_ptr<State> state) : state_(std::move(state)) {}
CompletionQueue::CompletionQueue(CompletionQueue&&) noexcept = default;
CompletionQueue& CompletionQueue::operator=(CompletionQueue&&) noexcept = default;
CompletionQueue::~CompletionQueue() = default;

}  // namespace groupcast
