// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ether.h>

#include <cstdint>
#include <string>

#include "engine/control/exception_interface.h"

namespace groupcast {

// Gives a device what the host sets on its exception interface: MAC, MTU, promiscuous mode. One
// thread.
class FollowedInterface {
 public:
  // What the device is now. `most_mtu`: of its receive buffers. `promiscuous`: it is, whatever the
  // interface is. `interface` is borrowed.
  FollowedInterface(std::string port, const ExceptionInterface* interface, uint16_t port_id,
                    uint32_t most_mtu, bool promiscuous);

  // From time to time, not while the device is started, stopped or taken out. What it refuses is
  // told once.
  void Follow();

 private:
  struct Settings {
    rte_ether_addr mac{};
    uint32_t mtu = 0;
    bool promiscuous = false;
  };

  // False: the interface is gone.
  static bool Read(const std::string& interface, Settings* settings);
  void Tell(int error, const std::string& interface, const std::string& what) const;

  const std::string port_;
  const ExceptionInterface* const interface_;
  const uint16_t port_id_;
  const uint32_t most_mtu_;
  const bool promiscuous_;
  Settings given_;
};

}  // namespace groupcast
