// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/group_sockets.h"

#include <absl/strings/str_cat.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace groupcast {
namespace {

absl::Status Error(const RelayConfig& config, const RelayGroup& group, const char* key,
                   const ConfiguredAddress& at, const std::string& what) {
  const ConfiguredAddress& place = at.given() ? at : group.ingresses.front().address;
  return absl::UnavailableError(absl::StrCat(config.path, ":", place.line, ":", place.column, ": ",
                                             key, ": '", at.ToString(), "' of group '", group.name,
                                             "' ", what));
}

absl::Status SocketError(const RelayConfig& config, const RelayGroup& group, const char* key,
                         const ConfiguredAddress& at, int error) {
  const bool ingress = std::strcmp(key, "ingress") == 0;
  std::string what;
  switch (error) {
    case EADDRINUSE:
      what = absl::StrCat("is in use by another program (another groupcastd?); stop it (ss -ulpn '",
                          "sport = :", at.udp_port, "' names it) or choose another address");
      break;
    case EADDRNOTAVAIL:
      what = absl::StrCat(
          "is not an address of this host; choose one that 'ip address' lists",
          ingress ? ", or 0.0.0.0 (IPv4) or [::] (IPv6) for all" : ", or leave out the key");
      break;
    case EACCES:
      what = "may not be bound by this user; choose a port from 1024, or give CAP_NET_BIND_SERVICE";
      break;
    case EMFILE:
    case ENFILE:
      what = "has no file descriptor left for it; raise the limit of open files (ulimit -n)";
      break;
    default:
      what = absl::StrCat("cannot be used: ", std::strerror(error));
  }
  return Error(config, group, key, at, what);
}

// 0, or errno.
int SetOption(int socket_fd, int level, int name, int value) {
  return setsockopt(socket_fd, level, name, &value, sizeof(value)) == 0 ? 0 : errno;
}

// `shares`: the address with other sockets. 0, or errno.
int OpenBound(const SocketAddress& address, int family, bool own_family_only, bool shares,
              FileDescriptor* out) {
  FileDescriptor opened(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!opened.valid()) return errno;
  const int fd = opened.get();
  if (const int error = SetOption(fd, SOL_SOCKET, SO_REUSEADDR, shares ? 1 : 0)) return error;
  if (family == AF_INET6) {
    const int only = own_family_only ? 1 : 0;
    if (const int error = SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, only)) return error;
  }
  if (bind(fd, address.get(), address.length) != 0) return errno;
  *out = std::move(opened);
  return 0;
}

// Joins what the ingress names, for its sources if it has any (RFC 3678), and nothing that other
// sockets of this host have joined. 0, or errno.
int Join(int socket_fd, const RelayIngress& ingress, const SocketAddress& group, int family,
         unsigned interface) {
  const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  const int all = family == AF_INET ? IP_MULTICAST_ALL : IPV6_MULTICAST_ALL;
  if (const int error = SetOption(socket_fd, level, all, 0)) return error;
  if (ingress.from.empty()) {
    group_req request{};
    request.gr_interface = interface;
    request.gr_group = group.bytes;
    const int joined = setsockopt(socket_fd, level, MCAST_JOIN_GROUP, &request, sizeof(request));
    return joined == 0 ? 0 : errno;
  }
  for (const IpAddress& from : ingress.from) {
    ConfiguredAddress source;
    source.address = from;
    group_source_req request{};
    request.gsr_interface = interface;
    request.gsr_group = group.bytes;
    request.gsr_source = ToSocketAddress(source, family)->bytes;
    if (setsockopt(socket_fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof(request)) != 0) {
      return errno;
    }
  }
  return 0;
}

absl::StatusOr<FileDescriptor> OpenIngress(const RelayConfig& config, const RelayGroup& group,
                                           const RelayIngress& ingress) {
  const ConfiguredAddress& at = ingress.address;
  const int family = at.address.IsIpv4() ? AF_INET : AF_INET6;
  const bool multicast = at.address.IsMulticast();
  absl::StatusOr<SocketAddress> address = ToSocketAddress(at, family);
  if (!address.ok()) {
    return Error(config, group, "ingress", at,
                 absl::StrCat("cannot be used: ", address.status().message()));
  }
  unsigned interface = 0;
  if (!ingress.interface.empty() && (interface = if_nametoindex(ingress.interface.c_str())) == 0) {
    return Error(config, group, "interface", at,
                 absl::StrCat("is to be joined on '", ingress.interface,
                              "', which is no interface of this host; see 'ip link'"));
  }
  if (family == AF_INET6 && multicast) {  // of one link: it can't be bound without
    reinterpret_cast<sockaddr_in6&>(address->bytes).sin6_scope_id = interface;
  }
  FileDescriptor opened;
  // Others of this host may receive the same multicast; each gets a copy.
  if (const int error = OpenBound(*address, family, true, multicast, &opened)) {
    return SocketError(config, group, "ingress", at, error);
  }
  if (multicast) {
    // What came to another interface, where somebody else has joined, is not meant.
    if (interface != 0) {
      if (const int error =
              SetOption(opened.get(), SOL_SOCKET, SO_BINDTOIFINDEX, static_cast<int>(interface))) {
        return SocketError(config, group, "ingress", at, error);
      }
    }
    if (const int error = Join(opened.get(), ingress, *address, family, interface)) {
      return Error(config, group, "ingress", at,
                   absl::StrCat("cannot be joined: ", std::strerror(error),
                                error == ENODEV ? "; no route leads to it: name its interface"
                                : error == ENOBUFS
                                    ? "; raise net.ipv4.igmp_max_msf (IPv6: net.ipv6.mld_max_msf)"
                                    : ""));
    }
  }
  // Beyond net.core.rmem_max only with CAP_NET_ADMIN.
  if (SetOption(opened.get(), SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes) != 0) {
    SetOption(opened.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);
  }
  return opened;
}

// What the group wants of the socket that it sends from. 0, or errno.
int SetEgressOptions(int egress, int family, const RelayGroup& group) {
  struct Option {
    bool wanted;
    int level, name, value;
  };
  const bool six = family == AF_INET6;
  const bool given = group.dont_fragment.has_value();
  const bool df = group.dont_fragment.value_or(false);
  const Option options[] = {
      {group.ttl.has_value(), IPPROTO_IP, IP_TTL, group.ttl.value_or(0)},
      {group.ttl.has_value() && six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, group.ttl.value_or(0)},
      {group.tos.has_value(), IPPROTO_IP, IP_TOS, group.tos.value_or(0)},
      {group.tos.has_value() && six, IPPROTO_IPV6, IPV6_TCLASS, group.tos.value_or(0)},
      {given, IPPROTO_IP, IP_MTU_DISCOVER, df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT},
      {given && six, IPPROTO_IPV6, IPV6_MTU_DISCOVER, df ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT},
  };
  for (const Option& option : options) {
    if (!option.wanted) continue;
    if (const int error = SetOption(egress, option.level, option.name, option.value)) return error;
  }
  return 0;
}

// Where in `group.ingresses` the group sends from; its size if from nowhere there.
size_t SharedIngress(const RelayGroup& group) {
  const auto shared = std::ranges::find_if(group.ingresses, [&](const RelayIngress& one) {
    return group.source.given() && one.address == group.source;
  });
  return static_cast<size_t>(shared - group.ingresses.begin());
}

}  // namespace

void OpenIngresses(const RelayConfig& config, const RelayGroup& group, GroupSockets* sockets,
                   std::vector<std::string>* errors) {
  for (const RelayIngress& ingress : group.ingresses) {
    absl::StatusOr<FileDescriptor> opened = OpenIngress(config, group, ingress);
    if (!opened.ok()) {
      errors->emplace_back(opened.status().message());
      continue;
    }
    socklen_t size = sizeof(sockets->receive_buffer_bytes);
    getsockopt(opened->get(), SOL_SOCKET, SO_RCVBUF, &sockets->receive_buffer_bytes, &size);
    sockets->receive_buffer_bytes /= 2;  // the kernel doubles it, for its own bookkeeping
    sockets->ingresses.push_back(*std::move(opened));
  }
}

void OpenEgress(const RelayConfig& config, const RelayGroup& group, GroupSockets* sockets,
                std::vector<std::string>* errors) {
  const int family = group.egress_family();
  ConfiguredAddress source = group.source;
  if (!source.given() && family == AF_INET) source.address = IpAddress::FromIpv4(INADDR_ANY);
  const auto fail = [&](const absl::Status& status) { errors->emplace_back(status.message()); };
  const size_t shared = SharedIngress(group);
  if (shared < group.ingresses.size()) {
    sockets->shared_egress = sockets->ingresses[shared].get();
  } else {
    const absl::StatusOr<SocketAddress> address = ToSocketAddress(source, family);
    if (!address.ok()) {
      return fail(Error(config, group, "source", source,
                        absl::StrCat("cannot be used: ", address.status().message())));
    }
    if (const int error = OpenBound(*address, family, false, false, &sockets->own_egress)) {
      return fail(SocketError(config, group, "source", source, error));
    }
    // Nobody reads what is sent back to it: no memory for that.
    SetOption(sockets->own_egress.get(), SOL_SOCKET, SO_RCVBUF, 0);
  }
  // Members that do not answer hold what waits for them, for seconds.
  if (SetOption(sockets->egress(), SOL_SOCKET, SO_SNDBUFFORCE, kSendBufferBytes) != 0) {
    SetOption(sockets->egress(), SOL_SOCKET, SO_SNDBUF, kSendBufferBytes);
  }
  if (const int error = SetEgressOptions(sockets->egress(), family, group)) {
    fail(SocketError(config, group, "source", source, error));
  }
}

}  // namespace groupcast
