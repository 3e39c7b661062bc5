// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ether.h>

#include <cstdint>
#include <string>

namespace groupcast {

// Gives a device what the host sets on its exception interface: MAC, MTU, promiscuous mode. One
// thread.
class FollowedInterface {
 public:
  // What the device is now. `most_mtu`: of its receive buffers.
  FollowedInterface(std::string port, std::string interface, uint16_t port_id, uint32_t most_mtu);

  // From time to time. What the device refuses is told once.
  void Follow();

 private:
  struct Settings {
    rte_ether_addr mac{};
    uint32_t mtu = 0;
    bool promiscuous = false;
  };

  // False: the interface is gone.
  bool Read(Settings* settings) const;
  void Tell(int error, const std::string& what) const;

  const std::string port_;
  const std::string interface_;
  const uint16_t port_id_;
  const uint32_t most_mtu_;
  Settings given_;
};

}  // namespace groupcast
