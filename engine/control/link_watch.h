// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ethdev.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace groupcast {

// Follows the link of a port whose driver tells of it (a card's; vhost-user's two sides: whether
// there is a peer), so that nothing waits for a peer that is gone. Not for ports whose carrier the
// kernel tells.
class LinkWatch {
 public:
  // How the driver is asked: by its events, or again and again, as cards are whose interrupts may
  // not come.
  enum class By : uint8_t { kEvents, kLooking };

  // `name` is the port's, for the log. Before the device is configured: by events it has to be for
  // RTE_ETH_EVENT_INTR_LSC, for looking it must not be, since the driver would tell what its last
  // event said.
  // `tell`: on any thread, whenever it has changed; the first time it is down.
  // `present`: asked before each look but the first, on the thread that looks (By::kLooking only);
  // false: there is no device, and so no link.
  LinkWatch(std::string name, uint16_t port_id, By by, std::function<void(bool up)> tell,
            std::function<bool()> present);
  // Before the device is stopped: closing it tells of its link, too.
  ~LinkWatch();
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

  // Takes the link as it is now; the device has started. Waits for it at most so long.
  void Begin(std::chrono::milliseconds patience);

 private:
  static int OnEvent(uint16_t port_id, rte_eth_event_type event, void* self, void* unused);
  void Look();
  void KeepLooking();

  const By by_;
  std::string name_;
  uint16_t port_id_;
  std::mutex mutex_;  // events come on the driver's threads
  std::condition_variable ended_;
  bool begun_ = false;
  bool end_ = false;
  std::thread looker_;
  std::function<void(bool)> tell_;
  std::function<bool()> present_;
  bool up_ = false;
};

}  // namespace groupcast
