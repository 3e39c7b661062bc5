// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/output.h"

#include <absl/strings/str_cat.h>
#include <poll.h>

#include <cstring>

namespace groupcast {

void WriteUnlessBlocked(FILE* file, const std::string& line) {
  pollfd out = {.fd = fileno(file), .events = POLLOUT, .revents = 0};
  if (poll(&out, 1, 0) != 1) return;
  std::fputs(line.c_str(), file);
  std::fflush(file);
}

std::string ErrnoName(int error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : absl::StrCat("errno_", error);
}

}  // namespace groupcast
