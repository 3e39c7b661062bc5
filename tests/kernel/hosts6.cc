// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/hosts6.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace groupcast {
namespace {

constexpr int kReceiveBufferBytes = 256 << 20;

void EnableIpv6(const NetworkNamespace& where, const std::string& device) {
  where.Sysctl("ipv6/conf/lo/disable_ipv6", 0);
  where.Sysctl("ipv6/conf/" + device + "/accept_dad", 0);
  where.Sysctl("ipv6/conf/" + device + "/accept_ra", 0);
  where.Sysctl("ipv6/conf/" + device + "/router_solicitations", 0);
  where.Sysctl("ipv6/conf/" + device + "/disable_ipv6", 0);
}

}  // namespace

sockaddr_in6 Endpoint6(const std::string& address, uint16_t udp_port, uint32_t plus,
                       uint32_t scope) {
  sockaddr_in6 endpoint = {};
  endpoint.sin6_family = AF_INET6;
  endpoint.sin6_port = htons(udp_port);
  endpoint.sin6_scope_id = scope;
  EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), &endpoint.sin6_addr), 1) << address;
  uint32_t& last = endpoint.sin6_addr.s6_addr32[3];
  last = htonl(ntohl(last) + plus);
  return endpoint;
}

sockaddr_in6 Mapped(uint32_t address, uint16_t udp_port) {
  return Endpoint6("::ffff:0.0.0.0", udp_port, address);
}

std::string Text(const in6_addr& address) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, &address, text, sizeof(text));
}

Socket BoundSocket6(const std::string& address, uint16_t udp_port) {
  Socket sd(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in6 local = Endpoint6(address, udp_port);
  EXPECT_EQ(bind(sd, reinterpret_cast<const sockaddr*>(&local), sizeof(local)), 0)
      << std::strerror(errno);
  return sd;
}

Sink6::Sink6(const NetworkNamespace& where, uint16_t udp_port) {
  where.Run([&] { sd_ = BoundSocket6("::", udp_port); });
  sd_.Set(SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes);
  sd_.Set(SOL_SOCKET, SO_RXQ_OVFL, 1);
  sd_.Set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

bool Sink6::ReceiveOne(int timeout_ms, std::vector<Datagram6>* received) {
  pollfd wanted = {.fd = sd_, .events = POLLIN, .revents = 0};
  if (poll(&wanted, 1, timeout_ms) <= 0) return false;
  char bytes[65536];
  alignas(cmsghdr) char control[256];
  Datagram6 datagram = {};
  iovec part = {bytes, sizeof(bytes)};
  msghdr message = {};
  message.msg_name = &datagram.from;
  message.msg_namelen = sizeof(datagram.from);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t length = recvmsg(sd_, &message, MSG_DONTWAIT);
  if (length < 0) return false;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof(info));
      datagram.to = Text(info.ipi6_addr);
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      uint32_t dropped;
      std::memcpy(&dropped, CMSG_DATA(c), sizeof(dropped));
      EXPECT_EQ(dropped, 0u) << "lost in the receiver's own socket buffer, not on the way";
    }
  }
  datagram.payload.assign(bytes, static_cast<size_t>(length));
  received->push_back(std::move(datagram));
  return true;
}

std::vector<Datagram6> Sink6::Receive(size_t count, int patience_ms, int late_ms) {
  std::vector<Datagram6> received;
  while (received.size() < count && ReceiveOne(patience_ms, &received)) {
  }
  while (ReceiveOne(late_ms, &received)) {
  }
  return received;
}

void TwoHosts6::SetUp() {
  if (access("/proc/net/if_inet6", F_OK) != 0) GTEST_SKIP() << "no IPv6 in this kernel";
  TwoHosts::SetUp();
  if (IsSkipped()) return;
  EnableIpv6(rx(), "v1");
  std::string commands;
  for (uint32_t i = 1; i <= kOnLinkHosts6; i++) {
    commands += "address add " + Text(Endpoint6(kOnLink6, 0, i).sin6_addr) + "/64 dev v1 nodad\n";
  }
  rx().Shell("ip -batch - <<'end'\naddress add " + std::string(kRxAddress6) + "/64 dev v1 nodad\n" +
             commands + "route add local " + kBehindGateway6 + "/48 dev v1\nend");
  EnableIpv6(tx(), "v0");
  tx().Shell("ip address add " + std::string(kTxAddress6) + "/64 dev v0 nodad && ip route add " +
             kBehindGateway6 + "/48 via " + kRxAddress6);
}

void TwoHosts6::TearDown() {
  TwoHosts::TearDown();
  if (tx().error() == 0) tx().Shell("ip -6 route flush table main");
}

uint32_t TwoHosts6::Scope() { return if_nametoindex("v0"); }

}  // namespace groupcast
