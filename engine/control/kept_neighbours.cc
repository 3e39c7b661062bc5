// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/kept_neighbours.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>

#include "engine/control/netlink.h"

namespace groupcast {
namespace {

constexpr size_t kReceiveBufferBytes = 1 << 20;
constexpr int kAnswerMs = 1000;

bool IsKept(const nlmsghdr* message, uint32_t interface) {
  if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(ndmsg))) {
    return false;
  }
  const auto* body = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  return static_cast<uint32_t>(body->ndm_ifindex) == interface &&
         (body->ndm_state & NUD_PERMANENT) != 0 && (body->ndm_flags & NTF_PROXY) == 0 &&
         (body->ndm_family == AF_INET || body->ndm_family == AF_INET6);
}

bool IsAccepted(NetlinkSocket* socket) {
  std::array<char, 4096> buffer;
  pollfd readable = {.fd = socket->fd(), .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, kAnswerMs) <= 0) return false;
  const ssize_t length = socket->Receive(buffer);
  bool accepted = false;
  if (length <= 0) return false;
  ForEachNetlinkMessage({buffer.data(), static_cast<size_t>(length)}, [&](const nlmsghdr* answer) {
    accepted = answer->nlmsg_type == NLMSG_ERROR && NetlinkError(answer) == 0;
  });
  return accepted;
}

}  // namespace

KeptNeighbours KeptNeighbours::Read(uint32_t interface) {
  KeptNeighbours kept;
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_ROUTE, kReceiveBufferBytes);
  if (!socket.ok()) return kept;
  NetlinkRoom<256> room;
  ndmsg* body;
  nlmsghdr* request =
      PutNetlinkMessage(room.bytes.data(), RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, &body);
  const absl::Status status = socket->Dump(request, [&](const nlmsghdr* message) {
    if (!IsKept(message, interface)) return;
    kept.messages_.emplace_back(reinterpret_cast<const char*>(message), message->nlmsg_len);
  });
  status.IgnoreError();
  return kept;
}

size_t KeptNeighbours::PutBack() const {
  if (messages_.empty()) return 0;
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_ROUTE, kReceiveBufferBytes);
  if (!socket.ok()) return messages_.size();
  size_t refused = 0;
  for (std::string message : messages_) {
    auto* header = reinterpret_cast<nlmsghdr*>(message.data());
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
    header->nlmsg_pid = 0;
    if (socket->Send(message.data(), message.size()) != 0 || !IsAccepted(&*socket)) refused++;
  }
  return refused;
}

}  // namespace groupcast
