// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "api/group_members.h"
#include "api/groupcast/completion.h"

namespace groupcast {

// One asynchronous send from its beginning until it is collected.
struct AsyncSend {
  struct Posted {
    const LineChunk* chunk;
    uint16_t first;               // place in the chunk of the request's first recipient
    std::vector<uint8_t> errors;  // of its recipients; an lcore: w until it is done
  };

  AsyncSend() = default;
  ~AsyncSend();
  AsyncSend(const AsyncSend&) = delete;
  AsyncSend& operator=(const AsyncSend&) = delete;

  bool complete() const;
  // Whether lcores or drivers may still write to it.
  bool in_use() const;
  // Puts together how it ended.
  CompletedSend Result();

  Stage stage = Stage::kAccepted;
  bool wants_errors = false;
  bool signalled = false;
  // Both begin with one of the sender's own, given back when all is posted.
  SendProgress progress;
  CompletedSend completed;                 // `sent`: less those that failed at once
  std::deque<Posted> posted;               // where errors are wanted
  const LineSnapshot* snapshot = nullptr;  // held where errors are wanted
};

class CompletionQueue::State {
 public:
  explicit State(size_t capacity, int event_fd) : capacity_(capacity), event_fd_(event_fd) {}
  ~State();

  // A place for one more send; null: there is none. `*wake`: nobody looks yet whether it completes.
  AsyncSend* Begin(bool* wake);
  size_t Poll(size_t most, std::vector<CompletedSend>* completed);
  // Writes to the eventfd if some send has completed since the last call.
  void Signal();

  int event_fd() const { return event_fd_; }
  size_t outstanding() const;
  // Whether event_fd() was called (once: true from then on).
  bool SetSignals();

 private:
  const size_t capacity_;
  const int event_fd_;
  mutable std::mutex mutex_;
  bool signals_ = false;
  std::list<std::unique_ptr<AsyncSend>> sends_;  // oldest first
};

}  // namespace groupcast
