// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/udp_socket.h"

#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "engine/control/clock.h"

namespace groupcast {
namespace {

constexpr int64_t kReadAgainNs = 10'000'000;

std::atomic<uint32_t> refreshes{0};

int Option(int sd, int level, int name, int absent = 0) {
  int value = 0;
  socklen_t len = sizeof(value);
  return getsockopt(sd, level, name, &value, &len) == 0 ? value : absent;
}

bool HasIpOptions(int sd) {
  std::array<uint8_t, 40> options;
  socklen_t len = options.size();
  return getsockopt(sd, IPPROTO_IP, IP_OPTIONS, options.data(), &len) == 0 && len > 0;
}

bool HasTransmitTime(int sd) {
  sock_txtime value{};
  socklen_t len = sizeof(value);
  return getsockopt(sd, SOL_SOCKET, SO_TXTIME, &value, &len) == 0 &&
         (value.clockid != 0 || value.flags != 0);
}

uint64_t NetnsCookie(int sd) {
  uint64_t cookie = 0;
  socklen_t len = sizeof(cookie);
  getsockopt(sd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len);
  return cookie;
}

// What each of these does to a datagram is done by the kernel only.
bool NeedsKernel(int sd) {
  return Option(sd, IPPROTO_UDP, UDP_CORK) != 0 || Option(sd, IPPROTO_UDP, UDP_SEGMENT) != 0 ||
         Option(sd, IPPROTO_UDP, UDP_ENCAP) != 0 || Option(sd, SOL_SOCKET, SO_NO_CHECK) != 0 ||
         Option(sd, SOL_SOCKET, SO_DONTROUTE) != 0 || Option(sd, IPPROTO_IP, IP_TRANSPARENT) != 0 ||
         Option(sd, IPPROTO_IP, IP_UNICAST_IF) != 0 ||
         Option(sd, SOL_SOCKET, SO_TIMESTAMPING) != 0 || HasIpOptions(sd) || HasTransmitTime(sd);
}

// SHUT_WR alone shows nowhere.
bool IsShutDown(int sd) {
  pollfd state = {sd, 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0;
}

void Read(int sd, Engine* engine, UdpSocket* socket) {
  sockaddr_in local{};
  socklen_t len = sizeof(local);
  RouteProfile route;
  if (getsockname(sd, reinterpret_cast<sockaddr*>(&local), &len) == 0) {
    route.source = IpAddress::FromIpv4(local.sin_addr.s_addr);
    route.source_port = local.sin_port;
  }
  sockaddr_in peer;
  len = sizeof(peer);
  const bool connected = getpeername(sd, reinterpret_cast<sockaddr*>(&peer), &len) == 0;
  struct stat status {};
  fstat(sd, &status);
  route.uid = status.st_uid;
  route.mark = static_cast<uint32_t>(Option(sd, SOL_SOCKET, SO_MARK));
  route.interface = static_cast<uint32_t>(Option(sd, SOL_SOCKET, SO_BINDTOIFINDEX));
  route.tos = static_cast<uint8_t>(Option(sd, IPPROTO_IP, IP_TOS));
  socket->watch_errors = connected || Option(sd, IPPROTO_IP, IP_RECVERR) != 0;
  socket->nonblocking = (fcntl(sd, F_GETFL) & O_NONBLOCK) != 0;
  socket->mtu_discover = Option(sd, IPPROTO_IP, IP_MTU_DISCOVER);
  socket->send_timeout_ns = SendTimeoutNs(sd);
  socket->send_buffer = static_cast<uint64_t>(Option(sd, SOL_SOCKET, SO_SNDBUF));
  socket->sender.source = local.sin_addr.s_addr;
  socket->sender.source_port = route.source_port;
  socket->sender.ttl = static_cast<uint8_t>(Option(sd, IPPROTO_IP, IP_TTL));
  socket->sender.tos = route.tos;
  // An unbound socket is bound by the kernel on the call that sends first; the next call sees it.
  socket->kernel_only = Option(sd, SOL_SOCKET, SO_DOMAIN) != AF_INET || route.source_port == 0 ||
                        NetnsCookie(sd) != engine->netns_cookie() ||
                        !engine->MayBindTo(route.interface) || NeedsKernel(sd) || IsShutDown(sd);
  if (!socket->kernel_only) socket->profile = engine->resolver().Intern(route);
  if (route.source_port == 0) socket->read_ns = 0;
}

struct Entry {
  int sd = -1;
  UdpSocket socket;
};
// By descriptor; a thread that alternates between more sockets reads them more often.
thread_local std::array<Entry, 16> entries;

}  // namespace

UdpSocket* ReadSocket(int sd, Engine* engine) {
  uint64_t cookie = 0;
  socklen_t len = sizeof(cookie);
  if (getsockopt(sd, SOL_SOCKET, SO_COOKIE, &cookie, &len) != 0) return nullptr;
  Entry& entry = entries[static_cast<size_t>(sd) % entries.size()];
  UdpSocket& socket = entry.socket;
  const int64_t now_ns = MonotonicNs();
  const uint32_t seen = refreshes.load(std::memory_order_acquire);
  if (entry.sd == sd && socket.cookie == cookie && socket.engine == engine->instance() &&
      socket.refreshes == seen && now_ns - socket.read_ns < kReadAgainNs) {
    return &socket;
  }
  const int error = CheckUdpSocket(sd);
  if (error != 0) {
    entry.sd = -1;
    errno = error;
    return nullptr;
  }
  const bool corked = entry.sd == sd && socket.cookie == cookie && socket.corked;
  entry.sd = sd;
  socket = UdpSocket{};
  socket.corked = corked;
  socket.cookie = cookie;
  socket.read_ns = now_ns;
  socket.refreshes = seen;
  socket.engine = engine->instance();
  Read(sd, engine, &socket);
  return &socket;
}

int CheckUdpSocket(int sd) {
  int protocol = 0;
  socklen_t len = sizeof(protocol);
  if (getsockopt(sd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) != 0) return errno;
  // A raw socket may have that protocol, too.
  return protocol == IPPROTO_UDP && Option(sd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM ? 0 : EOPNOTSUPP;
}

int64_t SendTimeoutNs(int sd) {
  timeval timeout{};
  socklen_t len = sizeof(timeout);
  getsockopt(sd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &len);
  return int64_t{timeout.tv_sec} * 1'000'000'000 + int64_t{timeout.tv_usec} * 1000;
}

void RefreshSockets() { refreshes.fetch_add(1, std::memory_order_release); }

bool ErrorPending(int sd) {
  pollfd state = {sd, 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & POLLERR) != 0;
}

}  // namespace groupcast
