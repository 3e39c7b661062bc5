// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include "engine/control/config.h"
#include "engine/control/config_reader.h"

namespace groupcast {

// The keys inside of a port's `static`.
ConfigTable<StaticInterface> StaticInterfaceTable();

}  // namespace groupcast
