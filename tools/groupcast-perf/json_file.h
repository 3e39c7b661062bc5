// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tools/file_descriptor.h"

namespace groupcast::perf {

// A file that is made before the run whose results it is to have, so that what is wrong with its
// name is told at once. Without a name it takes everything and writes nothing.
class JsonFile {
 public:
  absl::Status Create(const std::string& name) {
    name_ = name;
    if (name.empty()) return absl::OkStatus();
    file_ = FileDescriptor(open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file_.valid()) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("--json ", name, ": can't be written"));
  }

  // In the place of what it had.
  absl::Status Write(const std::string& text) {
    if (!file_.valid()) return absl::OkStatus();
    // Pipes and terminals have neither a length nor a position.
    if (ftruncate(file_.get(), 0) == 0) lseek(file_.get(), 0, SEEK_SET);
    for (size_t written = 0; written < text.size();) {
      const ssize_t n = write(file_.get(), text.data() + written, text.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        return absl::ErrnoToStatus(errno, absl::StrCat("--json ", name_, ": can't be written"));
      }
      written += static_cast<size_t>(n);
    }
    return absl::OkStatus();
  }

 private:
  std::string name_;
  FileDescriptor file_;
};

}  // namespace groupcast::perf
