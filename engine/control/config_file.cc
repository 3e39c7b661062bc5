// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/config_file.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <unordered_map>

namespace groupcast {
namespace {

absl::Status Wrong(const std::string& path, int line, int column, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ":", column, ": ", what));
}

absl::Status Unreadable(const std::string& path, int error) {
  const std::string message =
      absl::StrCat(path, ": cannot be read: ", std::strerror(error), "; give a readable YAML file");
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InvalidArgumentError(message);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<std::string> ReadBytes(const std::string& path) {
  // Non-blocking, so that a named pipe without a writer is refused below and not waited for.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return Unreadable(path, errno);
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return Unreadable(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is ", S_ISDIR(info.st_mode) ? "a directory" : "not a regular file",
                     "; give the path of a YAML file"));
  }
  std::string bytes;
  char block[65536];
  while (true) {
    const ssize_t n = read(file.get(), block, sizeof(block));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Unreadable(path, errno);
    if (n == 0) return bytes;
    bytes.append(block, static_cast<size_t>(n));
    if (bytes.size() > ConfigFile::kMaxBytes) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": is larger than ",
                                                     ConfigFile::kMaxBytes >> 20,
                                                     " MiB, the most a configuration may have"));
    }
  }
}

// What yaml-cpp would stumble over, or accept and mean something else by.
absl::Status CheckText(const std::string& path, const std::string& text) {
  int line = 1, column = 0;
  bool indentation = true;
  int tab_column = 0;  // of a tab in this line's indentation
  for (const char c : text) {
    ++column;
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      ++line;
      column = 0;
      indentation = true;
      tab_column = 0;
      continue;
    }
    if ((byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7f) {
      return Wrong(path, line, column,
                   absl::StrCat("byte 0x", absl::Hex(byte, absl::kZeroPad2),
                                " is no text; a configuration is a YAML file in UTF-8"));
    }
    if (!indentation) continue;
    if (c == '\t' && tab_column == 0) tab_column = column;
    if (c == ' ' || c == '\t' || c == '\r') continue;
    indentation = false;
    if (tab_column != 0 && c != '#') {
      return Wrong(path, line, tab_column, "a tab in the indentation; YAML allows spaces only");
    }
  }
  return absl::OkStatus();
}

}  // namespace

class ConfigTreeBuilder : public YAML::EventHandler {
 public:
  explicit ConfigTreeBuilder(ConfigFile* file) : file_(file) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Finish(Add(mark, ConfigNode::Kind::kNull), 1, anchor, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckTag(mark, tag);
    ConfigNode* node = Add(mark, ConfigNode::Kind::kScalar);
    node->scalar = value;
    Finish(node, 1, anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end()) {
      throw YAML::ParserException(mark, "this alias is inside of what it stands for");
    }
    Finish(target->second.node, target->second.values, YAML::NullAnchor, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, ConfigNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, ConfigNode::Kind::kMapping);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Anchored {
    const ConfigNode* node;
    size_t values;  // with everything inside, aliases expanded
  };
  struct OpenCollection {
    ConfigNode* node;
    size_t values;
    YAML::anchor_t anchor;
  };

  static void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    // "?" and "!": plain and quoted scalars without a tag.
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw YAML::ParserException(mark,
                                absl::StrCat("the tag '", tag, "' has no meaning here; remove it"));
  }

  ConfigNode* Add(const YAML::Mark& mark, ConfigNode::Kind kind) {
    ConfigNode& node = file_->nodes_.emplace_back();
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return &node;
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            ConfigNode::Kind kind) {
    CheckTag(mark, tag);
    if (open_.size() == ConfigFile::kMaxDepth) {
      throw YAML::ParserException(
          mark, absl::StrCat("nested deeper than ", ConfigFile::kMaxDepth, " levels"));
    }
    open_.push_back({Add(mark, kind), 1, anchor});
  }

  void Close() {
    const OpenCollection done = open_.back();
    open_.pop_back();
    YAML::Mark mark;
    mark.line = done.node->line - 1;
    mark.column = done.node->column - 1;
    Finish(done.node, done.values, done.anchor, mark);
  }

  void Finish(const ConfigNode* node, size_t values, YAML::anchor_t anchor,
              const YAML::Mark& mark) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, values};
    if (open_.empty()) {
      file_->root_ = node;
      return;
    }
    open_.back().node->children.push_back(node);
    open_.back().values += values;
    if (open_.back().values > ConfigFile::kMaxValues) {
      throw YAML::ParserException(
          mark, absl::StrCat("more than ", ConfigFile::kMaxValues, " values, aliases expanded"));
    }
  }

  ConfigFile* file_;
  std::vector<OpenCollection> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
};

absl::StatusOr<ConfigFile> ConfigFile::Read(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadBytes(path);
  if (!text.ok()) return text.status();
  return Parse(path, *text);
}

absl::StatusOr<ConfigFile> ConfigFile::Parse(const std::string& path, const std::string& text) {
  if (const absl::Status status = CheckText(path, text); !status.ok()) return status;
  ConfigFile file;
  file.path_ = path;
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    ConfigTreeBuilder builder(&file);
    parser.HandleNextDocument(builder);
    if (file.root_ == nullptr) file.root_ = &file.nodes_.emplace_back();
    ConfigFile rest;
    ConfigTreeBuilder rest_builder(&rest);
    if (parser.HandleNextDocument(rest_builder)) {
      const ConfigNode none;
      const ConfigNode& second = rest.root_ != nullptr ? *rest.root_ : none;
      return Wrong(path, second.line, second.column,
                   "a second document begins here; a configuration is one document");
    }
  } catch (const YAML::Exception& error) {
    return Wrong(path, error.mark.line + 1, error.mark.column + 1,
                 absl::StrCat("not valid YAML: ", Printable(error.msg)));
  }
  return file;
}

std::string Printable(std::string_view text) {
  constexpr size_t kMaxLength = 80;
  std::string printable(text.substr(0, kMaxLength));
  std::replace_if(
      printable.begin(), printable.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  if (text.size() > kMaxLength) printable += "...";
  return printable;
}

}  // namespace groupcast
