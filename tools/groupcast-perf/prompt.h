// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include <atomic>

#include "tools/groupcast-perf/session.h"

namespace groupcast::perf {

// A prompt with testpmd's verbs on standard input, until `quit`, its end, or `*stop`. On a terminal
// with completion and history; what comes from elsewhere is read as a script, whose last run goes
// on to its own end if it has one. Ends a run under way. An error: a command of a script failed, or
// the results could not be written.
absl::Status RunPrompt(Session* session, const std::atomic<bool>* stop);

}  // namespace groupcast::perf
