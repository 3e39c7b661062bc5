// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/threads.h"

#include <absl/strings/str_cat.h>
#include <pthread.h>

#include <csignal>
#include <system_error>
#include <utility>

namespace groupcast {

absl::StatusOr<std::thread> StartThread(const std::string& name, std::function<void()> work) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  absl::StatusOr<std::thread> thread;
  try {
    thread = std::thread(std::move(work));
    pthread_setname_np(thread->native_handle(), name.c_str());
  } catch (const std::system_error& error) {
    thread =
        absl::ResourceExhaustedError(absl::StrCat("thread ", name, " can't be made: ", error.what(),
                                                  "; raise the limit of tasks (ulimit -u)"));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace groupcast
