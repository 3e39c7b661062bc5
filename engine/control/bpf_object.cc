// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/bpf_object.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace groupcast {

absl::StatusOr<std::string> FindBpfObject(const std::string& name) {
  std::vector<std::string> folders;
  const char* own = std::getenv("GROUPCAST_BPF");
  if (own != nullptr && own[0] != '\0') folders.push_back(own);
  folders.push_back(GROUPCAST_BPF_DIR);
  folders.push_back(GROUPCAST_BUILD_BPF_DIR);
  for (const std::string& folder : folders) {
    std::string path = absl::StrCat(folder, "/", name);
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return absl::NotFoundError(absl::StrCat("no BPF program ", name, " in ",
                                          absl::StrJoin(folders, ", "),
                                          "; install it, or set GROUPCAST_BPF to its folder"));
}

}  // namespace groupcast
