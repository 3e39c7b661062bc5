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

FollowedInterface::FollowedInterface(std::string port, const ExceptionInterface* interface,
                                     uint16_t port_id, uint32_t most_mtu, bool promiscuous)
    : port_(std::move(port)),
      interface_(interface),
      port_id_(port_id),
      most_mtu_(most_mtu),
      promiscuous_(promiscuous) {
  rte_eth_macaddr_get(port_id_, &given_.mac);
  given_.mtu = most_mtu_;
  given_.promiscuous = promiscuous_;
}

bool FollowedInterface::Read(const std::string& interface, Settings* settings) {
  ifreq mac, mtu, flags;
  if (AskInterface(interface, SIOCGIFHWADDR, &mac) != 0 ||
      AskInterface(interface, SIOCGIFMTU, &mtu) != 0 ||
      AskInterface(interface, SIOCGIFFLAGS, &flags) != 0) {
    return false;
  }
  std::memcpy(&settings->mac, mac.ifr_hwaddr.sa_data, sizeof(settings->mac));
  settings->mtu = static_cast<uint32_t>(mtu.ifr_mtu);
  settings->promiscuous = (flags.ifr_flags & IFF_PROMISC) != 0;
  return true;
}

void FollowedInterface::Tell(int error, const std::string& interface,
                             const std::string& what) const {
  if (error == 0) {
    LogNotice(absl::StrCat("port '", port_, "': the device follows ", interface, ": ", what));
  } else {
    LogWarning(absl::StrCat("port '", port_, "': the device does not follow ", interface, ": ",
                            what, ": ", rte_strerror(-error)));
  }
}

void FollowedInterface::Follow() {
  const std::string interface = interface_->Name();
  Settings wanted;
  if (interface.empty() || !Read(interface, &wanted)) return;
  wanted.promiscuous |= promiscuous_;
  if (!rte_is_same_ether_addr(&wanted.mac, &given_.mac)) {
    char text[RTE_ETHER_ADDR_FMT_SIZE];
    rte_ether_format_addr(text, sizeof(text), &wanted.mac);
    Tell(rte_eth_dev_default_mac_addr_set(port_id_, &wanted.mac), interface,
         absl::StrCat("MAC ", text));
  }
  if (wanted.mtu != given_.mtu) {
    if (wanted.mtu > most_mtu_) {
      LogWarning(absl::StrCat("port '", port_, "': ", interface, " has an MTU of ", wanted.mtu,
                              " now, the port was started for ", most_mtu_,
                              ", which stays the most that it takes: for more restart it, with the "
                              "port's key max_mtu"));
    }
    // Longer packets may still come while it shrinks; the engine itself sends none any more.
    const int error = rte_eth_dev_set_mtu(
        port_id_, static_cast<uint16_t>(wanted.mtu < most_mtu_ ? wanted.mtu : most_mtu_));
    if (error != 0)
      Tell(error, interface, absl::StrCat("MTU ", wanted.mtu, ", for what it receives"));
  }
  if (wanted.promiscuous != given_.promiscuous) {
    Tell(wanted.promiscuous ? rte_eth_promiscuous_enable(port_id_)
                            : rte_eth_promiscuous_disable(port_id_),
         interface, wanted.promiscuous ? "promiscuous" : "no longer promiscuous");
  }
  given_ = wanted;
}

}  // namespace groupcast
