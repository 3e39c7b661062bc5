// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include <string>

#include "engine/control/config.h"

namespace groupcast {

// Whether this host has the kernel interfaces that the ports name, and PCI devices that DPDK can
// have: NotFound, with one line "FILE:LINE:COLUMN: …" for each that is missing, the kernel's, or
// another process's. Touches nothing.
absl::Status CheckHost(const EngineConfig& config);

// Why DPDK can't have the PCI device now, and what to do, which it would not tell itself; empty: it
// can.
std::string WhyNotDpdks(const std::string& pci_address);

}  // namespace groupcast
