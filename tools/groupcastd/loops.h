// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/groupcastd/config.h"

namespace groupcast {

// A member that is the ingress of a group whose datagrams come back to the member's own group,
// directly or over others: the first datagram would go round for ever.
struct Loop {
  const ConfiguredAddress* member;
  std::string text;  // "'ADDR:PORT' is …"
};

// `is_local`: whether an address is one of this host's. Asked only of members whose port is that of
// an ingress on every address (0.0.0.0, [::]).
std::vector<Loop> FindLoops(const std::vector<RelayGroup>& groups,
                            const std::function<bool(const ConfiguredAddress&)>& is_local);

// Whether this host has the address.
bool IsLocalAddress(const ConfiguredAddress& address);

}  // namespace groupcast
