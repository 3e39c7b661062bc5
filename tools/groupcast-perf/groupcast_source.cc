// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/groupcast_source.h"

#include <absl/strings/str_cat.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace groupcast::perf {
namespace {

// A call that waits for a port that takes nothing any more ends with EAGAIN, so that the run can.
constexpr timeval kLongestWait = {.tv_sec = 1, .tv_usec = 0};

}  // namespace

std::vector<uint8_t> PayloadBytes(uint32_t len) {
  std::vector<uint8_t> bytes(len);
  for (uint32_t i = 0; i < len; i++) bytes[i] = static_cast<uint8_t>(i * 131 + i / 251);
  return bytes;
}

sockaddr_in AddressOf(const Flow& flow, uint32_t recipient) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = flow.destination_port;
  address.sin_addr.s_addr = htonl(ntohl(flow.destination) + recipient);
  return address;
}

absl::StatusOr<int> BoundSocket(const Flow& flow) {
  const int sd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sd < 0) return absl::ErrnoToStatus(errno, "UDP socket");
  const int on = 1;
  setsockopt(sd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  setsockopt(sd, SOL_SOCKET, SO_SNDTIMEO, &kLongestWait, sizeof(kLongestWait));
  // Asynchronous sends are refused above it. Without the privilege as much as the host allows.
  const int bytes = INT_MAX / 2;
  if (setsockopt(sd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    setsockopt(sd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = flow.source_port;
  if (bind(sd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) {
    const int error = errno;
    close(sd);
    return absl::ErrnoToStatus(error,
                               absl::StrCat("--tx-udp: source port ", ntohs(flow.source_port),
                                            ": can't be bound; use another one, or 0 for any"));
  }
  return sd;
}

absl::StatusOr<std::unique_ptr<GroupcastSource>> MakeSource(const SourceOptions& options) {
  return options.workload.mode == Mode::kSendgroup ? MakeSendgroupSource(options)
                                                   : MakeGroupSource(options);
}

}  // namespace groupcast::perf
