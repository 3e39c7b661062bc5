// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <set>

namespace groupcast {

// The descriptors that this process has open.
std::set<int> OpenDescriptors();

// Closes DPDK's own ones of those that are not in `before` when the process exec()s another
// program: its memory and its sockets are nothing for children. The application may open
// descriptors meanwhile; what is not known for DPDK's is left alone.
void CloseDpdkOnExec(const std::set<int>& before);

}  // namespace groupcast
