// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

// Tells ThreadSanitizer of an ordering that a library makes which is built without it. `what` names
// the library's object; HandOver() comes before the library publishes, TakeOver() after it has
// given out what was published.
#ifdef __SANITIZE_THREAD__  // gcc
#define GROUPCAST_TSAN
#elif defined(__has_feature)  // clang
#if __has_feature(thread_sanitizer)
#define GROUPCAST_TSAN
#endif
#endif

#ifdef GROUPCAST_TSAN
#include <sanitizer/tsan_interface.h>

namespace groupcast {
inline void HandOver(void* what) { __tsan_release(what); }
inline void TakeOver(void* what) { __tsan_acquire(what); }
}  // namespace groupcast
#else
namespace groupcast {
inline void HandOver(void*) {}
inline void TakeOver(void*) {}
}  // namespace groupcast
#endif
