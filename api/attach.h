// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "engine/control/config.h"

namespace groupcast {

// Starts the process's engine; returns its instance(). Any thread.
absl::StatusOr<uint32_t> AttachEngine(const EngineConfig& config);

// Stops the one of this instance; whether it was there. Not from inside of a send.
bool DetachEngine(uint32_t instance);

}  // namespace groupcast
