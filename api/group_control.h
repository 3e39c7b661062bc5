// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "api/groupcast/completion.h"
#include "api/groupcast/group.h"
#include "api/groupcast/ingress.h"

namespace groupcast {

// The process's thread that keeps groups' lines current and signals completions. It starts with the
// first of either and sleeps while there is none.
class GroupControl {
 public:
  static GroupControl& Get();

  void Watch(const std::shared_ptr<Group::State>& group);
  void Watch(const std::shared_ptr<CompletionQueue::State>& queue);
  void Watch(const std::shared_ptr<Ingress::State>& ingress);
  // Something is to be done before the next look.
  void Wake();

 private:
  GroupControl();
  static void RestartInChild();
  template <typename T>
  void WatchIn(std::vector<std::weak_ptr<T>>* all, const std::shared_ptr<T>& one);
  void Start();
  void Wait(int64_t look_ns, bool soon, bool left);
  void Run();

  std::mutex mutex_;
  std::condition_variable woken_;
  bool started_ = false;
  bool wake_ = false;
  std::atomic<bool> look_now_{false};  // without waiting until the next look is due
  std::vector<std::weak_ptr<Group::State>> groups_;
  std::vector<std::weak_ptr<CompletionQueue::State>> queues_;
  std::vector<std::weak_ptr<Ingress::State>> ingresses_;
};

}  // namespace groupcast
