// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace groupcast {

// What datagrams that leave by the engine do not pass in this network namespace: nftables base
// chains on output or postrouting, and clsact on these interfaces. Empty where none is found or
// none may be listed. Blocks for a few netlink dumps.
std::vector<std::string> FindEgressFilters(std::span<const uint32_t> interfaces);

}  // namespace groupcast
