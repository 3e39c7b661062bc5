// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_options.h"

#include <fcntl.h>
#include <linux/in6.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include <cstring>
#include <span>

#include "tests/kernel/differential_world.h"

namespace groupcast {
namespace {

constexpr int kIpLocalPortRange = 51;  // newer than the C library's headers

template <typename T>
std::string Bytes(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

using Value = std::string (*)(Random*);

std::string On(Random*) { return Bytes(1); }
std::string Bit(Random* random) { return Bytes(random->Below(2)); }
std::string Byte(Random* random) { return Bytes(random->Below(256)); }
std::string Number(Random* random) { return Bytes(random->Below(10000)); }
std::string Link(Random* random) { return World::LinkName(random->Below(kLinks)); }
std::string LinkIndex(Random* random) {
  return Bytes(static_cast<int>(if_nametoindex(Link(random).c_str())));
}
std::string NetworkOrderLinkIndex(Random* random) {
  return Bytes(htonl(if_nametoindex(Link(random).c_str())));
}
std::string Ttl(Random* random) { return Bytes(random->Between(1, 255)); }
std::string Tos(Random* random) {
  return Bytes(random->Percent(50)
                   ? random->Below(256)
                   : int{random->Of({World::kRuleTos, World::kRouteTos}) | random->Below(4)});
}
std::string MtuDiscover(Random* random) { return Bytes(random->Below(6)); }
std::string Priority(Random* random) { return Bytes(random->Below(8)); }
std::string Mark(Random* random) {
  return Bytes(random->Percent(60) ? World::kMark : random->Below(100u));
}
std::string SendBuffer(Random* random) { return Bytes(random->Of({1, 10000, 100000, 1 << 20})); }
std::string Timeout(Random* random) {
  return Bytes(timeval{random->Below(3), 1 + random->Below(999999)});
}
std::string Segment(Random* random) { return Bytes(random->Between(100, 1400)); }
std::string Encapsulation(Random*) { return Bytes(int{UDP_ENCAP_ESPINUDP}); }
std::string Timestamping(Random*) { return Bytes(int{SOF_TIMESTAMPING_TX_SOFTWARE}); }
std::string TransmitTime(Random*) { return Bytes(sock_txtime{CLOCK_MONOTONIC, 0}); }
std::string MulticastInterface(Random* random) {
  ip_mreqn request = {};
  request.imr_ifindex = static_cast<int>(if_nametoindex(Link(random).c_str()));
  return Bytes(request);
}
std::string IpOptions(Random* random) {
  return random->Of<std::string>({std::string("\x94\x04\0\0", 4),            // router alert
                                  std::string("\x07\x07\x04\0\0\0\0\0", 8),  // record route
                                  std::string("\x01\x01\x01\x01\x01\x01\x01\x00", 8)});  // nothing
}
std::string LocalPorts(Random*) { return Bytes(uint32_t{40000u << 16 | 39000u}); }

// Those that some interface or route has are told from none by the kernel only.
std::string Hops(Random* random) {
  return Bytes(random->Percent(60)
                   ? random->Between(-1, 255)
                   : random->Of({-1, 0, 64, World::kHopLimit, World::kRouteHopLimit}));
}
std::string FlowLabels(Random* random) { return Bytes(random->Below(4)); }
std::string Preferences(Random* random) {
  return Bytes(random->Of({IPV6_PREFER_SRC_PUBLIC, IPV6_PREFER_SRC_TMP, IPV6_PREFER_SRC_COA}));
}
// An extension header of 8 bytes, with padding only.
std::string Extension(Random*) { return std::string("\0\0\1\4\0\0\0\0", 8); }

struct Kind {
  const char* name;
  unsigned per_mille;
  int level, option;
  Value value;
};

// Names and numbers of the options; how often each is met.
#define OPTION(per_mille, level, option, value) \
  Kind { #option, per_mille, level, option, value }

const Kind kKinds[] = {
    OPTION(60, SOL_SOCKET, SO_PRIORITY, Priority),
    OPTION(100, SOL_SOCKET, SO_MARK, Mark),
    OPTION(150, SOL_SOCKET, SO_BROADCAST, Bit),
    OPTION(60, SOL_SOCKET, SO_BINDTODEVICE, Link),
    OPTION(20, SOL_SOCKET, SO_BINDTOIFINDEX, LinkIndex),
    OPTION(50, SOL_SOCKET, SO_SNDBUF, SendBuffer),
    OPTION(50, SOL_SOCKET, SO_SNDTIMEO, Timeout),
    Kind{"O_NONBLOCK", 120, kFileLevel, 0, On},
    // Those that change nothing, or only what is received.
    OPTION(20, SOL_SOCKET, SO_REUSEADDR, On),
    OPTION(20, SOL_SOCKET, SO_REUSEPORT, On),
    OPTION(20, SOL_SOCKET, SO_KEEPALIVE, On),
    OPTION(20, SOL_SOCKET, SO_TIMESTAMP, On),
    OPTION(20, SOL_SOCKET, SO_RXQ_OVFL, On),
    OPTION(20, SOL_SOCKET, SO_RCVBUF, Number),
    OPTION(20, SOL_SOCKET, SO_BUSY_POLL, Number),
    OPTION(20, SOL_SOCKET, SO_MAX_PACING_RATE, Number),
    OPTION(20, SOL_SOCKET, SO_ZEROCOPY, On),
    OPTION(20, SOL_SOCKET, SO_WIFI_STATUS, On),
    OPTION(20, IPPROTO_UDP, UDP_GRO, On),
    // For these the socket goes by the kernel.
    OPTION(8, SOL_SOCKET, SO_NO_CHECK, On),
    OPTION(8, SOL_SOCKET, SO_DONTROUTE, On),
    OPTION(8, SOL_SOCKET, SO_TIMESTAMPING, Timestamping),
    OPTION(8, SOL_SOCKET, SO_TXTIME, TransmitTime),
    OPTION(8, IPPROTO_UDP, UDP_CORK, On),
    OPTION(8, IPPROTO_UDP, UDP_SEGMENT, Segment),
    OPTION(8, IPPROTO_UDP, UDP_ENCAP, Encapsulation),
};

// Those of IPv4 count on an AF_INET6 socket as well, for mapped addresses.
const Kind kIpv4Kinds[] = {
    OPTION(120, IPPROTO_IP, IP_TTL, Ttl),
    OPTION(150, IPPROTO_IP, IP_TOS, Tos),
    OPTION(350, IPPROTO_IP, IP_MTU_DISCOVER, MtuDiscover),
    OPTION(60, IPPROTO_IP, IP_RECVERR, On),
    OPTION(20, IPPROTO_IP, IP_MULTICAST_TTL, Byte),
    OPTION(20, IPPROTO_IP, IP_MULTICAST_LOOP, Bit),
    OPTION(20, IPPROTO_IP, IP_MULTICAST_IF, MulticastInterface),
    OPTION(20, IPPROTO_IP, IP_MULTICAST_ALL, Bit),
    OPTION(20, IPPROTO_IP, IP_PKTINFO, On),
    OPTION(20, IPPROTO_IP, IP_RECVTTL, On),
    OPTION(20, IPPROTO_IP, IP_RECVTOS, On),
    OPTION(20, IPPROTO_IP, IP_MINTTL, Byte),
    OPTION(20, IPPROTO_IP, IP_FREEBIND, On),
    OPTION(20, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, On),
    Kind{"IP_LOCAL_PORT_RANGE", 20, IPPROTO_IP, kIpLocalPortRange, LocalPorts},
    OPTION(8, IPPROTO_IP, IP_OPTIONS, IpOptions),
    OPTION(8, IPPROTO_IP, IP_TRANSPARENT, On),
    OPTION(8, IPPROTO_IP, IP_UNICAST_IF, NetworkOrderLinkIndex),
};

// Without IPV6_MTU and IPV6_PKTINFO, which sendgroup.h says are not followed.
const Kind kIpv6Kinds[] = {
    OPTION(120, IPPROTO_IPV6, IPV6_UNICAST_HOPS, Hops),
    OPTION(150, IPPROTO_IPV6, IPV6_TCLASS, Tos),
    OPTION(250, IPPROTO_IPV6, IPV6_MTU_DISCOVER, MtuDiscover),
    OPTION(150, IPPROTO_IPV6, IPV6_DONTFRAG, Bit),
    OPTION(60, IPPROTO_IPV6, IPV6_RECVERR, On),
    OPTION(80, IPPROTO_IPV6, IPV6_V6ONLY, On),
    OPTION(150, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, FlowLabels),
    OPTION(60, IPPROTO_IPV6, IPV6_FLOWINFO_SEND, On),
    OPTION(20, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, Preferences),
    OPTION(20, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, Hops),
    OPTION(20, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, Bit),
    OPTION(20, IPPROTO_IPV6, IPV6_MULTICAST_IF, LinkIndex),
    OPTION(20, IPPROTO_IPV6, IPV6_MULTICAST_ALL, Bit),
    OPTION(20, IPPROTO_IPV6, IPV6_RECVPKTINFO, On),
    OPTION(20, IPPROTO_IPV6, IPV6_RECVTCLASS, On),
    OPTION(20, IPPROTO_IPV6, IPV6_MINHOPCOUNT, Byte),
    OPTION(20, IPPROTO_IPV6, IPV6_FREEBIND, On),
    OPTION(8, IPPROTO_IPV6, IPV6_HOPOPTS, Extension),
    OPTION(8, IPPROTO_IPV6, IPV6_DSTOPTS, Extension),
    OPTION(8, IPPROTO_IPV6, IPV6_TRANSPARENT, On),
    OPTION(8, IPPROTO_IPV6, IPV6_UNICAST_IF, NetworkOrderLinkIndex),
    OPTION(8, IPPROTO_UDP, UDP_NO_CHECK6_TX, On),
};

#undef OPTION

}  // namespace

int SocketOption::Integer() const {
  int integer = 0;
  if (value.size() == sizeof(integer)) std::memcpy(&integer, value.data(), sizeof(integer));
  return integer;
}

void SocketOption::Set(int sd) const {
  if (level == kFileLevel) {
    fcntl(sd, F_SETFL, fcntl(sd, F_GETFL) | O_NONBLOCK);
    return;
  }
  setsockopt(sd, level, option, value.data(), static_cast<socklen_t>(value.size()));
}

std::vector<SocketOption> RandomOptions(Random* random, int family) {
  std::vector<SocketOption> options;
  if (random->Percent(30)) return options;
  const auto add = [&](std::span<const Kind> kinds) {
    for (const Kind& kind : kinds) {
      if (random->Below(1000u) >= kind.per_mille) continue;
      options.push_back({kind.name, kind.level, kind.option, kind.value(random)});
    }
  };
  add(kKinds);
  if (family == AF_INET || random->Percent(40)) add(kIpv4Kinds);
  if (family == AF_INET6) add(kIpv6Kinds);
  return options;
}

}  // namespace groupcast
