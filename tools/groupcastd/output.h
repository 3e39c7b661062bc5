// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdio>
#include <string>

namespace groupcast {

// Writes a line, unless `file` is a terminal or pipe that takes no more: that must not stop the
// relay, or keep it from ending.
void WriteUnlessBlocked(FILE* file, const std::string& line);

// "EAGAIN"; "errno_N" of one without a name.
std::string ErrnoName(int error);

}  // namespace groupcast
