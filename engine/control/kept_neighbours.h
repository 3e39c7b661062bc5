// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groupcast {

// The permanent neighbours of a kernel interface, IPv4 and IPv6, as somebody has set them by hand.
//
// rte_eth_dev_start() sets the port's MAC again, which is the one it has. For net_af_packet that is
// the interface's, and the kernel then forgets all neighbours of it: those it learned it asks for
// again, but these would be gone.
class KeptNeighbours {
 public:
  // What is there now. Nothing where netlink can't be asked.
  static KeptNeighbours Read(uint32_t interface);
  // Makes the kernel have them again. Returns how many it refused.
  size_t PutBack() const;

 private:
  std::vector<std::string> messages_;  // RTM_NEWNEIGH, as dumped
};

}  // namespace groupcast
