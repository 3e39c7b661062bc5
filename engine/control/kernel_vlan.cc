// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/kernel_vlan.h"

#include <absl/strings/str_cat.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include <optional>
#include <vector>

#include "engine/control/netlink.h"

namespace groupcast {
namespace {

constexpr size_t kReceiveBufferBytes = 1 << 20;
constexpr size_t kAnswerBytes = 1 << 16;

}  // namespace

absl::StatusOr<uint16_t> VlanOf(const PortConfig& config, const LinkMessage& kernel,
                                uint32_t device_interface, bool by_device) {
  const bool same = config.kernel_interface == config.interface;
  if (same && (by_device || !kernel.vlan)) return 0;
  const std::string what =
      absl::StrCat("port '", config.name, "': ", same ? "interface" : "kernel_interface", ": '",
                   config.kernel_interface, "' ");
  if (!kernel.vlan) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, "is neither the device's interface '", config.interface,
                     "' nor a VLAN on it; remove this key, or name such a VLAN (ip -d link)"));
  }
  if (!same && kernel.lower != device_interface) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, "is a VLAN on another interface than the device's, which is '",
                     config.interface, "'; name one that sits on it (ip -d link)"));
  }
  if (kernel.vlan->protocol != RTE_BE16(ETH_P_8021Q)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what,
                     "is a VLAN of another protocol than 802.1Q, the only one that ports "
                     "can tag with"));
  }
  return kernel.vlan->id;
}

absl::StatusOr<LinkMessage> AskLink(uint32_t interface) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_ROUTE, kReceiveBufferBytes);
  if (!socket.ok()) return socket.status();
  NetlinkRoom<kRouteMessageBytes> room;
  const nlmsghdr* question = PutLinkQuestion(room.bytes.data(), 1, interface);
  int error = socket->Send(question, question->nlmsg_len);
  std::optional<LinkMessage> link;
  std::vector<char> buffer(kAnswerBytes);
  // The kernel answers within send().
  const ssize_t length = error == 0 ? socket->Receive(buffer) : 0;
  if (length > 0) {
    ForEachNetlinkMessage({buffer.data(), static_cast<size_t>(length)},
                          [&](const nlmsghdr* message) {
                            if (message->nlmsg_type == NLMSG_ERROR) error = NetlinkError(message);
                            if (!link) link = ParseLink(message);
                          });
  }
  if (link) return *link;
  return absl::ErrnoToStatus(error != 0 ? error : EIO,
                             absl::StrCat("netlink: interface number ", interface, ": no answer"));
}

}  // namespace groupcast
