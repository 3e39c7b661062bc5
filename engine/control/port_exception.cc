// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// PortSetup's exception path: the kernel's interface of a device that the kernel has no driver for.
#include <absl/strings/str_cat.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "engine/control/kept_neighbours.h"
#include "engine/control/log.h"
#include "engine/control/port_setup.h"

namespace groupcast {
namespace {

// Frames of the kernel that wait in the rings, or are being filled.
constexpr uint32_t kFramesUnderWay = 2 * ExceptionRings::kForKernel;
// Two VLAN tags, and a byte that tells a longer frame.
constexpr uint32_t kFrameRoom = kEthernetHeader + 2 * kVlanTag + 1;

}  // namespace

// The device receives packets of the port's MTU, as far as it can.
void PortSetup::FitMtu(const rte_eth_dev_info& info, rte_eth_conf* conf) {
  if (info.max_mtu > 0 && mtu_ > info.max_mtu) {
    LogNotice(absl::StrCat("port '", config_.name, "': ", profile_.driver, " takes packets of ",
                           info.max_mtu, " bytes, not of ", mtu_));
    mtu_ = info.max_mtu;
  }
  conf->rxmode.mtu = std::max<uint32_t>(mtu_, info.min_mtu);
}

// After the device knows its queues, before it starts.
absl::Status PortSetup::SetUpException() {
  rte_ether_addr mac;
  int rc = rte_eth_macaddr_get(port_id_, &mac);
  if (rc < 0) return Failed(rc, "does not tell its MAC");
  // Another MAC costs an interface its neighbours, and the VLANs on it theirs.
  std::vector<KeptNeighbours> kept = {KeptNeighbours::Read(interface_)};
  if (kernel_interface_ != interface_) kept.push_back(KeptNeighbours::Read(kernel_interface_));
  if (absl::Status status = exception_->Adopt(mac, mtu_); !status.ok()) return status;
  for (const KeptNeighbours& neighbours : kept) {
    if (const size_t refused = neighbours.PutBack(); refused > 0) {
      LogWarning(absl::StrCat("port '", config_.name, "': ", refused, " permanent neighbours of ",
                              config_.interface, " were lost; set them again (ip neighbour)"));
    }
  }
  if (exception_pool_ == nullptr) {
    auto pool =
        ReceivePool::Create(absl::StrCat("gc_x_", port_id_), tx_descriptors_ + kFramesUnderWay,
                            mtu_ + kFrameRoom, ReceivePool::Users::kOneLcore);
    if (!pool.ok()) return pool.status();
    exception_pool_ = *std::move(pool);
  }
  // The kernel looks itself which groups it has joined.
  bool promiscuous = false;
  if (rte_eth_allmulticast_enable(port_id_) < 0 && config_.IsPci()) {
    promiscuous = rte_eth_promiscuous_enable(port_id_) == 0;
    if (!promiscuous) {
      LogWarning(
          absl::StrCat("port '", config_.name, "': ", profile_.driver,
                       " can't be told to receive multicast: what is not sent to its own MAC "
                       "may not come"));
    }
  }
  followed_.emplace(config_.name, exception_.get(), port_id_, mtu_, promiscuous);
  return absl::OkStatus();
}

absl::Status PortSetup::StartException(Doorbell* doorbell) {
  // One thread has a device's controls: a card's is the one that looks at its link.
  std::function<void()> follow;
  if (!config_.IsPci()) follow = [this] { followed_->Follow(); };
  return exception_->Start(doorbell, std::move(follow));
}

void PortSetup::SetWireLink(bool up) {
  if (exception_ != nullptr) exception_->SetCarrier(up);
  const std::lock_guard lock(link_mutex_);
  wire_up_ = up;
  state_.link_up.store(kernel_up_ && wire_up_, std::memory_order_relaxed);
}

void PortSetup::SetKernelLink(bool up) {
  const std::lock_guard lock(link_mutex_);
  kernel_up_ = up;
  state_.link_up.store(kernel_up_ && wire_up_, std::memory_order_relaxed);
}

}  // namespace groupcast
