// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/kernel/differential_random.h"
#include "tests/kernel/namespaces.h"

namespace groupcast {

inline constexpr size_t kLinks = 4;  // l0 … l3
inline constexpr size_t kPorts = 3;  // of these the engine has l0 … l2

// An address of either family, as a call takes it.
struct Address {
  sockaddr_storage bytes = {};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  uint16_t family() const { return bytes.ss_family; }
  void SetUdpPort(uint16_t udp_port);
};
Address Ipv4Address(uint32_t host_order, uint16_t udp_port);

// What holds for some hundreds of cases: the MTUs of the links, some routes, the engine's
// configuration.
struct Epoch {
  Epoch(uint64_t seed, uint64_t number);

  uint64_t number;
  std::array<uint32_t, kLinks> mtu;
  std::array<uint32_t, kLinks> later_mtu;  // from the middle of the epoch on
  bool engine;                             // else nothing is attached
  bool carrier;                            // of l2
  bool default_route;
  bool egress_policy;
  unsigned multipath_hash;
  std::string ports;  // arguments of each port's device
  std::string more;   // further keys of the configuration

  std::string Description() const;
};

// Addresses of one kind.
struct AddressClass {
  enum class Answers {
    kNothing,   // datagrams vanish at the receiving host
    kErrors,    // ICMP errors come back: not for sockets that would hear of them
    kNoSolicit  // no neighbour answers; the datagrams wait, and the socket's memory with them
  };

  const char* name;
  unsigned weight;
  uint32_t first, count;
  Answers answers = Answers::kNothing;
  bool link_2 = false;  // leaves by l2
};

// A sending host with four links, and a receiving host at the other end of all of them that takes
// every datagram in silence: it has no route back, so it answers ARP and nothing else.
class World {
 public:
  World();

  const NetworkNamespace& tx() const { return tx_; }
  const NetworkNamespace& rx() const { return rx_; }

  void Begin(const Epoch& epoch);
  // The links' MTUs change while the engine is attached.
  void ChangeMtus(const Epoch& epoch);

  static const std::vector<AddressClass>& Classes();
  // One of them by their weights.
  static const AddressClass& RandomClass(Random* random);
  static std::string LinkName(size_t link) { return "l" + std::to_string(link); }

  // MTUs of routes, beside those of the links.
  static constexpr std::array<uint32_t, 4> kRouteMtus = {1300, 1000, 600, 1200};
  static constexpr uint32_t kUid = 12345;  // has a policy rule, as have the next ones
  static constexpr uint32_t kMark = 7;
  static constexpr uint16_t kRuleUdpPort = 7000;
  static constexpr uint8_t kRuleTos = 0x08, kRouteTos = 0x10;

 private:
  void MakeLinks();
  void MakeRoutes();

  NetworkNamespace tx_, rx_;
};

}  // namespace groupcast
