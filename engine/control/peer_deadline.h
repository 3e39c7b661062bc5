// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace groupcast {

// Bounds how long a device waits for its first peer: net_virtio_user with server=1 accepts a
// connection before its probe returns (virtio_user/vhost_user.c, v22.11.11, 761), for ever if none
// comes. When time is up this connects to the socket itself and says nothing, so that the probe
// fails.
class PeerDeadline {
 public:
  PeerDeadline(std::string socket_path, std::chrono::milliseconds most);
  ~PeerDeadline();
  PeerDeadline(const PeerDeadline&) = delete;
  PeerDeadline& operator=(const PeerDeadline&) = delete;

  // The probe has returned. Whether it was this that ended it.
  bool Stop();

 private:
  void Watch(std::chrono::milliseconds most);

  std::string socket_path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  bool expired_ = false;
  std::thread thread_;
};

}  // namespace groupcast
