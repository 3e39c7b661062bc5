// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/kernel/differential_case.h"
#include "tests/kernel/differential_frames.h"

namespace groupcast {

enum class Way { kSendmsg, kSendgroup };

// What a way said of a round: errno by call and recipient.
struct Results {
  // Of sendgroup(), where it failed as a whole; else 0.
  int call_errno = 0;
  std::vector<std::vector<int>> errnos;
  std::string wrong;  // what contradicts the header, whatever the kernel says
};

// Sends the round's groupcast as often as it says. Recipients without room (EAGAIN) are sent to
// again, as an application would.
Results Send(Way way, int sd, const Round& round, uint64_t* sent_again);

// The differences that sendgroup.h documents: the only ones that are allowed.
struct DocumentedDifference {
  const char* name;
  bool (*allows)(const Epoch& epoch, const Round& round, size_t recipient, int kernel, int ours);
  uint64_t met = 0;
};
std::vector<DocumentedDifference>& DocumentedDifferences();
bool IsDocumented(const Epoch& epoch, const Round& round, size_t recipient, int kernel, int ours);
// Whether the whole call has to fail, and with which errno; else 0.
int ExpectedCallErrno(const Round& round);

// Shows that everything that was sent before has arrived: what comes last on every way. For one
// thread.
class Markers {
 public:
  // The calling thread's namespace is the sender's.
  Markers();
  // Sends and waits for them; what came before them is in `packets` then.
  void Pass(FrameCapture* capture, Packets* packets);

 private:
  Socket by_kernel_, by_engine_;
  uint32_t sequence_ = 0;
};

}  // namespace groupcast
