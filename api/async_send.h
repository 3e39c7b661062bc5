// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "api/biased_mutex.h"
#include "api/group_members.h"
#include "api/groupcast/completion.h"
#include "engine/datapath/send_progress.h"

namespace groupcast {

// One asynchronous send from its beginning until it is collected; then its memory is another's.
struct AsyncSend : SendProgress {
  // Of `left`, its sender's own share until all is posted.
  static constexpr uint32_t kPosting = 1U << 31;

  struct Posted {
    const LineChunk* chunk;
    uint16_t first;               // place in the chunk of the request's first recipient
    std::vector<uint8_t> errors;  // of its recipients; an lcore: w until it is done
  };

  AsyncSend() = default;
  ~AsyncSend() { LeaveSnapshot(); }
  AsyncSend(const AsyncSend&) = delete;
  AsyncSend& operator=(const AsyncSend&) = delete;

  // Places for the errors of so many recipients of a request, to be written until it is done.
  uint8_t* AddPosted(const LineChunk* chunk, uint16_t first, uint16_t recipients);
  // Puts together how it ended, and forgets it.
  CompletedSend Collect();

  // On another line than what lcores count.
  alignas(64) AsyncSend* next = nullptr;  // of those that are complete, or spare
  AsyncSend* before = nullptr;            // of those that are complete
  Stage stage = Stage::kAccepted;
  bool wants_errors = false;
  CompletedSend result;                    // `sent`: less those that failed at once
  const LineSnapshot* snapshot = nullptr;  // held where errors are wanted
  std::vector<Posted> posted;              // the first `nb_posted`, where errors are wanted
  size_t nb_posted = 0;

 private:
  void LeaveSnapshot();
};

// The sends of one queue. Outlives it while some are under way. Any thread.
class AsyncSends {
 public:
  explicit AsyncSends(size_t capacity) : capacity_(capacity), completed_(capacity) {}
  ~AsyncSends();  // when it is not in use
  AsyncSends(const AsyncSends&) = delete;
  AsyncSends& operator=(const AsyncSends&) = delete;

  // One more, with its sender's share; null: there is no room. `*wake`: sends are signalled, and
  // nobody looks yet whether this one completes.
  AsyncSend* Begin(bool* wake);
  size_t Poll(size_t most, std::vector<CompletedSend>* completed);
  // Whether some have completed, and were not collected, since the last call.
  bool AnyNew();
  size_t outstanding() const { return outstanding_.load(std::memory_order_relaxed); }
  // Whether lcores or drivers may still write to one.
  bool in_use();
  // From now on sends are signalled; whether they were before.
  bool SetSignals();

 private:
  void TakeCompleted();
  void Keep(AsyncSend* send);

  const size_t capacity_;
  CompletedSends completed_;

  alignas(64) BiasedMutex mutex_;  // of all below
  std::atomic<size_t> outstanding_{0};
  uint64_t begun_ = 0;
  // Complete, by their numbers.
  AsyncSend* first_ = nullptr;
  AsyncSend* last_ = nullptr;
  bool any_new_ = false;
  bool signals_ = false;
  // Nobody's.
  AsyncSend* spare_ = nullptr;
  size_t nb_spare_ = 0;
};

class CompletionQueue::State {
 public:
  State(size_t capacity, int event_fd);
  ~State();

  AsyncSends& sends() { return *sends_; }
  // Writes to the eventfd if some send has completed since the last call.
  void Signal();

  int event_fd() const { return event_fd_; }

 private:
  const int event_fd_;
  std::unique_ptr<AsyncSends> sends_;
};

}  // namespace groupcast
