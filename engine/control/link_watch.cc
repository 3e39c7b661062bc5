// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/link_watch.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/control/log.h"
#include "engine/control/threads.h"

namespace groupcast {
namespace {

constexpr auto kBetweenFirstLooks = std::chrono::milliseconds(10);
constexpr auto kBetweenLooks = std::chrono::milliseconds(100);

}  // namespace

LinkWatch::LinkWatch(std::string name, uint16_t port_id, By by, std::function<void(bool)> tell,
                     std::function<bool()> present)
    : by_(by),
      name_(std::move(name)),
      port_id_(port_id),
      tell_(std::move(tell)),
      present_(std::move(present)) {
  tell_(false);
  if (by_ == By::kLooking) return;
  rte_eth_dev_callback_register(port_id_, RTE_ETH_EVENT_INTR_LSC, OnEvent, this);
}

LinkWatch::~LinkWatch() {
  if (looker_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      end_ = true;
      ended_.notify_one();
    }
    looker_.join();
  }
  if (by_ == By::kLooking) return;
  // While one runs it is not taken off.
  while (rte_eth_dev_callback_unregister(port_id_, RTE_ETH_EVENT_INTR_LSC, OnEvent, this) ==
         -EAGAIN) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

void LinkWatch::Begin(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  rte_eth_link link{};
  while (rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status != RTE_ETH_LINK_UP &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kBetweenFirstLooks);
  }
  const std::lock_guard lock(mutex_);
  begun_ = true;
  Look();
  if (!up_) {
    LogNotice(absl::StrCat("port '", name_, "' has no link yet"));
  }
  if (by_ == By::kEvents) return;
  auto looker = StartThread("gc-link", [this] { KeepLooking(); });
  if (looker.ok()) {
    looker_ = *std::move(looker);
  } else {
    LogWarning(absl::StrCat("port '", name_,
                            "': its link can't be followed: ", looker.status().message()));
  }
}

void LinkWatch::KeepLooking() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kBetweenLooks, [this] { return end_; })) {
    if (present_()) {
      Look();
    } else {
      up_ = false;
    }
  }
}

int LinkWatch::OnEvent(uint16_t, rte_eth_event_type, void* self, void*) {
  auto* watch = static_cast<LinkWatch*>(self);
  const std::lock_guard lock(watch->mutex_);
  if (watch->begun_) watch->Look();
  return 0;
}

void LinkWatch::Look() {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(port_id_, &link) != 0) return;
  const bool up = link.link_status == RTE_ETH_LINK_UP;
  if (up_ == up) return;
  up_ = up;
  tell_(up);
  LogNotice(absl::StrCat("port '", name_, "': its link is ", up ? "up" : "down"));
}

}  // namespace groupcast
