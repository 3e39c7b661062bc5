// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include "engine/control/config.h"

namespace groupcast {

// Starts the process's engine. Any thread.
absl::Status AttachEngine(const EngineConfig& config);

// Stops it; whether there was one. Any thread.
bool DetachEngine();

}  // namespace groupcast
