// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "api/groupcast/sendgroup.h"
#include "api/seat.h"
#include "engine/control/config.h"
#include "engine/control/engine.h"

namespace groupcast {
namespace {

thread_local std::string last_error;

std::atomic<std::mutex*>& AttachMutexPlace() {
  static std::atomic<std::mutex*> mutex{new std::mutex};
  return mutex;
}

std::mutex& AttachMutex() { return *AttachMutexPlace().load(std::memory_order_relaxed); }

int Failed(int error, std::string text) {
  last_error = std::move(text);
  errno = error;
  return -1;
}

int Failed(const absl::Status& status) {
  int error = EIO;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      error = EINVAL;
      break;
    case absl::StatusCode::kNotFound:
      error = ENOENT;
      break;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      error = EBUSY;
      break;
    case absl::StatusCode::kPermissionDenied:
      error = EPERM;
      break;
    case absl::StatusCode::kResourceExhausted:
      error = ENOMEM;
      break;
    case absl::StatusCode::kUnimplemented:
      error = ENOTSUP;
      break;
    default:
      break;
  }
  return Failed(error, std::string(status.message()));
}

// The child has the parent's engine memory but none of its threads: there it counts as detached.
// Nor has it the thread that may have held the mutex.
void ForgetEngineInChild() {
  AttachedEngine().store(nullptr, std::memory_order_relaxed);
  AttachMutexPlace().store(new std::mutex, std::memory_order_relaxed);
}

void AddTotals(const Engine& engine) {
  for (size_t i = 0; i < kCounters; i++) {
    const auto counter = static_cast<Counter>(i);
    SharedCounters().AddShared(counter, engine.Read(counter));
  }
}

// Whether there was an engine to stop.
bool StopAttached() {
  const std::lock_guard lock(AttachMutex());
  // From here on new calls go by the kernel.
  const std::unique_ptr<Engine> engine(AttachedEngine().exchange(nullptr));
  if (engine == nullptr) return false;
  engine->Stop(AllSeatsOutOfCalls);
  AddTotals(*engine);
  return true;
}

// Touches no thread-local object: those of the exiting thread are gone.
void DetachAtExit() { StopAttached(); }

int Attach(const char* file) {
  if (file == nullptr) return Failed(EINVAL, "groupcast_attach: file is null");
  static std::once_flag before;
  std::call_once(before, [] { pthread_atfork(nullptr, nullptr, ForgetEngineInChild); });
  const std::lock_guard lock(AttachMutex());
  if (AttachedEngine().load() != nullptr) {
    return Failed(EBUSY, "an engine is attached already; call groupcast_detach() first");
  }
  auto config = LoadEngineConfig(file);
  if (!config.ok()) return Failed(config.status());
  auto engine = Engine::Start(*config);
  if (!engine.ok()) return Failed(engine.status());
  static std::once_flag after;
  // An engine that still runs while static objects are destroyed would use them.
  std::call_once(after, [] { std::atexit(DetachAtExit); });
  AttachedEngine().store(engine->release(), std::memory_order_seq_cst);
  return 0;
}

int Detach() { return StopAttached() ? 0 : Failed(ENOTCONN, "no engine is attached"); }

}  // namespace

uint64_t ReadAttached(Counter counter) {
  const std::lock_guard lock(AttachMutex());
  const Engine* engine = AttachedEngine().load();
  return engine != nullptr ? engine->Read(counter) : 0;
}

}  // namespace groupcast

int groupcast_attach(const char* file) { return groupcast::Attach(file); }

int groupcast_detach(void) { return groupcast::Detach(); }

int groupcast_check(const char* file) {
  if (file == nullptr) return groupcast::Failed(EINVAL, "groupcast_check: file is null");
  auto config = groupcast::LoadEngineConfig(file);
  return config.ok() ? 0 : groupcast::Failed(config.status());
}

const char* groupcast_last_error(void) { return groupcast::last_error.c_str(); }
