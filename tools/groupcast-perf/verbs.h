// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cmdline_parse.h>
#include <cmdline_parse_string.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace groupcast::perf {

// Commands as DPDK's cmdline library wants them, which are tables of C with pointers into each
// other.
class Verbs {
 public:
  using Words = std::vector<std::string>;

  Verbs() { context_.push_back(nullptr); }
  Verbs(const Verbs&) = delete;
  Verbs& operator=(const Verbs&) = delete;

  // Each pattern is a word, words with '#' between them of which one is typed, or empty: any word.
  // `call` gets what was typed.
  void Add(const Words& patterns, const std::string& help, std::function<void(const Words&)> call);

  cmdline_parse_ctx_t* context() { return context_.data(); }

 private:
  static constexpr size_t kMostWords = 4;
  struct Typed {
    cmdline_fixed_string_t words[kMostWords];
  };
  struct Verb {
    Words patterns;
    std::string help;
    std::function<void(const Words&)> call;
    std::vector<cmdline_parse_token_string_t> tokens;
    std::vector<uint64_t> instance;  // a cmdline_parse_inst_t with its tokens behind it
  };
  static void Call(void* typed, cmdline*, void* verb);

  std::vector<std::unique_ptr<Verb>> verbs_;
  std::vector<cmdline_parse_inst_t*> context_;
};

}  // namespace groupcast::perf
