// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include "engine/control/config_reader.h"
#include "tools/groupcastd/config.h"

namespace groupcast {

// What is wrong between keys and between groups, which all were read. `node`: the whole file.
void CheckGroups(const ConfigNode& node, const RelayConfig& config, ConfigErrors& errors);

}  // namespace groupcast
