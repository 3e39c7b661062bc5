// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// PortSetup's card, which may be taken out, or asked for by the kernel, and come back; or has to be
// reset. The port stays meanwhile, without a link.
#define ALLOW_EXPERIMENTAL_API  // rte_dev_event_callback_register()
#include <absl/strings/str_cat.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "engine/control/host_check.h"
#include "engine/control/log.h"
#include "engine/control/port_setup.h"

namespace groupcast {
namespace {

constexpr std::chrono::seconds kBetweenTries{1};
constexpr std::chrono::seconds kLinkPatience{6};  // longer than a card's link takes
// Between resets that do not help for long.
constexpr std::chrono::seconds kLeastBetweenResets{5};
constexpr std::chrono::seconds kMostBetweenResets{60};
constexpr std::chrono::seconds kHelps{30};

}  // namespace

// On a thread of DPDK's, which the removal itself would wait for.
void PortSetup::OnCardEvent(const char*, rte_dev_event_type type, void* self) {
  if (type != RTE_DEV_EVENT_REMOVE) return;
  static_cast<PortSetup*>(self)->removal_asked_.store(true, std::memory_order_release);
}

void PortSetup::WatchResets() {
  rte_eth_dev_callback_register(port_id_, RTE_ETH_EVENT_INTR_RESET, OnResetAsked, this);
}

// DPDK keeps callbacks beyond the port, for the next one with its number.
void PortSetup::LeaveResets() {
  // While one runs it is not taken off.
  while (rte_eth_dev_callback_unregister(port_id_, RTE_ETH_EVENT_INTR_RESET, OnResetAsked, this) ==
         -EAGAIN) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

// Of a virtual function, whose physical one was reset, on a thread of DPDK's that the reset would
// wait for.
int PortSetup::OnResetAsked(uint16_t, rte_eth_event_type, void* self, void*) {
  static_cast<PortSetup*>(self)->reset_asked_.store(true, std::memory_order_release);
  return 0;
}

// Of a card by vfio-pci: that driver asks for it back. By others nobody is asked.
void PortSetup::WatchCard() {
  if (!config_.IsPci()) return;
  WatchResets();
  const int rc = rte_dev_event_callback_register(config_.PciAddress().c_str(), OnCardEvent, this);
  if (rc < 0) {
    LogWarning(
        absl::StrCat("port '", config_.name,
                     "': nobody will tell when its card is to be taken out: ", rte_strerror(-rc)));
  }
}

void PortSetup::LeaveCard() {
  if (!config_.IsPci()) return;
  if (!out_) LeaveResets();
  while (rte_dev_event_callback_unregister(config_.PciAddress().c_str(), OnCardEvent, this) ==
         -EAGAIN) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

// Why it has to be reset, which is done by opening it anew: vfio resets what is closed, and all
// drivers reset what they open. Empty: it has not to.
std::string PortSetup::WhyReset() const {
  const auto open_for = std::chrono::steady_clock::now() - opened_at_;
  if (open_for < between_resets_) return "";
  if (reset_asked_.load(std::memory_order_acquire)) return "asks to be reset";
  if (state_.stalled.load(std::memory_order_relaxed)) {
    return "has taken no packet for five seconds";
  }
  if (!profile_.reset_after_link_loss) return "";
  if (!had_link_) {
    // Who opens it while its physical function is down may not be told when that is up.
    return open_for < kLinkPatience ? "" : "has no link";
  }
  rte_eth_link link{};
  const bool up = lost_link_ && rte_eth_link_get_nowait(port_id_, &link) == 0 &&
                  link.link_status == RTE_ETH_LINK_UP;
  return up ? "has a link again" : "";
}

// On the link watch's thread; whether there is a card whose link can be asked for.
bool PortSetup::AttendCard() {
  if (!out_ && removal_asked_.load(std::memory_order_acquire)) TakeOut("");
  if (!out_) {
    if (const std::string why = WhyReset(); !why.empty()) TakeOut(why);
  }
  if (!out_) {
    if (followed_) followed_->Follow();
    return true;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < try_at_ || !WhyNotDpdks(config_.PciAddress()).empty()) return false;
  const absl::Status status = TakeBack();
  if (status.ok()) {
    refusal_.clear();
    LogNotice(absl::StrCat("port '", config_.name, "': ", config_.device, " is back"));
    return true;
  }
  // Its group of the IOMMU may not be complete yet, or another port has to come first.
  try_at_ = now + kBetweenTries;
  if (refusal_ != status.message()) {
    refusal_ = std::string(status.message());
    LogWarning(absl::StrCat("port '", config_.name, "': ", config_.device,
                            " is back, and can't be used yet: ", refusal_));
  }
  return false;
}

// Lcores leave the device alone from here on, until it is present again. False: they have not begun
// yet, and nothing has changed.
bool PortSetup::Withdraw() {
  std::function<void()> await;
  {
    const std::lock_guard lock(link_mutex_);
    await = await_lcores_;
  }
  if (!await) return false;
  SetWireLink(false);
  state_.present.store(false, std::memory_order_release);
  await();
  return true;
}

// `why` it is to be opened anew; empty: it was asked for.
void PortSetup::TakeOut(const std::string& why) {
  if (!Withdraw()) return;
  const std::string what =
      why.empty() ? "is taken out" : absl::StrCat(why, ": it is reset by opening it anew");
  LogNotice(absl::StrCat("port '", config_.name, "': ", device_, " ", what,
                         "; what would leave by it fails with ENETDOWN until it is back"));
  Stop();
  LeaveResets();
  Remove();
  probed_ = false;
  out_ = true;
  const auto now = std::chrono::steady_clock::now();
  const bool in_vain = !why.empty() && now - opened_at_ < between_resets_ + kHelps;
  between_resets_ = in_vain
                        ? std::clamp(2 * between_resets_, kLeastBetweenResets, kMostBetweenResets)
                        : std::chrono::seconds(0);
  // The kernel may need a moment to take it from its driver.
  try_at_ = now + kBetweenTries;
}

// What the link watch sees. A link that is back is not used before the reset that has to follow.
void PortSetup::NoteLink(bool up) {
  lost_link_ = lost_link_ || (had_link_ && !up);
  had_link_ = had_link_ || up;
  SetWireLink(up && !(lost_link_ && profile_.reset_after_link_loss));
}

// As it was: others know its number, and what its queues can do. On error it is not ours.
absl::Status PortSetup::TakeBack() {
  const uint16_t port_id = port_id_;
  removal_asked_.store(false, std::memory_order_relaxed);
  reset_asked_.store(false, std::memory_order_relaxed);
  device_ = config_.device;
  absl::Status status = Probe(queues_);
  if (status.ok()) status = port_id_ == port_id ? Restart() : Failed(EEXIST, "has another number");
  if (status.ok()) {
    out_ = false;
    state_.stalled.store(false, std::memory_order_relaxed);
    state_.resets.fetch_add(1, std::memory_order_relaxed);
    state_.present.store(true, std::memory_order_release);
    return status;
  }
  Stop();
  if (probed_) Remove();
  probed_ = false;
  port_id_ = port_id;
  return status;
}

absl::Status PortSetup::Restart() {
  rte_eth_dev_info info;
  int rc = rte_eth_dev_info_get(port_id_, &info);
  if (rc < 0) return Failed(rc, "does not tell its capabilities");
  const PortPlan plan = PlanPort(profile_, config_.tx_offloads, info);
  if (info.driver_name != profile_.driver || plan.tx_offloads != plan_.tx_offloads ||
      plan.max_segments != plan_.max_segments || plan.chains != plan_.chains) {
    return Failed(EINVAL, "is another card, with other abilities");
  }
  if (info.max_mtu > 0 && info.max_mtu < mtu_) {
    return Failed(EINVAL, "is another card, which takes shorter packets only");
  }
  rte_eth_conf conf{};
  conf.txmode.offloads = plan_.tx_offloads;
  FitMtu(info, &conf);
  absl::Status status = SetUpQueues(info, conf);
  if (status.ok() && exception_ != nullptr) status = SetUpException();
  if (!status.ok()) return status;
  rc = rte_eth_dev_start(port_id_);
  if (rc < 0) return Failed(rc, "can't be started");
  started_ = true;
  had_link_ = lost_link_ = false;
  opened_at_ = std::chrono::steady_clock::now();
  WatchResets();
  return absl::OkStatus();
}

}  // namespace groupcast
