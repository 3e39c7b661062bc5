// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace groupcast {

// Aligned room for the messages of one request.
template <size_t kBytes>
struct alignas(NLMSG_ALIGNTO) NetlinkRoom {
  std::array<char, kBytes> bytes;
};

// The attributes of one message or one nest, by type. Points into the message.
class NetlinkAttributes {
 public:
  // Those behind the `header_bytes` of the protocol's own header.
  NetlinkAttributes(const nlmsghdr* message, size_t header_bytes);
  explicit NetlinkAttributes(const nlattr* nest);

  const nlattr* Get(uint16_t type) const { return type < kTypes ? attributes_[type] : nullptr; }
  // Empty where the attribute is absent or too short.
  std::optional<uint16_t> U16(uint16_t type) const;
  std::optional<uint32_t> U32(uint16_t type) const;
  std::string_view String(uint16_t type) const;

 private:
  static constexpr size_t kTypes = 64;
  static int Add(const nlattr* attribute, void* data);

  std::array<const nlattr*, kTypes> attributes_{};
};

// One netlink socket. It belongs to the network namespace of the thread that opened it, whatever
// namespace its later users are in.
class NetlinkSocket {
 public:
  // `protocol`: NETLINK_ROUTE, NETLINK_XFRM, NETLINK_NETFILTER. The receive buffer grows to
  // `receive_buffer_bytes` as far as the process may.
  static absl::StatusOr<NetlinkSocket> Open(int protocol, size_t receive_buffer_bytes);

  int fd() const { return mnl_socket_get_fd(socket_.get()); }

  // Receives this group's notifications from now on. False where the kernel does not know it or
  // does not permit it.
  bool Join(unsigned group);

  // Sends messages that lie one behind the other. Returns 0 or the errno.
  int Send(const void* messages, size_t length_bytes);

  // Takes one datagram: its length; 0 if there is none now; else the negative errno (ENOBUFS: the
  // kernel has dropped notifications).
  ssize_t Receive(std::span<char> buffer);

  // Sends `request` (type, NLM_F_DUMP and body are set) and gives each message of the answer to
  // `on_message`. A dump that a change interrupted is repeated, so an object may come twice.
  // Blocks for the kernel only.
  absl::Status Dump(nlmsghdr* request, absl::FunctionRef<void(const nlmsghdr*)> on_message);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };

  explicit NetlinkSocket(mnl_socket* socket) : socket_(socket) {}
  absl::StatusOr<bool> ReadDump(uint32_t sequence,
                                absl::FunctionRef<void(const nlmsghdr*)> on_message);

  std::unique_ptr<mnl_socket, Close> socket_;
  uint32_t sequence_ = 0;
};

// Calls `on_message` for each whole message in `datagram`.
void ForEachNetlinkMessage(std::span<const char> datagram,
                           absl::FunctionRef<void(const nlmsghdr*)> on_message);

// The error that an NLMSG_ERROR message carries, as a positive errno; 0 for an acknowledgement.
int NetlinkError(const nlmsghdr* message);

// Starts a message of `type` in `room` with a body of `T`, all zero.
template <typename T>
nlmsghdr* PutNetlinkMessage(void* room, uint16_t type, uint16_t flags, T** body) {
  nlmsghdr* message = mnl_nlmsg_put_header(room);
  message->nlmsg_type = type;
  message->nlmsg_flags = flags;
  *body = static_cast<T*>(mnl_nlmsg_put_extra_header(message, sizeof(T)));
  return message;
}

}  // namespace groupcast
