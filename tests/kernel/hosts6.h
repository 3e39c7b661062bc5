// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {

inline constexpr char kTxAddress6[] = "2001:db8:63::1";
inline constexpr char kRxAddress6[] = "2001:db8:63::2";
inline constexpr char kRxLinkLocal[] = "fe80::ff:fe00:2";  // of kRxMac
// Recipients that rx has as addresses of its own: ::1:1 to ::1:20 (hexadecimal).
inline constexpr char kOnLink6[] = "2001:db8:63::1:0";
inline constexpr uint32_t kOnLinkHosts6 = 0x20;
inline constexpr char kBehindGateway6[] = "2001:db8:c8::";  // /48, by 2001:db8:63::2

// `plus` is added to the last 32 bits of the address.
sockaddr_in6 Endpoint6(const std::string& address, uint16_t udp_port, uint32_t plus = 0,
                       uint32_t scope = 0);
// ::ffff:a.b.c.d, of an IPv4 address in host byte order.
sockaddr_in6 Mapped(uint32_t address, uint16_t udp_port);
std::string Text(const in6_addr& address);

// A bound AF_INET6 socket in the calling thread's namespace. It takes both families.
Socket BoundSocket6(const std::string& address = "::", uint16_t udp_port = 0);

struct Datagram6 {
  std::string to;  // the address it was sent to
  sockaddr_in6 from;
  std::string payload;
};

// Sink for both families.
class Sink6 {
 public:
  Sink6(const NetworkNamespace& where, uint16_t udp_port);
  // In the order of arrival: waits until `count` are there or nothing came for `patience_ms`, and
  // then for what came too many.
  std::vector<Datagram6> Receive(size_t count, int patience_ms = 10000, int late_ms = kLateMs);

 private:
  // Long enough for a frame that is on its way, short enough to be waited for in every test.
  static constexpr int kLateMs = 30;
  bool ReceiveOne(int timeout_ms, std::vector<Datagram6>* received);

  Socket sd_{-1};
};

// TwoHosts that have IPv6 as well, without duplicate address detection.
class TwoHosts6 : public TwoHosts {
 protected:
  void SetUp() override;
  void TearDown() override;
  // The number of v0, for link-local destinations.
  static uint32_t Scope();
};

}  // namespace groupcast
