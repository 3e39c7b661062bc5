// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// How asynchronous sends are learnt to have completed: polled, or signalled by an eventfd.
#ifndef GROUPCAST_COMPLETION_H_
#define GROUPCAST_COMPLETION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "groupcast/export.h"
#include "groupcast/recipient.h"

namespace groupcast {

// How far a send has to be to count as complete.
enum class Stage : uint8_t {
  kAccepted,  // every packet was taken by its port (or the kernel), or has failed
  kDone,      // and nothing of this send reads the payload any more. Where a driver does not tell
              // when it has read it, the payload is copied for such a send
};

struct CompletedSend {
  uint64_t user_data = 0;
  uint64_t revision = 0;  // of the membership that was sent to
  size_t members = 0;
  size_t sent = 0;
  // With SendOptions::errors set (its value is not used otherwise) the members that failed.
  // ECANCELED: the engine was closed before it started this one; it may be sent again.
  std::vector<MemberError> errors;
};

// Collects what SendAsync() began. Movable. Threads: any number at once.
class GROUPCAST_API CompletionQueue {
 public:
  // At most `capacity` sends are under way or uncollected at a time (SendAsync() fails above that).
  // Takes 32 bytes for each. kInvalidArgument: capacity is 0 or above 1,048,576.
  // kResourceExhausted: no descriptor is free, or no memory.
  [[nodiscard]] static absl::StatusOr<CompletionQueue> Create(size_t capacity = 1024);

  // Appends up to `most` completed sends to `completed` and returns how many, older sends first as
  // far as they have completed. Never blocks. Sends under way are not looked at: those that are
  // complete come to the queue.
  size_t Poll(size_t most, std::vector<CompletedSend>* completed);

  // An eventfd that becomes readable within about 1 ms after a send has completed, for poll(),
  // epoll and their like; owned by the queue, non-blocking, close-on-exec. Read it (8 bytes), then
  // Poll() until it returns 0. From the first call of this on sends are signalled, those that wait
  // to be collected included, and a thread looks every 1 ms while some are under way; polling alone
  // costs nothing of that kind. Cannot fail.
  int event_fd();

  // Sends under way or not collected.
  size_t outstanding() const;

  CompletionQueue(CompletionQueue&&) noexcept;
  CompletionQueue& operator=(CompletionQueue&&) noexcept;
  // Sends under way go on; nobody learns how they ended.
  ~CompletionQueue();

  class State;

 private:
  friend class Group;
  explicit CompletionQueue(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace groupcast

#endif  // GROUPCAST_COMPLETION_H_
