// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-sink/sockets.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace groupcast {
namespace {

absl::Status ErrnoStatus(int error, const std::string& what, const std::string& cure) {
  return absl::Status(absl::ErrnoToStatusCode(error),
                      absl::StrCat(what, ": ", strerror(error), "; ", cure));
}

// Above net.core.rmem_max where we may.
void SetReceiveBuffer(int fd, int bytes) {
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }
}

const char* BindCure(int error) {
  switch (error) {
    case EADDRINUSE:
      return "another program receives there: stop it, or use another port";
    case EADDRNOTAVAIL:
      return "this host does not own the address: add it, or a local route to its range "
             "(ip route add local RANGE dev INTERFACE)";
    case EACCES:
      return "ports below 1024 need root: use another port";
    default:
      return "check the address and the port";
  }
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenUdpSocket(const Recipient& local, bool tell_destination,
                                             int receive_buffer_bytes) {
  FileDescriptor socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket_fd.get() < 0)
    return ErrnoStatus(errno, "UDP socket", "see the limit of open files (ulimit -n)");
  SetReceiveBuffer(socket_fd.get(), receive_buffer_bytes);
  const int on = 1;
  if (tell_destination &&
      setsockopt(socket_fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0) {
    return ErrnoStatus(errno, "IP_PKTINFO", "this kernel is too old");
  }
  const sockaddr_in address = ToSockaddr(local);
  if (bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    return ErrnoStatus(error, absl::StrCat("bind to ", ToString(local)), BindCure(error));
  }
  return socket_fd;
}

absl::StatusOr<FileDescriptor> OpenWatchSocket(const Recipient& recipient,
                                               int receive_buffer_bytes) {
  // No protocol yet: nothing gets in before the filter is there.
  FileDescriptor socket_fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket_fd.get() < 0) {
    return ErrnoStatus(errno, absl::StrCat("watch ", ToString(recipient)),
                       "a packet socket needs root (CAP_NET_RAW)");
  }
  SetReceiveBuffer(socket_fd.get(), receive_buffer_bytes);
  constexpr auto kTypeAt = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
  // What is for this host, unfragmented UDP over IPv4, with this destination.
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kTypeAt),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 10),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 8),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, recipient.address, 0, 6),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, recipient.udp_port, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program = {static_cast<unsigned short>(std::size(filter)), filter};
  if (setsockopt(socket_fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("filter for ", ToString(recipient)), "is BPF disabled?");
  }
  const int on = 1;
  if (setsockopt(socket_fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) != 0) {
    return ErrnoStatus(errno, "PACKET_AUXDATA", "this kernel is too old");
  }
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  if (bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("watch ", ToString(recipient)), "is AF_PACKET there?");
  }
  return socket_fd;
}

uint64_t SocketDrops(int fd) {
  // The counter that SO_RXQ_OVFL gives with a datagram; here also when none follows the loss.
  uint32_t memory[SK_MEMINFO_VARS] = {};
  socklen_t bytes = sizeof(memory);
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &bytes) != 0) return 0;
  return memory[SK_MEMINFO_DROPS];
}

absl::Status RaiseOpenFiles(size_t sockets) {
  constexpr rlim_t kOthers = 16;  // standard streams, epoll, the report
  const rlim_t needed = sockets + kOthers;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return absl::OkStatus();
  const rlim_t allowed = limit.rlim_max;
  limit.rlim_cur = needed;
  limit.rlim_max = std::max(allowed, needed);
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(sockets, " sockets (one per UDP port) are more than the ", allowed,
                   " files this process may open; raise the limit as root (ulimit -n ", needed,
                   ", at most fs.nr_open), or use fewer ports with more addresses"));
}

uint64_t UdpChecksumErrors() {
  // Two lines that begin with "Udp:": names, then values.
  std::ifstream snmp("/proc/net/snmp");
  std::string names;
  std::string values;
  while (std::getline(snmp, names)) {
    if (names.rfind("Udp:", 0) != 0) continue;
    std::getline(snmp, values);
    std::istringstream name_words(names);
    std::istringstream value_words(values);
    std::string name;
    std::string value;
    while (name_words >> name && value_words >> value) {
      if (name == "InCsumErrors") return std::stoull(value);
    }
  }
  return 0;
}

}  // namespace groupcast
