// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace groupcast {

// One value of a YAML file, and where it stands (both from 1).
struct ConfigNode {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMapping };
  Kind kind = Kind::kNull;
  int line = 1;
  int column = 1;
  std::string scalar;
  // Items of a sequence; key, value, key, value, ... of a mapping.
  std::vector<const ConfigNode*> children;
};

// A YAML file as a tree of values without meaning yet. Any bytes are safe to read: size, depth and
// what aliases expand to are bounded, so neither the stack nor the memory can be exhausted.
class ConfigFile {
 public:
  static constexpr size_t kMaxBytes = size_t{64} << 20;
  static constexpr size_t kMaxDepth = 32;
  static constexpr size_t kMaxValues = size_t{4} << 20;

  // On error the message is "FILE: what", or "FILE:LINE:COLUMN: what" where the place is known:
  // NotFound, PermissionDenied, InvalidArgument.
  static absl::StatusOr<ConfigFile> Read(const std::string& path);

  // The same for text that was read already; `path` is for messages.
  static absl::StatusOr<ConfigFile> Parse(const std::string& path, const std::string& text);

  const std::string& path() const { return path_; }
  const ConfigNode& root() const { return *root_; }

 private:
  friend class ConfigTreeBuilder;
  ConfigFile() = default;

  std::string path_;
  std::deque<ConfigNode> nodes_;  // never moves its elements
  const ConfigNode* root_ = nullptr;
};

// `text` as it can stand in a message of one line: without control characters, not too long.
std::string Printable(std::string_view text);

}  // namespace groupcast
