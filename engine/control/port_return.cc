// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// PortSetup's card, which may be taken out, or asked for by the kernel, and come back. The port
// stays meanwhile, without a link.
#define ALLOW_EXPERIMENTAL_API  // rte_dev_event_callback_register()
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "engine/control/log.h"
#include "engine/control/port_setup.h"

namespace groupcast {
namespace {

// The kernel's drivers by which DPDK has cards (rte_pci_kernel_driver).
constexpr std::array<std::string_view, 3> kUserDrivers = {"vfio-pci", "uio_pci_generic", "igb_uio"};

}  // namespace

// On a thread of DPDK's, which the removal itself would wait for.
void PortSetup::OnCardEvent(const char*, rte_dev_event_type type, void* self) {
  if (type != RTE_DEV_EVENT_REMOVE) return;
  static_cast<PortSetup*>(self)->removal_asked_.store(true, std::memory_order_release);
}

void PortSetup::WatchCard() {
  if (!config_.IsPci()) return;
  const int rc = rte_dev_event_callback_register(config_.PciAddress().c_str(), OnCardEvent, this);
  if (rc < 0) {
    LogWarning(
        absl::StrCat("port '", config_.name,
                     "': nobody will tell when its card is to be taken out: ", rte_strerror(-rc)));
  }
}

void PortSetup::LeaveCard() {
  if (!config_.IsPci()) return;
  // While one runs it is not taken off.
  while (rte_dev_event_callback_unregister(config_.PciAddress().c_str(), OnCardEvent, this) ==
         -EAGAIN) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

// On the link watch's thread; whether there is a card whose link can be asked for.
bool PortSetup::AttendCard() {
  if (!out_) {
    if (!removal_asked_.load(std::memory_order_acquire)) return true;
    TakeOut();
    return !out_;
  }
  if (!IsBack()) return false;
  const absl::Status status = TakeBack();
  if (status.ok()) {
    LogNotice(absl::StrCat("port '", config_.name, "': ", device_, " is back"));
    return true;
  }
  LogWarning(absl::StrCat("port '", config_.name, "': ", device_, " is back, and can't be used: ",
                          std::string(status.message()), "; restart for the engine to use it"));
  link_watch_->End();
  return false;
}

void PortSetup::TakeOut() {
  std::function<void()> await;
  {
    const std::lock_guard lock(link_mutex_);
    await = await_lcores_;
  }
  if (!await) return;
  LogNotice(absl::StrCat("port '", config_.name, "': ", device_,
                         " is taken out; what would leave by it fails with ENETDOWN until it is "
                         "back"));
  SetWireLink(false);
  state_.present.store(false, std::memory_order_release);
  await();
  rte_eth_dev_stop(port_id_);
  started_ = false;
  Remove();
  probed_ = false;
  out_ = true;
}

bool PortSetup::IsBack() const {
  std::error_code error;
  const std::string driver =
      std::filesystem::read_symlink(
          absl::StrCat("/sys/bus/pci/devices/", config_.PciAddress(), "/driver"), error)
          .filename();
  return !error &&
         std::find(kUserDrivers.begin(), kUserDrivers.end(), driver) != kUserDrivers.end();
}

// As it was: the lcores know its number, and what its queues can do.
absl::Status PortSetup::TakeBack() {
  const uint16_t port_id = port_id_;
  const uint16_t tx_descriptors = tx_descriptors_;
  removal_asked_.store(false, std::memory_order_relaxed);
  device_ = config_.device;
  absl::Status status = Probe(queues_);
  if (!status.ok()) return status;
  if (port_id_ != port_id) return Failed(EEXIST, "has another number now");
  rte_eth_dev_info info;
  const int rc = rte_eth_dev_info_get(port_id_, &info);
  if (rc < 0) return Failed(rc, "does not tell its capabilities");
  const PortPlan plan = PlanPort(profile_, config_.tx_offloads, info);
  if (info.driver_name != profile_.driver || plan.tx_offloads != plan_.tx_offloads ||
      plan.max_segments != plan_.max_segments || plan.chains != plan_.chains) {
    return Failed(EINVAL, "is another card, with other abilities");
  }
  rte_eth_conf conf{};
  conf.txmode.offloads = plan_.tx_offloads;
  const uint32_t mtu = mtu_;
  FitMtu(info, &conf);
  if (mtu_ != mtu) return Failed(EINVAL, "is another card, which takes shorter packets only");
  status = SetUpQueues(info, conf);
  if (!status.ok()) return status;
  if (tx_descriptors_ > tx_descriptors) return Failed(EINVAL, "has a longer ring now");
  if (exception_ != nullptr) status = SetUpException();
  if (!status.ok()) return status;
  if (const int started = rte_eth_dev_start(port_id_); started < 0) {
    return Failed(started, "can't be started");
  }
  started_ = true;
  out_ = false;
  state_.present.store(true, std::memory_order_release);
  return absl::OkStatus();
}

}  // namespace groupcast
