// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <string>

namespace groupcast {

// A descriptor of the kind that FuzzSocketNames() names; the caller closes it. It may be closed
// already ("closed").
int OpenFuzzSocket(const std::string& name);

bool IsIpv6(const std::string& name);

// Whether a datagram from it may leave by an engine.
bool MayUseEngine(const std::string& name);

// Brings the loopback of this thread's network namespace up.
void RaiseLoopback();

}  // namespace groupcast
