// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/log.h"

#include <rte_log.h>

namespace groupcast {
namespace {

RTE_LOG_REGISTER(log_type, groupcast, NOTICE);

}  // namespace

void LogWarning(const std::string& line) {
  rte_log(RTE_LOG_WARNING, static_cast<uint32_t>(log_type), "groupcast: warning: %s\n",
          line.c_str());
}

void LogNotice(const std::string& line) {
  rte_log(RTE_LOG_NOTICE, static_cast<uint32_t>(log_type), "groupcast: %s\n", line.c_str());
}

}  // namespace groupcast
