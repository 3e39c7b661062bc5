// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_dev.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/control/config.h"
#include "engine/control/driver_profile.h"
#include "engine/control/exception_interface.h"
#include "engine/control/followed_interface.h"
#include "engine/control/link_watch.h"
#include "engine/control/port_plan.h"
#include "engine/control/receive_pool.h"
#include "engine/control/xdp_port.h"
#include "engine/datapath/assembler.h"
#include "engine/datapath/port.h"

namespace groupcast {

// The cold half of a port: probed, configured and started from its driver profile; stopped and
// removed when this is destroyed.
class PortSetup {
 public:
  // `queues`: TX queues wanted, one per lcore; fewer where the device has fewer.
  static absl::StatusOr<std::unique_ptr<PortSetup>> Start(const PortConfig& config,
                                                          uint16_t queues);
  ~PortSetup();
  PortSetup(const PortSetup&) = delete;
  PortSetup& operator=(const PortSetup&) = delete;

  const std::string& name() const { return config_.name; }
  const PortConfig& config() const { return config_; }
  uint32_t interface() const { return interface_; }  // the device's, by ifindex; 0: static
  // Whose routes and neighbours count: the same, or a VLAN on it.
  uint32_t kernel_interface() const { return kernel_interface_; }
  uint16_t vlan() const { return vlan_; }  // 802.1Q TCI of its frames; 0: untagged
  uint32_t mtu() const { return mtu_; }    // when it was started
  uint16_t queues() const { return queues_; }
  uint16_t tx_descriptors() const { return tx_descriptors_; }
  const KickSockets& kick() const { return kick_; }
  // Receive queues whose frames can be relayed; 0: none.
  uint16_t ingress_queues() const { return profile_.ingress ? rx_queues_ : uint16_t{0}; }
  uint16_t receive_queues() const { return rx_queues_; }
  uint16_t port_id() const { return port_id_; }
  // What they receive into; has to outlive all ports, whose packets may share its mbufs.
  const std::vector<std::shared_ptr<ReceivePool>>& receive_pools() const { return receive_pools_; }
  bool receives_by_xdp() const { return xdp_ != nullptr; }
  // Null where frames are not received by our XDP program.
  XdpProgram* xdp_program() { return xdp_ != nullptr ? xdp_->program() : nullptr; }
  // Returns once no lcore is inside of what it began before. Until it is set, a card that is taken
  // out stays.
  void SetAwaitLcores(std::function<void()> await) {
    const std::lock_guard lock(link_mutex_);
    await_lcores_ = std::move(await);
  }
  // Null where the kernel has an interface without us, or none.
  ExceptionInterface* exception() { return exception_.get(); }
  // Its frames move from now on, to and from the lcore of this doorbell.
  absl::Status StartException(Doorbell* doorbell);
  // From now on nobody but its destructor asks the device for anything.
  void EndWatch();
  // The mbufs for frames of that.
  const std::shared_ptr<ReceivePool>& exception_pool() const { return exception_pool_; }
  // What the kernel says of the port's interface.
  void SetKernelLink(bool up);
  PortState* state() { return &state_; }
  const PortState* state() const { return &state_; }
  TxPlan Plan(uint16_t queue) const;
  // See Engine.
  bool CopiesPayload(PayloadMemory memory, bool constant) const {
    return memory > profile_.memory || (!constant && profile_.completion == Completion::kSilent);
  }
  bool FollowsReading() const { return profile_.completion == Completion::kDescriptors; }
  bool ReadsMappedMemory() const { return profile_.memory == PayloadMemory::kMapped; }
  bool BoundToVfio() const;
  // The device sends nothing from here on, and has given back what it had.
  void Stop();
  // One line: what this port is and how its packets are put together.
  std::string Describe() const;

 private:
  PortSetup() = default;
  absl::Status FindInterface();
  absl::Status CheckDevice();
  void AddArguments(uint16_t queues);
  absl::Status Probe(uint16_t queues);
  absl::Status Configure(uint16_t queues);
  absl::StatusOr<rte_mempool*> PoolFor(uint16_t queue, uint16_t descriptors);
  absl::Status SetUpQueues(const rte_eth_dev_info& info, rte_eth_conf conf);
  void SpreadReceived(const rte_eth_dev_info& info, rte_eth_conf* conf) const;
  absl::Status SetUpTransmit(const rte_eth_txconf& of_driver);
  absl::Status SetUpReceive(uint16_t descriptors);
  void TellNoReading(const std::string& why);
  absl::Status Begin();
  void FitMtu(const rte_eth_dev_info& info, rte_eth_conf* conf);
  absl::Status SetUpException();
  void SetWireLink(bool up);
  void WatchCard();
  void LeaveCard();
  bool AttendCard();
  void TakeOut(const std::string& why);
  absl::Status TakeBack();
  bool Withdraw();
  void NoteLink(bool up);
  std::string WhyReset() const;
  void WatchResets();
  void LeaveResets();
  absl::Status Restart();
  void Remove();
  static int OnResetAsked(uint16_t port_id, rte_eth_event_type type, void* self, void* told);
  static void OnCardEvent(const char* device, rte_dev_event_type type, void* self);
  absl::Status Failed(int error, const std::string& what) const;

  PortConfig config_;
  DriverProfile profile_;
  std::string device_;  // with the profile's arguments
  uint32_t interface_ = 0;
  uint32_t kernel_interface_ = 0;
  uint16_t vlan_ = 0;
  uint32_t mtu_ = 1500;
  uint32_t ring_frame_ = 0;   // bytes, of net_af_packet's rings
  uint32_t ring_frames_ = 0;  // in each of them
  uint16_t port_id_ = 0;
  bool probed_ = false;
  bool started_ = false;
  uint16_t queues_ = 0;
  uint16_t tx_descriptors_ = 0;
  PortPlan plan_;
  uint16_t rx_queues_ = 0;
  std::vector<std::shared_ptr<ReceivePool>> receive_pools_;
  std::unique_ptr<XdpPort> xdp_;  // of net_af_xdp only
  KickSockets kick_;
  std::unique_ptr<ExceptionInterface> exception_;
  std::shared_ptr<ReceivePool> exception_pool_;
  std::optional<FollowedInterface> followed_;
  std::mutex link_mutex_;
  bool kernel_up_ = true;               // under link_mutex_
  bool wire_up_ = true;                 // under link_mutex_
  std::function<void()> await_lcores_;  // under link_mutex_
  std::atomic<bool> removal_asked_{false};
  std::atomic<bool> reset_asked_{false};
  // The link watch's, whichever thread looks.
  bool had_link_ = false;   // since the device was opened
  bool lost_link_ = false;  // after that
  bool out_ = false;        // the card is
  std::string refusal_;     // why the card that came back was not taken
  std::chrono::steady_clock::time_point try_at_, opened_at_;
  std::chrono::seconds between_resets_{0};
  PortState state_;
  std::optional<LinkWatch> link_watch_;
};

}  // namespace groupcast
