// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <memory>
#include <mutex>
#include <vector>

namespace groupcast {

// Objects whose owner is gone while somebody still uses them (T::in_use()); freed once that ends.
// Any thread.
template <typename T>
class LeftBehind {
 public:
  static void Leave(std::unique_ptr<T> object) {
    if (!object->in_use()) return;
    List& list = TheList();
    const std::lock_guard lock(list.mutex);
    list.objects.push_back(std::move(object));
  }

  // For an object whose use can't be told any more, as the process ends: never freed, and not lost.
  static void Keep(std::unique_ptr<T> object) {
    List& list = TheList();
    const std::lock_guard lock(list.mutex);
    list.kept.push_back(std::move(object));
  }

  // Frees those that nobody uses any more; whether some are left.
  static bool Reap() {
    std::vector<std::unique_ptr<T>> free;
    List& list = TheList();
    const std::lock_guard lock(list.mutex);
    std::erase_if(list.objects, [&free](std::unique_ptr<T>& object) {
      if (object->in_use()) return false;
      free.push_back(std::move(object));
      return true;
    });
    return !list.objects.empty();
  }

 private:
  struct List {
    std::mutex mutex;
    std::vector<std::unique_ptr<T>> objects;
    std::vector<std::unique_ptr<T>> kept;
  };
  static List& TheList() {
    // Never destroyed: drivers may give back after everything else.
    static auto* list = new List;
    return *list;
  }
};

}  // namespace groupcast
