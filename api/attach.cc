// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>

#include "api/attach.h"
#include "api/groupcast/sendgroup.h"
#include "api/memory_region.h"
#include "api/seat.h"
#include "engine/control/config.h"
#include "engine/control/engine.h"
#include "engine/datapath/asymmetric_fence.h"

namespace groupcast {
namespace {

struct LastError {
  std::string text;
  ~LastError() { NoteThreadExits(); }
};
thread_local LastError last_error_here;

std::atomic<std::mutex*>& AttachMutexPlace() {
  static std::atomic<std::mutex*> mutex{new std::mutex};
  return mutex;
}

std::mutex& AttachMutex() { return *AttachMutexPlace().load(std::memory_order_relaxed); }

int Failed(int error, std::string text) {
  // Not where exit() runs its handlers: the text is destroyed by then.
  if (!ThreadExits()) last_error_here.text = std::move(text);
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
  ForgetUses();
}

void AddTotals(const RunningEngine& engine) {
  for (size_t i = 0; i < kCounters; i++) {
    const auto counter = static_cast<Counter>(i);
    SharedCounters().AddShared(counter, engine.Read(counter));
  }
}

// Whether there was an engine to stop.
// `instance`: that one only; 0: any.
bool StopAttached(uint32_t instance = 0) {
  const std::lock_guard lock(AttachMutex());
  if (instance != 0) {
    const RunningEngine* attached = AttachedEngine().load();
    if (attached == nullptr || attached->instance() != instance) return false;
  }
  // From here on new calls go by the kernel.
  const std::unique_ptr<RunningEngine> engine(AttachedEngine().exchange(nullptr));
  if (engine == nullptr) return false;
  // Whoever began a call before and saw the engine is seen from here on.
  HeavyFence();
  engine->Stop(AllOutOfCalls);
  AddTotals(*engine);
  return true;
}

// Touches no thread-local object: those of the exiting thread are gone. A signal handler that ends
// the process out of a call leaves the engine as it is: it would wait for itself.
void DetachAtExit() {
  if (!InCallHere()) StopAttached();
}

absl::Status CheckNoneAttached() {
  if (AttachedEngine().load() == nullptr) return absl::OkStatus();
  return absl::AlreadyExistsError("an engine is attached already; detach it first");
}

int Attach(const char* file) {
  if (file == nullptr) return Failed(EINVAL, "groupcast_attach: file is null");
  // Whatever the file says.
  absl::Status status = CheckNoneAttached();
  if (!status.ok()) return Failed(status);
  auto config = LoadEngineConfig(file);
  if (!config.ok()) return Failed(config.status());
  status = AttachEngine(*config).status();
  return status.ok() ? 0 : Failed(status);
}

int Detach() {
  // It would wait for itself.
  if (InCallHere()) return Failed(EDEADLK, "called from inside of a send");
  return StopAttached() ? 0 : Failed(ENOTCONN, "no engine is attached");
}

}  // namespace

absl::StatusOr<uint32_t> AttachEngine(const EngineConfig& config) {
  static std::once_flag before;
  std::call_once(before, [] { pthread_atfork(nullptr, nullptr, ForgetEngineInChild); });
  const std::lock_guard lock(AttachMutex());
  if (absl::Status status = CheckNoneAttached(); !status.ok()) return status;
  auto engine = RunningEngine::Start(config);
  if (!engine.ok()) return engine.status();
  static std::once_flag after;
  // An engine that still runs while static objects are destroyed would use them.
  std::call_once(after, [] { std::atexit(DetachAtExit); });
  RunningEngine* const attached = engine->release();
  const uint32_t instance = attached->instance();
  AttachedEngine().store(attached, std::memory_order_seq_cst);
  Memory::Region::MapAll(attached);
  return instance;
}

bool DetachEngine(uint32_t instance) { return !InCallHere() && StopAttached(instance); }

uint64_t ReadAttached(Counter counter) {
  const std::lock_guard lock(AttachMutex());
  const RunningEngine* engine = AttachedEngine().load();
  return engine != nullptr ? engine->Read(counter) : 0;
}

}  // namespace groupcast

int groupcast_attach(const char* file) try {
  return groupcast::Attach(file);
} catch (const std::exception& error) {  // out of memory
  return groupcast::Failed(ENOMEM, error.what());
}

int groupcast_detach(void) { return groupcast::Detach(); }

int groupcast_check(const char* file) try {
  if (file == nullptr) return groupcast::Failed(EINVAL, "groupcast_check: file is null");
  auto config = groupcast::LoadEngineConfig(file);
  return config.ok() ? 0 : groupcast::Failed(config.status());
} catch (const std::exception& error) {  // out of memory
  return groupcast::Failed(ENOMEM, error.what());
}

const char* groupcast_last_error(void) {
  return groupcast::ThreadExits() ? "" : groupcast::last_error_here.text.c_str();
}
