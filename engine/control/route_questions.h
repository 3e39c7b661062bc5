// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/control/netlink.h"
#include "engine/control/route_messages.h"

namespace groupcast {

// Asks the kernel for routes, many with two system calls. One thread at a time; belongs to the
// network namespace it was opened in.
class RouteQuestions {
 public:
  static constexpr size_t kBatch = 64;

  struct Question {
    RouteProfile profile;
    Destination destination;
  };

  static absl::StatusOr<RouteQuestions> Open();

  // answers[i] = what the kernel says to questions[i], at most kBatch of them. `answered` stays
  // false only where the kernel could not deliver (out of memory). Blocks for the kernel.
  void Ask(std::span<const Question> questions, RouteAnswer* answers);

  // Returns when the kernel has finished the change of interfaces, addresses or routes that it is
  // in: it announces some (a link that goes down, a deleted route) before it has made them.
  void AwaitChangeInProgress();

 private:
  explicit RouteQuestions(NetlinkSocket socket);
  void Send(std::span<const Question> questions, const RouteAnswer* answers, uint32_t first);
  bool Receive(size_t count, uint32_t first, RouteAnswer* answers);  // false: some are missing

  NetlinkSocket socket_;
  uint32_t sequence_ = 0;
  std::vector<char> requests_;
  std::vector<char> answers_;
};

}  // namespace groupcast
