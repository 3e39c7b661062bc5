// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <string>

#include "engine/control/driver_profile.h"
#include "engine/datapath/assembler.h"

namespace groupcast {

// How packets are put together and what of them the device does, in one line for the log.
std::string DescribeSendPlan(const TxPlan& plan, const DriverProfile& profile);

}  // namespace groupcast
