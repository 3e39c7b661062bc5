// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <groupcast/group.h>

#include <string>
#include <vector>

#include "tools/groupcastd/config.h"
#include "tools/groupcastd/group_sockets.h"

namespace groupcast {

// The members as recipients, each with its line in the file as tag. kNotFound names the interfaces
// that this host does not have.
absl::StatusOr<std::vector<Recipient>> MembersOf(const RelayConfig& config,
                                                 const RelayGroup& group);

// They as a group that sends from the socket.
absl::StatusOr<Group> RegisterMembers(const RelayConfig& config, const RelayGroup& group,
                                      const std::vector<Recipient>& members,
                                      const GroupSockets& sockets);

// As the configuration's own check for loops, with what only this host knows: a line for each.
std::vector<std::string> LoopsOnThisHost(const RelayConfig& config);

// What but members of groups differs between two configurations with groups: a line for each.
std::vector<std::string> FixedDifferences(const RelayConfig& running, const RelayConfig& wanted);

}  // namespace groupcast
