// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <thread>

namespace groupcast {

// Starts a thread of the engine. Signals are the application's own: none is delivered on it.
// `name`: at most 15 characters. ResourceExhausted where no thread can be made.
absl::StatusOr<std::thread> StartThread(const std::string& name, std::function<void()> work);

}  // namespace groupcast
