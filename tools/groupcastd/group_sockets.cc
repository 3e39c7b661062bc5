// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcastd/group_sockets.h"

#include <absl/strings/str_cat.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace groupcast {
namespace {

absl::Status SocketError(const RelayConfig& config, const RelayGroup& group, const char* key,
                         const ConfiguredAddress& at, int error) {
  const bool ingress = std::strcmp(key, "ingress") == 0;
  std::string what;
  switch (error) {
    case EADDRINUSE:
      what = absl::StrCat("is in use by another program (another groupcastd?); stop it (ss -ulpn '",
                          "sport = :", ntohs(at.address.sin_port),
                          "' names it) or choose another address");
      break;
    case EADDRNOTAVAIL:
      what = absl::StrCat("is not an address of this host; choose one that 'ip -4 address' lists",
                          ingress ? ", or 0.0.0.0 for all" : ", or leave out the key");
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
  const int line = at.line != 0 ? at.line : group.ingress.line;
  const int column = at.line != 0 ? at.column : group.ingress.column;
  return absl::UnavailableError(absl::StrCat(config.path, ":", line, ":", column, ": ", key, ": '",
                                             at.ToString(), "' of group '", group.name, "' ",
                                             what));
}

int OpenBound(const sockaddr_in& address, FileDescriptor* out) {
  FileDescriptor socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return errno;
  if (bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno;
  }
  *out = std::move(socket_fd);
  return 0;
}

int SetOption(int socket_fd, int level, int name, int value) {
  return setsockopt(socket_fd, level, name, &value, sizeof(value)) == 0 ? 0 : errno;
}

}  // namespace

absl::StatusOr<GroupSockets> OpenGroupSockets(const RelayConfig& config, const RelayGroup& group) {
  GroupSockets sockets;
  const ConfiguredAddress& ingress = group.ingress;
  if (const int error = OpenBound(ingress.address, &sockets.ingress)) {
    return SocketError(config, group, "ingress", ingress, error);
  }
  const int fd = sockets.ingress.get();
  // Beyond net.core.rmem_max only with CAP_NET_ADMIN.
  if (SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes) != 0) {
    SetOption(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);
  }
  socklen_t size = sizeof(sockets.receive_buffer_bytes);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &sockets.receive_buffer_bytes, &size);
  sockets.receive_buffer_bytes /= 2;  // the kernel doubles it, for its own bookkeeping

  ConfiguredAddress source = group.source;
  source.address.sin_family = AF_INET;
  const bool shared = source.address.sin_port != 0 &&
                      source.address.sin_port == ingress.address.sin_port &&
                      source.address.sin_addr.s_addr == ingress.address.sin_addr.s_addr;
  if (!shared) {
    if (const int error = OpenBound(source.address, &sockets.own_egress)) {
      return SocketError(config, group, "source", source, error);
    }
    // Nobody reads what is sent back to it: no memory for that.
    SetOption(sockets.own_egress.get(), SOL_SOCKET, SO_RCVBUF, 0);
  }
  int error = 0;
  if (group.ttl) error = SetOption(sockets.egress(), IPPROTO_IP, IP_TTL, *group.ttl);
  if (group.tos && error == 0) error = SetOption(sockets.egress(), IPPROTO_IP, IP_TOS, *group.tos);
  if (error != 0) return SocketError(config, group, "source", source, error);
  return sockets;
}

uint32_t DroppedDatagrams(int socket_fd) {
  uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof(info);
  if (getsockopt(socket_fd, SOL_SOCKET, SO_MEMINFO, info, &size) != 0) return 0;
  return info[SK_MEMINFO_DROPS];
}

}  // namespace groupcast
