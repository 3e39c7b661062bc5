// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/eal_arguments.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <sched.h>

#include <algorithm>
#include <optional>

namespace groupcast::perf {
namespace {

absl::Status Wrong(const std::string& text) { return absl::InvalidArgumentError(text); }

// One argument, with the value that may follow it as one of its own.
struct EalArgument {
  std::string name;                  // "-l", "--vdev"
  std::optional<std::string> value;  // behind '=', behind a short name, or the next argument
};

std::vector<EalArgument> Split(const std::vector<std::string>& arguments) {
  std::vector<EalArgument> split;
  for (size_t i = 0; i < arguments.size(); i++) {
    const std::string& text = arguments[i];
    EalArgument argument{text, std::nullopt};
    const size_t equals = text.find('=');
    if (text.rfind("--", 0) == 0 && equals != std::string::npos) {
      argument = {text.substr(0, equals), text.substr(equals + 1)};
    } else if (text.rfind("--", 0) != 0 && text.size() > 2 && text[0] == '-') {
      argument = {text.substr(0, 2), text.substr(2)};
    } else if (i + 1 < arguments.size() && arguments[i + 1].rfind('-', 0) != 0 &&
               text != "--no-huge") {
      argument.value = arguments[++i];
    }
    split.push_back(argument);
  }
  return split;
}

// "1,3-4"
absl::Status ReadCpus(const std::string& list, std::vector<unsigned>* cpus) {
  for (const auto& part : absl::StrSplit(list, ',')) {
    const std::vector<std::string> ends = absl::StrSplit(part, '-');
    unsigned first = 0, last = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &first) ||
        !absl::SimpleAtoi(ends.back(), &last) || first > last || last >= CPU_SETSIZE) {
      return Wrong(absl::StrCat("-l ", list, ": '", part, "' is not a CPU or a range of CPUs"));
    }
    for (unsigned cpu = first; cpu <= last; cpu++) {
      if (std::find(cpus->begin(), cpus->end(), cpu) == cpus->end()) cpus->push_back(cpu);
    }
  }
  return absl::OkStatus();
}

absl::Status Take(const EalArgument& argument, EngineOptions* engine) {
  const std::string& name = argument.name;
  if (name == "--no-huge") {
    engine->hugepages = EngineOptions::Hugepages::kOff;
    return argument.value ? Wrong("--no-huge: has no value") : absl::OkStatus();
  }
  const bool device = name == "--vdev" || name == "-a" || name == "--allow";
  if (!device && name != "-l" && name != "-m") {
    const char* between = name.rfind("--", 0) == 0 ? "=" : "";
    engine->eal.push_back(argument.value ? absl::StrCat(name, between, *argument.value) : name);
    return absl::OkStatus();
  }
  if (!argument.value || argument.value->empty()) return Wrong(name + ": its value is missing");
  if (name == "-l") return ReadCpus(*argument.value, &engine->lcores);
  if (name == "-m") {
    if (!absl::SimpleAtoi(*argument.value, &engine->memory_mib)) {
      return Wrong(absl::StrCat("-m ", *argument.value, ": is not a number of MiB"));
    }
    return absl::OkStatus();
  }
  EngineOptions::Port port;
  port.name = absl::StrCat("port", engine->ports.size());
  port.device = *argument.value;
  engine->ports.push_back(std::move(port));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EngineOptions> ReadEalArguments(const std::vector<std::string>& arguments) {
  EngineOptions engine;
  for (const EalArgument& argument : Split(arguments)) {
    if (argument.name.empty() || argument.name[0] != '-') {
      return Wrong(absl::StrCat("'", argument.name, "': is not an EAL argument"));
    }
    const absl::Status status = Take(argument, &engine);
    if (!status.ok()) return status;
  }
  return engine;
}

}  // namespace groupcast::perf
