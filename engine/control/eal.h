// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include <mutex>
#include <string>

#include "engine/control/config.h"

namespace groupcast {

// Starts DPDK's environment, once per process, on a thread of its own: the calling thread's CPU
// affinity and all that inherits it stay as they are (DESIGN 2.7). Later calls only check that what
// they ask for can be had from the environment that runs. Blocks for some 100 ms the first time.
absl::Status StartEal(const EngineConfig& config);

// Of whoever probes or removes a device: DPDK's lists of them have no lock.
std::mutex& HotplugMutex();

// A status for a DPDK return code (negative errno): "WHAT: TEXT".
absl::Status DpdkError(int error, const std::string& what);

}  // namespace groupcast
