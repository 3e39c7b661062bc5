// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/resolver_ipv6_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace groupcast {

void ResolverIpv6Test::SetUp() {
  ResolverTest::SetUp();
  if (IsSkipped() || HasFatalFailure()) return;
  // Without the kernel's own link-local addresses, which it first looks for on the link.
  Us("ip -6 addr flush dev u0 && ip addr add fe80::1/64 dev u0 nodad && "
     "ip addr add fd77::1/64 dev u0 nodad");
  Peer(
      "ip -6 addr flush dev p0 && ip addr add fe80::2/64 dev p0 nodad && "
      "ip addr add fd77::2/64 dev p0 nodad");
}

ConnectedSocket::ConnectedSocket(const char* to)
    : sd_(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  const Destination destination = To(to);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = destination.address.Ipv6();
  address.sin6_scope_id = destination.scope;
  address.sin6_port = destination.udp_port;
  EXPECT_EQ(connect(sd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << to;
}

ConnectedSocket::~ConnectedSocket() { close(sd_); }

IpAddress ConnectedSocket::Source() const {
  sockaddr_in6 address{};
  socklen_t length = sizeof(address);
  EXPECT_EQ(getsockname(sd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
  return IpAddress::FromIpv6(address.sin6_addr);
}

uint32_t ConnectedSocket::PathMtu() const {
  uint32_t mtu = 0;
  socklen_t length = sizeof(mtu);
  EXPECT_EQ(getsockopt(sd_, IPPROTO_IPV6, IPV6_MTU, &mtu, &length), 0);
  return mtu;
}

uint8_t ConnectedSocket::HopLimit() const {
  int hops = 0;
  socklen_t length = sizeof(hops);
  EXPECT_EQ(getsockopt(sd_, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, &length), 0);
  return static_cast<uint8_t>(hops);
}

std::string Text(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, address.bytes.data(), text, sizeof(text));
}

}  // namespace groupcast
