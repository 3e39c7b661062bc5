// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include "engine/control/config.h"

namespace groupcast {

// Whether this host has the kernel interfaces and PCI devices that the ports name: NotFound, with
// one line "FILE:LINE:COLUMN: …" for each that is missing. Touches nothing.
absl::Status CheckHost(const EngineConfig& config);

}  // namespace groupcast
