// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/descriptors.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <rte_eal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace groupcast {
namespace {

// A memory segment of EAL (eal_memalloc.c, eal_memory.c: "nohuge", "seg_…", a file of hugetlbfs).
bool IsMemory(int descriptor) {
  std::error_code error;
  const std::string target =
      std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", descriptor), error);
  return absl::StartsWith(target, "/memfd:nohuge") || absl::StartsWith(target, "/memfd:seg_") ||
         absl::StrContains(target, absl::StrCat("/groupcast-", getpid(), "map_"));
}

// The telemetry socket, which is in EAL's runtime folder.
bool IsTelemetry(int descriptor) {
  sockaddr_un address{};
  socklen_t len = sizeof(address);
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &len) == 0 &&
         address.sun_family == AF_UNIX && len > offsetof(sockaddr_un, sun_path) &&
         absl::StartsWith(address.sun_path, rte_eal_get_runtime_dir());
}

}  // namespace

std::set<int> OpenDescriptors() {
  std::set<int> descriptors;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    descriptors.insert(std::atoi(entry.path().filename().c_str()));
  }
  // Not that of the listing itself: the next one to be opened gets its number.
  std::erase_if(descriptors, [](int descriptor) { return fcntl(descriptor, F_GETFD) < 0; });
  return descriptors;
}

void CloseDpdkOnExec(const std::set<int>& before) {
  for (const int descriptor : OpenDescriptors()) {
    if (before.contains(descriptor)) continue;
    if (IsMemory(descriptor) || IsTelemetry(descriptor)) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
}

}  // namespace groupcast
