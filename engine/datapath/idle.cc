// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/idle.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

#include "engine/datapath/cancellation.h"

namespace groupcast {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// Where a socket tells of an error, which it does without end.
constexpr int64_t kAfterErrorNs = 100'000;

}  // namespace

Doorbell::Doorbell() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sem_init(&semaphore_, 0, 0);
}

Doorbell::~Doorbell() {
  sem_destroy(&semaphore_);
  if (event_ >= 0) close(event_);
}

void Doorbell::Wake(Sleeps how) {
  if (how == Sleeps::kForPosts) sem_post(&semaphore_);
  if (how != Sleeps::kForFrames) return;
  const CancellationOff cancellation_off;
  eventfd_write(event_, 1);
}

void Doorbell::Sleep(int64_t most_ns) {
  timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  const int64_t ns = until.tv_nsec + most_ns;
  until.tv_sec += ns / kSecond;
  until.tv_nsec = ns % kSecond;
  sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &until);
  CancelSleep();
}

void Doorbell::SleepForFrames(const Sockets& sockets, int64_t most_ns) {
  std::array<pollfd, Sockets::kMost + 1> wanted;
  wanted[0] = {event_, POLLIN, 0};
  for (size_t i = 0; i < sockets.count; i++) wanted[i + 1] = {sockets.descriptors[i], POLLIN, 0};
  const timespec most = {most_ns / kSecond, most_ns % kSecond};
  const int ready = ppoll(wanted.data(), sockets.count + 1, &most, nullptr);
  CancelSleep();
  if (ready <= 0) return;
  if (wanted[0].revents != 0) {
    eventfd_t rings;
    eventfd_read(event_, &rings);
  }
  for (size_t i = 1; i <= sockets.count; i++) {
    if ((wanted[i].revents & ~POLLIN) == 0) continue;
    int error;
    socklen_t len = sizeof(error);
    getsockopt(wanted[i].fd, SOL_SOCKET, SO_ERROR, &error, &len);
    const timespec pause = {0, kAfterErrorNs};
    nanosleep(&pause, nullptr);
    return;
  }
}

}  // namespace groupcast
