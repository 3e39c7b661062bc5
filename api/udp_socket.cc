// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/udp_socket.h"

#include <absl/hash/hash.h>
#include <fcntl.h>
#include <linux/in6.h>
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
constexpr int kDefaultPreferences = IPV6_PREFER_SRC_PUBTMP_DEFAULT | IPV6_PREFER_SRC_HOME;
constexpr uint32_t kFlowLabelMask = 0xfffff;
constexpr uint32_t kStatelessFlowLabel = 0x80000;

std::atomic<uint32_t> refreshes{0};

// Whether there are IP options, or IPv6 extension headers, of that name.
bool HasHeaders(int sd, int level, int name) {
  std::array<uint8_t, 40> bytes;
  socklen_t len = bytes.size();
  return getsockopt(sd, level, name, bytes.data(), &len) == 0 && len > 0;
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
  return SocketOption(sd, IPPROTO_UDP, UDP_CORK) != 0 ||
         SocketOption(sd, IPPROTO_UDP, UDP_SEGMENT) != 0 ||
         SocketOption(sd, IPPROTO_UDP, UDP_ENCAP) != 0 ||
         SocketOption(sd, SOL_SOCKET, SO_NO_CHECK) != 0 ||
         SocketOption(sd, SOL_SOCKET, SO_DONTROUTE) != 0 ||
         SocketOption(sd, IPPROTO_IP, IP_TRANSPARENT) != 0 ||
         SocketOption(sd, IPPROTO_IP, IP_UNICAST_IF) != 0 ||
         SocketOption(sd, SOL_SOCKET, SO_TIMESTAMPING) != 0 ||
         HasHeaders(sd, IPPROTO_IP, IP_OPTIONS) || HasTransmitTime(sd);
}

bool NeedsKernel6(int sd) {
  return SocketOption(sd, IPPROTO_UDP, UDP_NO_CHECK6_TX) != 0 ||
         SocketOption(sd, IPPROTO_IPV6, IPV6_UNICAST_IF) != 0 ||
         HasHeaders(sd, IPPROTO_IPV6, IPV6_HOPOPTS) || HasHeaders(sd, IPPROTO_IPV6, IPV6_RTHDR) ||
         HasHeaders(sd, IPPROTO_IPV6, IPV6_RTHDRDSTOPTS) ||
         HasHeaders(sd, IPPROTO_IPV6, IPV6_DSTOPTS);
}

// ip6_make_flowlabel().
FlowLabels FlowLabelsOf(int sd, const Ipv6Settings& settings) {
  enum { kOff, kOnByDefault, kOffByDefault, kForced };
  const int automatic = settings.AutoFlowLabels();
  if (automatic == kOff) return FlowLabels::kNone;
  if (automatic != kForced && SocketOption(sd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL) == 0) {
    return FlowLabels::kNone;
  }
  return settings.FlowLabelStateRanges() ? FlowLabels::kAutomaticStateless : FlowLabels::kAutomatic;
}

// What only datagrams to IPv6 destinations need, and which destinations there may be.
void Read6(int sd, bool connected, const Ipv6Settings& settings, UdpSocket* socket) {
  const bool any = socket->source == IpAddress{};
  const bool default_source = !any || SocketOption(sd, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES,
                                                   kDefaultPreferences) == kDefaultPreferences;
  socket->ipv4 =
      (any || socket->source.IsIpv4()) && SocketOption(sd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
  // Bound to a multicast address it sends from another one, that of the peer's route once it was
  // connected, and the kernel tells neither.
  const in6_addr source = socket->source.Ipv6();
  socket->ipv6 = !socket->source.IsIpv4() && !IN6_IS_ADDR_MULTICAST(&source) && default_source &&
                 !NeedsKernel6(sd);
  socket->watch_errors |= SocketOption(sd, IPPROTO_IPV6, IPV6_RECVERR) != 0;
  socket->mtu_discover6 = SocketOption(sd, IPPROTO_IPV6, IPV6_MTU_DISCOVER);
  socket->traffic_class = static_cast<uint8_t>(SocketOption(sd, IPPROTO_IPV6, IPV6_TCLASS));
  socket->flow_information = SocketOption(sd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND) != 0;
  socket->flow_labels = FlowLabelsOf(sd, settings);
  // The kernel does not say that none was set: it tells what it would use, which is that of the
  // peer's route, or net.ipv6.conf.all.hop_limit.
  socket->hop_limit = static_cast<uint8_t>(SocketOption(sd, IPPROTO_IPV6, IPV6_UNICAST_HOPS));
  socket->own_hop_limit = !connected && socket->hop_limit != settings.HopLimit();
}

// getpeername() knows no peer with port 0, but such a socket has a route, and that route an MTU,
// until an option that routes depend on is set.
bool IsConnected(int sd, bool six) {
  sockaddr_in6 peer;
  socklen_t len = sizeof(peer);
  return getpeername(sd, reinterpret_cast<sockaddr*>(&peer), &len) == 0 ||
         (six ? SocketOption(sd, IPPROTO_IPV6, IPV6_MTU) : SocketOption(sd, IPPROTO_IP, IP_MTU)) !=
             0;
}

// SHUT_WR alone shows nowhere.
bool IsShutDown(int sd) {
  pollfd state = {sd, 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0;
}

void Read(int sd, RunningEngine* engine, UdpSocket* socket) {
  RouteProfile route;
  sockaddr_in6 local{};
  socklen_t len = sizeof(local);
  getsockname(sd, reinterpret_cast<sockaddr*>(&local), &len);
  socket->six = local.sin6_family == AF_INET6;
  socket->source = AddressOf(reinterpret_cast<const sockaddr*>(&local));
  socket->source_port = local.sin6_port;  // where sockaddr_in has it, too
  const bool connected = IsConnected(sd, socket->six);
  struct stat status {};
  fstat(sd, &status);
  route.uid = status.st_uid;
  route.mark = static_cast<uint32_t>(SocketOption(sd, SOL_SOCKET, SO_MARK));
  route.interface = static_cast<uint32_t>(SocketOption(sd, SOL_SOCKET, SO_BINDTOIFINDEX));
  socket->watch_errors = connected || SocketOption(sd, IPPROTO_IP, IP_RECVERR) != 0;
  socket->nonblocking = (fcntl(sd, F_GETFL) & O_NONBLOCK) != 0;
  socket->send_timeout_ns = SendTimeoutNs(sd);
  socket->send_buffer = static_cast<uint64_t>(SocketOption(sd, SOL_SOCKET, SO_SNDBUF));
  socket->mtu_discover = SocketOption(sd, IPPROTO_IP, IP_MTU_DISCOVER);
  socket->ttl = static_cast<uint8_t>(SocketOption(sd, IPPROTO_IP, IP_TTL));
  socket->tos = static_cast<uint8_t>(SocketOption(sd, IPPROTO_IP, IP_TOS));
  if (socket->six) {
    Read6(sd, connected, engine->ipv6_settings(), socket);
  } else {
    socket->ipv4 = local.sin6_family == AF_INET;
  }
  route.source = socket->source.IsUnspecified() ? IpAddress{} : socket->source;
  route.source_port = socket->source_port;
  route.tos = socket->tos;
  route.traffic_class = socket->traffic_class;
  // An unbound socket is bound by the kernel on the call that sends first; the next call sees it.
  socket->kernel_only = !(socket->ipv4 || socket->ipv6) || route.source_port == 0 ||
                        NetnsCookie(sd) != engine->netns_cookie() ||
                        !engine->MayBindTo(route.interface) || NeedsKernel(sd) || IsShutDown(sd);
  socket->route = route;
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

IpAddress AddressOf(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return IpAddress::FromIpv4(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
  }
  return IpAddress::FromIpv6(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

int SocketOption(int sd, int level, int name, int absent) {
  int value = 0;
  socklen_t len = sizeof(value);
  return getsockopt(sd, level, name, &value, &len) == 0 ? value : absent;
}

uint32_t FlowLabel(FlowLabels kind, const IpAddress& source, rte_be16_t source_port,
                   const IpAddress& destination, rte_be16_t udp_port) {
  if (kind == FlowLabels::kNone) return 0;
  // Seeded differently in each process.
  const auto hash = static_cast<uint32_t>(absl::HashOf(source, source_port, destination, udp_port) &
                                          kFlowLabelMask);
  return kind == FlowLabels::kAutomaticStateless ? hash | kStatelessFlowLabel : hash;
}

UdpSocket* ReadSocket(int sd, RunningEngine* engine) {
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
  return protocol == IPPROTO_UDP && SocketOption(sd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM
             ? 0
             : EOPNOTSUPP;
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
