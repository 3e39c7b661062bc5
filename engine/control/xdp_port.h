// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/control/config.h"
#include "engine/control/receive_pool.h"
#include "engine/control/xdp_program.h"
#include "engine/datapath/port.h"

namespace groupcast {

// What a net_af_xdp port needs beside DPDK's own calls. In the order of a port's life: Prepare(),
// then the driver is probed; CreateUmem() of each queue, then its receive queue is set up; Adopt();
// Detach(), then the driver is closed; and this is destroyed.
class XdpPort {
 public:
  // Of an IP packet: a frame of the umem is a mempool's object and at most a page, with DPDK's and
  // the kernel's headroom (rte_eth_af_xdp.c, 812-821; both subtracted from a page of 4096 bytes).
  static constexpr uint32_t kLargestMtu = 3438;

  // Finds what would make the driver fail or take the interface from the kernel or from somebody
  // else.
  static absl::StatusOr<std::unique_ptr<XdpPort>> Prepare(const PortConfig& config,
                                                          uint32_t interface);
  ~XdpPort();
  XdpPort(const XdpPort&) = delete;
  XdpPort& operator=(const XdpPort&) = delete;

  // Device arguments that the configuration does not give, each behind a comma.
  const std::string& arguments() const { return arguments_; }

  // The mempool that becomes the umem of one queue: to be given to its receive queue. Received
  // mbufs come from it, and frames are copied into it when they are sent: one lcore's. `ring`:
  // length of the queue's rings.
  absl::StatusOr<std::shared_ptr<ReceivePool>> CreateUmem(uint16_t port_id, uint16_t queue,
                                                          uint32_t mtu, uint16_t ring);

  // Once all queues are set up: finds the driver's sockets and its program.
  absl::StatusOr<KickSockets> Adopt(uint32_t mtu);
  // Takes the program off the interface.
  void Detach() { program_.reset(); }

  // Null if the configuration has a program of its own (xdp_prog=), and behind Detach().
  XdpProgram* program() { return program_.get(); }

 private:
  struct Socket {
    int descriptor;
    uint64_t cookie;
  };

  XdpPort() = default;
  absl::StatusOr<KickSockets> AdoptSockets(uint32_t mtu);

  std::string name_;  // of the port, for messages
  std::string interface_;
  uint32_t index_ = 0;
  bool own_program_ = false;
  std::string arguments_;
  std::optional<std::set<int>> before_;  // descriptors, when the first umem was made
  std::vector<Socket> sockets_;
  std::unique_ptr<XdpProgram> program_;
};

}  // namespace groupcast
