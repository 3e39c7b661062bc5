// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/fuzz/sendgroup_sockets.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/wire/wire.h"

namespace groupcast {
namespace {

template <typename T>
void Set(int sd, int level, int name, const T& value) {
  if (setsockopt(sd, level, name, &value, sizeof(value)) == 0) return;
  std::perror("setsockopt");
  std::abort();
}

}  // namespace

int OpenFuzzSocket(const std::string& name) {
  if (name == "closed") return 1000;  // above any that is open
  if (name == "tcp") return socket(AF_INET, SOCK_STREAM, 0);
  if (name == "raw") return socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  if (name == "unix") return socket(AF_UNIX, SOCK_DGRAM, 0);
  if (name == "ipv6") return socket(AF_INET6, SOCK_DGRAM, 0);
  if (name == "unbound") return socket(AF_INET, SOCK_DGRAM, 0);
  if (name == "pipe") {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    close(ends[0]);
    return ends[1];
  }
  if (name == "ipv6_bound" || name == "ipv6_only") {
    const int sd = socket(AF_INET6, SOCK_DGRAM, 0);
    if (name == "ipv6_only") Set(sd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    const sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    if (bind(sd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) std::abort();
    return sd;
  }
  const int sd = BoundSocket();
  if (name == "nonblocking") fcntl(sd, F_SETFL, O_NONBLOCK);
  if (name == "corked") Set(sd, IPPROTO_UDP, UDP_CORK, 1);
  if (name == "timeout") Set(sd, SOL_SOCKET, SO_SNDTIMEO, timeval{.tv_sec = 5, .tv_usec = 0});
  if (name == "broadcast") Set(sd, SOL_SOCKET, SO_BROADCAST, 1);
  if (name == "shut") shutdown(sd, SHUT_RDWR);
  if (name == "small") Set(sd, SOL_SOCKET, SO_SNDBUF, 1);
  if (name == "options") {
    Set(sd, IPPROTO_IP, IP_TTL, 9);
    Set(sd, IPPROTO_IP, IP_TOS, 0x2e);
    Set(sd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  }
  if (name == "connected") {
    // To itself: nobody answers with an error. Without a loopback it stays unconnected.
    sockaddr_in own{};
    socklen_t length = sizeof(own);
    getsockname(sd, reinterpret_cast<sockaddr*>(&own), &length);
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    [[maybe_unused]] int rc = connect(sd, reinterpret_cast<const sockaddr*>(&own), sizeof(own));
  }
  return sd;
}

bool IsIpv6(const std::string& name) { return name.compare(0, 4, "ipv6") == 0; }

bool MayUseEngine(const std::string& name) {
  // "connected": there is no loopback where there is an engine. "unbound", "ipv6": once bound.
  return name == "bound" || name == "unbound" || name == "connected" || name == "nonblocking" ||
         name == "timeout" || name == "options" || name == "broadcast" || name == "small" ||
         IsIpv6(name);
}

void RaiseLoopback() {
  const int sd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(sd, SIOCSIFFLAGS, &request) != 0) std::abort();
  close(sd);
}

}  // namespace groupcast
