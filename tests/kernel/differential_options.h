// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <string>
#include <vector>

#include "tests/kernel/differential_random.h"

namespace groupcast {

// One thing to set on a socket.
struct SocketOption {
  const char* name;
  int level, option;
  std::string value;

  int Integer() const;  // 0 for what is none
  // Whether the kernel took it does not matter: both ways send from the same socket.
  void Set(int sd) const;
};

// O_NONBLOCK, among the options of a socket.
inline constexpr int kFileLevel = -1;

// A random set for a socket of this family, most of which the engine serves.
std::vector<SocketOption> RandomOptions(Random* random, int family);

}  // namespace groupcast
