// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace groupcast {

// The path of a compiled program of engine/control/bpf ("redirect.bpf.o"). Looks in $GROUPCAST_BPF,
// then in the installed folder, then in the build tree that the library was built in.
absl::StatusOr<std::string> FindBpfObject(const std::string& name);

}  // namespace groupcast
