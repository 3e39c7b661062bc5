// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/packet_sockets.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "engine/control/descriptors.h"

namespace groupcast {
namespace {

bool IsPacketSocket(int descriptor) {
  int domain = 0;
  socklen_t len = sizeof(domain);
  return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_PACKET;
}

bool IsBoundTo(int descriptor, uint32_t interface) {
  sockaddr_ll address{};
  socklen_t len = sizeof(address);
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &len) == 0 &&
         static_cast<uint32_t>(address.sll_ifindex) == interface;
}

// Nothing is received by this port: without a filter the kernel would copy every frame of the
// interface into the ring until it is full.
absl::Status DropIncoming(int descriptor) {
  sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program = {1, &drop_all};
  if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return absl::ErrnoToStatus(errno, "SO_ATTACH_FILTER on net_af_packet's socket");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KickSockets> AdoptPacketSockets(const std::set<int>& before, uint32_t interface,
                                               uint64_t ring_bytes) {
  KickSockets kick;
  for (const int descriptor : OpenDescriptors()) {
    if (before.contains(descriptor) || !IsPacketSocket(descriptor) ||
        !IsBoundTo(descriptor, interface)) {
      continue;
    }
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    if (kick.count == KickSockets::kMost) break;
    const int bytes = static_cast<int>(std::min<uint64_t>(ring_bytes, INT32_MAX / 2));
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) != 0) {
      return absl::ErrnoToStatus(errno, "SO_SNDBUF on net_af_packet's socket");
    }
    absl::Status status = DropIncoming(descriptor);
    if (!status.ok()) return status;
    kick.descriptors[kick.count++] = descriptor;
  }
  if (kick.count == 0) {
    return absl::InternalError(absl::StrCat("net_af_packet has no socket on interface index ",
                                            interface, " after it was probed"));
  }
  return kick;
}

}  // namespace groupcast
