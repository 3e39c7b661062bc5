// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/software_nic/frame_check.h"

namespace groupcast {

// A consumer (consumer.cc) that runs until it is killed, or this ends.
class ConsumerProcess {
 public:
  ConsumerProcess() = default;
  ~ConsumerProcess() { Kill(); }
  ConsumerProcess(const ConsumerProcess&) = delete;
  ConsumerProcess& operator=(const ConsumerProcess&) = delete;

  // `side`: vhost or virtio. Does not wait for it.
  void Start(const std::string& side, const std::string& socket_path, const std::string& arguments,
             unsigned queues);
  // Until its port has started, at most ten seconds.
  void WaitUntilReady();
  void Kill();
  bool running() const { return pid_ > 0; }

  // The lines of its answer.
  std::vector<std::string> Ask(const std::string& command);
  uint64_t Frames();
  // Until it has `count` frames, or none came for `patience_ms`; then what it has.
  Account WaitFor(uint64_t count, int patience_ms = 10000);

 private:
  // One line of its output; empty and a failure if none comes in time.
  std::string ReadLine();

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string read_;
};

}  // namespace groupcast
