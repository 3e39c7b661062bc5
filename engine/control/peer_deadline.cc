// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/peer_deadline.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <utility>

#include "engine/control/threads.h"

namespace groupcast {

PeerDeadline::PeerDeadline(std::string socket_path, std::chrono::milliseconds most)
    : socket_path_(std::move(socket_path)) {
  auto thread = StartThread("gc-peer", [this, most] { Watch(most); });
  if (thread.ok()) thread_ = *std::move(thread);
}

PeerDeadline::~PeerDeadline() { Stop(); }

bool PeerDeadline::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  return expired_;
}

void PeerDeadline::Watch(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, most, [this] { return stopped_; })) return;
  expired_ = true;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socket_path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  shutdown(descriptor, SHUT_WR);
  // Not closed before: what the driver writes meanwhile must not fail.
  changed_.wait(lock, [this] { return stopped_; });
  close(descriptor);
}

}  // namespace groupcast
