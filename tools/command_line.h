// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

// Its functions run once, and to optimise them takes ten seconds a program. (Clang knows no such
// pragma for templates.)
#ifndef __clang__
#pragma GCC push_options
#pragma GCC optimize("O0")
#endif
#include <CLI/CLI.hpp>
#ifndef __clang__
#pragma GCC pop_options
#endif
#include <string>

namespace groupcast {

// A number from `least` to `most`. CLI::Range lets "nan" pass.
inline CLI::Validator NumberFrom(double least, double most) {
  const std::string allowed =
      "a number from " + CLI::detail::to_string(least) + " to " + CLI::detail::to_string(most);
  return CLI::Validator(
      [=](std::string& text) {
        double number = 0;
        const bool fits =
            CLI::detail::lexical_cast(text, number) && number >= least && number <= most;
        return fits ? std::string() : text + " is not " + allowed;
      },
      "NUMBER");
}

}  // namespace groupcast
