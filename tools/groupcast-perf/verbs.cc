// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/verbs.h"

#include <cassert>
#include <cstddef>
#include <utility>

namespace groupcast::perf {

void Verbs::Add(const Words& patterns, const std::string& help,
                std::function<void(const Words&)> call) {
  assert(patterns.size() <= kMostWords);
  auto verb = std::make_unique<Verb>();
  verb->patterns = patterns;
  verb->help = help;
  verb->call = std::move(call);
  verb->tokens.resize(patterns.size());
  const size_t bytes = sizeof(cmdline_parse_inst_t) + (patterns.size() + 1) * sizeof(void*);
  verb->instance.resize((bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  auto* instance = reinterpret_cast<cmdline_parse_inst_t*>(verb->instance.data());
  instance->f = Call;
  instance->data = verb.get();
  instance->help_str = verb->help.c_str();
  for (size_t i = 0; i < patterns.size(); i++) {
    cmdline_parse_token_string_t& token = verb->tokens[i];
    token.hdr.ops = &cmdline_token_string_ops;
    token.hdr.offset = static_cast<unsigned>(offsetof(Typed, words) + i * sizeof(Typed::words[0]));
    token.string_data.str = patterns[i].empty() ? nullptr : verb->patterns[i].c_str();
    instance->tokens[i] = &token.hdr;
  }
  instance->tokens[patterns.size()] = nullptr;
  context_.back() = instance;
  context_.push_back(nullptr);
  verbs_.push_back(std::move(verb));
}

void Verbs::Call(void* typed, cmdline*, void* verb) {
  const auto* called = static_cast<const Verb*>(verb);
  Words words;
  for (size_t i = 0; i < called->patterns.size(); i++) {
    words.emplace_back(static_cast<const Typed*>(typed)->words[i]);
  }
  called->call(words);
}

}  // namespace groupcast::perf
