// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/group_control.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>

#include "api/async_send.h"
#include "api/group_state.h"
#include "api/ingress_state.h"
#include "api/left_behind.h"
#include "api/payload_body.h"
#include "engine/control/clock.h"
#include "engine/control/threads.h"

namespace groupcast {
namespace {

constexpr int64_t kSignalNs = 1'000'000;  // while a signalled send is under way
constexpr int64_t kLookNs = 20'000'000;   // at routes, while there are groups
constexpr int64_t kFollowNs = 1'000'000;  // likewise, while an engine is to receive for an ingress
constexpr int64_t kReapNs = 1'000'000'000;
// Of this thread's time, at most a quarter goes into asking for routes.
constexpr int64_t kRestPerStep = 3;

template <typename T>
std::vector<std::shared_ptr<T>> Living(std::vector<std::weak_ptr<T>>* all) {
  std::vector<std::shared_ptr<T>> living;
  std::erase_if(*all, [&living](const std::weak_ptr<T>& weak) {
    auto strong = weak.lock();
    if (strong == nullptr) return true;
    living.push_back(std::move(strong));
    return false;
  });
  return living;
}

}  // namespace

GroupControl& GroupControl::Get() {
  // Never destroyed: its thread runs until the process ends.
  static auto* control = new GroupControl;
  return *control;
}

GroupControl::GroupControl() { pthread_atfork(nullptr, nullptr, RestartInChild); }

// The child has none of the parent's threads, nor the one that may have held the mutex. What the
// parent's groups and queues were in the middle of is left as it is.
void GroupControl::RestartInChild() {
  GroupControl& control = Get();
  new (&control.mutex_) std::mutex;
  new (&control.woken_) std::condition_variable;
  new (&control.groups_) std::vector<std::weak_ptr<Group::State>>;
  new (&control.queues_) std::vector<std::weak_ptr<CompletionQueue::State>>;
  new (&control.ingresses_) std::vector<std::weak_ptr<Ingress::State>>;
  control.started_ = false;
}

void GroupControl::Start() {
  if (started_) return;
  auto thread = StartThread("gc-groups", [this] { Run(); });
  if (!thread.ok()) return;  // the next one that needs it tries again
  thread->detach();
  started_ = true;
}

template <typename T>
void GroupControl::WatchIn(std::vector<std::weak_ptr<T>>* all, const std::shared_ptr<T>& one) {
  const std::lock_guard lock(mutex_);
  all->push_back(one);
  Start();
  wake_ = true;
  woken_.notify_one();
}

void GroupControl::Watch(const std::shared_ptr<Group::State>& group) { WatchIn(&groups_, group); }
void GroupControl::Watch(const std::shared_ptr<CompletionQueue::State>& queue) {
  WatchIn(&queues_, queue);
}
void GroupControl::Watch(const std::shared_ptr<Ingress::State>& ingress) {
  look_now_ = true;
  WatchIn(&ingresses_, ingress);
}

void GroupControl::Wake() {
  const std::lock_guard lock(mutex_);
  wake_ = true;
  woken_.notify_one();
}

// Nobody's group or queue is held meanwhile.
void GroupControl::Wait(int64_t look_ns, bool soon, bool left) {
  std::unique_lock lock(mutex_);
  const bool groups = !Living(&groups_).empty() || !Living(&ingresses_).empty();
  bool signals = soon;
  for (const auto& queue : Living(&queues_)) signals |= queue->sends().outstanding() > 0;
  if (!wake_ && !groups && !left && !signals) {
    woken_.wait(lock, [this] { return wake_; });
  } else if (!wake_) {
    const int64_t now_ns = MonotonicNs();
    const int64_t due_ns = signals ? std::min(look_ns, now_ns + kSignalNs) : look_ns;
    woken_.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(due_ns - now_ns, 0)));
  }
  wake_ = false;
}

void GroupControl::Run() {
  int64_t look_ns = 0, reap_ns = 0;
  bool left = false, soon = false;
  for (;;) {
    Wait(look_ns, soon, left);
    std::vector<std::shared_ptr<Group::State>> groups;
    std::vector<std::shared_ptr<CompletionQueue::State>> queues;
    std::vector<std::shared_ptr<Ingress::State>> ingresses;
    {
      const std::lock_guard lock(mutex_);
      groups = Living(&groups_);
      queues = Living(&queues_);
      ingresses = Living(&ingresses_);
    }
    for (const auto& queue : queues) queue->Signal();
    const int64_t now_ns = MonotonicNs();
    soon = false;
    for (const auto& ingress : ingresses) soon |= ingress->Signal(now_ns);
    if (now_ns < look_ns && !look_now_.exchange(false)) continue;
    bool more = false, follow = false;
    for (auto& ingress : ingresses) {
      follow |= !ingress->Attend();
      ingress.reset();
    }
    for (auto& group : groups) {
      more |= group->Attend(now_ns);
      group.reset();
    }
    const int64_t after_ns = MonotonicNs();
    look_ns = after_ns + (more ? kRestPerStep * (after_ns - now_ns) : follow ? kFollowNs : kLookNs);
    if (now_ns < reap_ns) continue;
    reap_ns = now_ns + kReapNs;
    left = LeftBehind<Payload::Body>::Reap();
    left = LeftBehind<AsyncSends>::Reap() || left;
    left = LeftBehind<Group::State>::Reap() || left;
  }
}

}  // namespace groupcast
