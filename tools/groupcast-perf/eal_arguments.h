// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "groupcast/engine.h"

namespace groupcast::perf {

// Reads EAL arguments as testpmd has them into the engine's options: devices become ports, -l, -m
// and --no-huge what the engine calls by other names, and all others EngineOptions::eal, which the
// engine checks.
absl::StatusOr<EngineOptions> ReadEalArguments(const std::vector<std::string>& arguments);

}  // namespace groupcast::perf
