// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/netlink.h"

#include <absl/strings/str_cat.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

namespace groupcast {
namespace {

// Above NLMSG_GOODSIZE; the kernel fills as much of it as it can with one read of a dump.
constexpr size_t kDumpBytes = 32768;
constexpr int kDumpTimeoutMs = 5000;
constexpr int kDumpAttempts = 5;

void GrowReceiveBuffer(int fd, size_t bytes) {
  int value = static_cast<int>(bytes);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &value, sizeof(value)) != 0) {
    // Without CAP_NET_ADMIN as far as net.core.rmem_max allows.
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value));
  }
}

}  // namespace

// By the message's exact length: mnl_attr_parse() rounds it up, and takes what ends behind the end.
NetlinkAttributes::NetlinkAttributes(const nlmsghdr* message, size_t header_bytes) {
  const size_t before = NLMSG_HDRLEN + MNL_ALIGN(header_bytes);
  if (message->nlmsg_len < before) return;
  mnl_attr_parse_payload(mnl_nlmsg_get_payload_offset(message, header_bytes),
                         message->nlmsg_len - before, &Add, this);
}

NetlinkAttributes::NetlinkAttributes(const nlattr* nest) {
  if (nest != nullptr) mnl_attr_parse_nested(nest, &Add, this);
}

int NetlinkAttributes::Add(const nlattr* attribute, void* data) {
  const uint16_t type = mnl_attr_get_type(attribute);
  if (type < kTypes) static_cast<NetlinkAttributes*>(data)->attributes_[type] = attribute;
  return MNL_CB_OK;
}

std::optional<uint16_t> NetlinkAttributes::U16(uint16_t type) const {
  const nlattr* attribute = Get(type);
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(uint16_t)) return {};
  return mnl_attr_get_u16(attribute);
}

std::optional<uint32_t> NetlinkAttributes::U32(uint16_t type) const {
  const nlattr* attribute = Get(type);
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(uint32_t)) return {};
  return mnl_attr_get_u32(attribute);
}

std::string_view NetlinkAttributes::String(uint16_t type) const {
  const nlattr* attribute = Get(type);
  if (attribute == nullptr) return {};
  const char* text = mnl_attr_get_str(attribute);
  return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol, size_t receive_buffer_bytes) {
  NetlinkSocket socket(mnl_socket_open2(protocol, SOCK_CLOEXEC));
  if (socket.socket_ == nullptr || mnl_socket_bind(socket.socket_.get(), 0, MNL_SOCKET_AUTOPID)) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("netlink socket of protocol ", protocol,
                            ": cannot be opened; allow AF_NETLINK sockets in this sandbox"));
  }
  GrowReceiveBuffer(socket.fd(), receive_buffer_bytes);
  return socket;
}

bool NetlinkSocket::Join(unsigned group) {
  return setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0;
}

int NetlinkSocket::Send(const void* messages, size_t length_bytes) {
  while (send(fd(), messages, length_bytes, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

ssize_t NetlinkSocket::Receive(std::span<char> buffer) {
  while (true) {
    const ssize_t length = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length >= 0) return length;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return -errno;
  }
}

absl::Status NetlinkSocket::Dump(nlmsghdr* request,
                                 absl::FunctionRef<void(const nlmsghdr*)> on_message) {
  for (int attempt = 0; attempt < kDumpAttempts; attempt++) {
    request->nlmsg_seq = ++sequence_;
    if (const int error = Send(request, request->nlmsg_len); error != 0) {
      return absl::ErrnoToStatus(error, "netlink: a dump could not be asked for");
    }
    absl::StatusOr<bool> whole = ReadDump(request->nlmsg_seq, on_message);
    if (!whole.ok()) return whole.status();
    if (*whole) break;
  }
  // What an interrupted dump missed has been announced to whoever follows notifications.
  return absl::OkStatus();
}

absl::StatusOr<bool> NetlinkSocket::ReadDump(uint32_t sequence,
                                             absl::FunctionRef<void(const nlmsghdr*)> on_message) {
  std::vector<char> buffer(kDumpBytes);
  bool done = false, interrupted = false;
  int error = 0;
  while (!done) {
    const ssize_t length = Receive(buffer);
    if (length < 0) return absl::ErrnoToStatus(static_cast<int>(-length), "netlink: dump failed");
    if (length == 0) {
      pollfd readable = {.fd = fd(), .events = POLLIN, .revents = 0};
      if (poll(&readable, 1, kDumpTimeoutMs) == 0) {
        return absl::DeadlineExceededError("netlink: the kernel did not finish a dump");
      }
      continue;
    }
    ForEachNetlinkMessage({buffer.data(), static_cast<size_t>(length)}, [&](const nlmsghdr* m) {
      if (m->nlmsg_seq != sequence || done) return;
      if (m->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (m->nlmsg_type == NLMSG_DONE) {
        done = true;
      } else if (m->nlmsg_type == NLMSG_ERROR) {
        error = NetlinkError(m);
        done = true;
      } else if (m->nlmsg_type >= NLMSG_MIN_TYPE) {
        on_message(m);
      }
    });
  }
  if (error != 0) return absl::ErrnoToStatus(error, "netlink: dump refused");
  return !interrupted;
}

void ForEachNetlinkMessage(std::span<const char> datagram,
                           absl::FunctionRef<void(const nlmsghdr*)> on_message) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  int left = static_cast<int>(datagram.size());
  // mnl_nlmsg_ok() compares lengths as int: one above INT_MAX would be less than what is left.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<uint32_t>(left)) {
    on_message(message);
    message = mnl_nlmsg_next(message, &left);
  }
}

int NetlinkError(const nlmsghdr* message) {
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return EBADMSG;
  const int error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
  return error == std::numeric_limits<int>::min() ? EBADMSG : -error;
}

}  // namespace groupcast
