// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/followed_interface.h"

#include <absl/strings/str_cat.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <cstring>
#include <utility>

#include "engine/control/interface_request.h"
#include "engine/control/log.h"

namespace groupcast {

FollowedInterface::FollowedInterface(std::string port, std::string interface, uint16_t port_id,
                                     uint32_t most_mtu)
    : port_(std::move(port)),
      interface_(std::move(interface)),
      port_id_(port_id),
      most_mtu_(most_mtu) {
  rte_eth_macaddr_get(port_id_, &given_.mac);
  given_.mtu = most_mtu_;
}

bool FollowedInterface::Read(Settings* settings) const {
  ifreq mac, mtu, flags;
  if (AskInterface(interface_, SIOCGIFHWADDR, &mac) != 0 ||
      AskInterface(interface_, SIOCGIFMTU, &mtu) != 0 ||
      AskInterface(interface_, SIOCGIFFLAGS, &flags) != 0) {
    return false;
  }
  std::memcpy(&settings->mac, mac.ifr_hwaddr.sa_data, sizeof(settings->mac));
  settings->mtu = static_cast<uint32_t>(mtu.ifr_mtu);
  settings->promiscuous = (flags.ifr_flags & IFF_PROMISC) != 0;
  return true;
}

void FollowedInterface::Tell(int error, const std::string& what) const {
  if (error == 0) {
    LogNotice(absl::StrCat("port '", port_, "': the device follows ", interface_, ": ", what));
  } else {
    LogWarning(absl::StrCat("port '", port_, "': the device does not follow ", interface_, ": ",
                            what, ": ", rte_strerror(-error)));
  }
}

void FollowedInterface::Follow() {
  Settings wanted;
  if (!Read(&wanted)) return;
  if (!rte_is_same_ether_addr(&wanted.mac, &given_.mac)) {
    char text[RTE_ETHER_ADDR_FMT_SIZE];
    rte_ether_format_addr(text, sizeof(text), &wanted.mac);
    Tell(rte_eth_dev_default_mac_addr_set(port_id_, &wanted.mac), absl::StrCat("MAC ", text));
  }
  if (wanted.mtu != given_.mtu) {
    if (wanted.mtu > most_mtu_) {
      LogWarning(absl::StrCat("port '", port_, "': ", interface_, " has an MTU of ", wanted.mtu,
                              " now, the port was started with ", most_mtu_,
                              ", which stays the most that it takes: restart for more"));
    }
    // Longer packets may still come while it shrinks; the engine itself sends none any more.
    const int error = rte_eth_dev_set_mtu(
        port_id_, static_cast<uint16_t>(wanted.mtu < most_mtu_ ? wanted.mtu : most_mtu_));
    if (error != 0) Tell(error, absl::StrCat("MTU ", wanted.mtu, ", for what it receives"));
  }
  if (wanted.promiscuous != given_.promiscuous) {
    Tell(wanted.promiscuous ? rte_eth_promiscuous_enable(port_id_)
                            : rte_eth_promiscuous_disable(port_id_),
         wanted.promiscuous ? "promiscuous" : "no longer promiscuous");
  }
  given_ = wanted;
}

}  // namespace groupcast
