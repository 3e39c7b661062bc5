// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <string>

namespace groupcast {

// Writes one line to DPDK's log, type "groupcast" (EAL's --log-level=groupcast:LEVEL). Never on an
// lcore.
void LogWarning(const std::string& line);
void LogNotice(const std::string& line);

}  // namespace groupcast
