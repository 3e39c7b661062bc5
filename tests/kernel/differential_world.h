// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/kernel/namespaces.h"

namespace groupcast {

inline constexpr size_t kLinks = 4;  // l0 … l3
inline constexpr size_t kPorts = 3;  // of these the engine has l0 … l2

// What holds for some hundreds of cases: the MTUs of the links, some routes, the engine's
// configuration.
struct Epoch {
  Epoch(uint64_t seed, uint64_t number);

  uint64_t number;
  std::array<uint32_t, kLinks> mtu;
  std::array<uint32_t, kLinks> later_mtu;  // from the middle of the epoch on
  bool engine;                             // else nothing is attached
  bool carrier;                            // of l2
  bool default_route, default_route6;
  bool egress_policy;
  unsigned multipath_hash;
  int auto_flow_labels;    // net.ipv6.auto_flowlabels
  bool flow_label_ranges;  // net.ipv6.flowlabel_state_ranges
  int hop_limit;           // net.ipv6.conf.all's
  int hop_limit_of_l1;
  std::string ports;  // arguments of each port's device
  std::string more;   // further keys of the configuration

  std::string Description() const;
};

// A sending host with four links, and a receiving host at the other end of all of them that takes
// every datagram in silence: it has no route back, so it answers ARP and NDP and nothing else. The
// classes of addresses are in differential_addresses.cc.
class World {
 public:
  World();

  const NetworkNamespace& tx() const { return tx_; }
  const NetworkNamespace& rx() const { return rx_; }

  // The calling thread is in tx.
  void Begin(const Epoch& epoch);
  // The links' MTUs change while the engine is attached.
  void ChangeMtus(const Epoch& epoch);

  static std::string LinkName(size_t link) { return "l" + std::to_string(link); }

  // MTUs of routes, beside those of the links.
  static constexpr std::array<uint32_t, 6> kRouteMtus = {1300, 1000, 600, 1200, 1400, 1290};
  static constexpr uint32_t kUid = 12345;  // has a policy rule, as have the next ones
  static constexpr uint32_t kMark = 7;
  static constexpr uint16_t kRuleUdpPort = 7000, kRuleSourcePorts = 32;  // these from the first one
  static constexpr uint16_t kFirstSourcePort = 20000;
  static constexpr uint8_t kRuleTos = 0x08, kRouteTos = 0x10;
  static constexpr int kHopLimit = 33, kRouteHopLimit = 7;

 private:
  void MakeLink(size_t link);
  void MakeRoutes();
  static void AwaitCarrier(bool wanted);

  NetworkNamespace tx_, rx_;
};

}  // namespace groupcast
