// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/control/driver_profile.h"

namespace groupcast {

// What a port is asked for: what its profile wants, as far as the device has it.
struct PortPlan {
  bool chains = false;
  uint16_t max_segments = 1;   // of a chain
  uint64_t tx_offloads = 0;    // RTE_ETH_TX_OFFLOAD_*, for rte_eth_dev_configure()
  uint64_t mbuf_offloads = 0;  // RTE_MBUF_F_TX_*, on every packet
  // What is done otherwise than wanted, and why: one line each, for the log.
  std::vector<std::string> notes;
};

// `tx_offloads`: that the configuration wants instead of the profile's.
PortPlan PlanPort(const DriverProfile& profile,
                  const std::optional<std::vector<std::string>>& tx_offloads,
                  const rte_eth_dev_info& info);

}  // namespace groupcast
