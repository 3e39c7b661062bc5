// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_memzone.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/control/config.h"
#include "engine/control/device_memory.h"
#include "engine/control/ingress_claims.h"
#include "engine/control/ipv6_settings.h"
#include "engine/control/mempools.h"
#include "engine/control/port_setup.h"
#include "engine/control/resolver.h"
#include "engine/datapath/poll_loop.h"

namespace groupcast {

// Starts and stops all parts of the engine in order; nobody else knows them all.
class RunningEngine {
 public:
  // Starts EAL (the first time), ports, resolver and lcores. On error nothing is left started.
  static absl::StatusOr<std::unique_ptr<RunningEngine>> Start(const EngineConfig& config);
  // Stop() must have been called.
  ~RunningEngine();
  RunningEngine(const RunningEngine&) = delete;
  RunningEngine& operator=(const RunningEngine&) = delete;

  // Drains accepted packets for at most a second, ends the rest as "not started", stops all.
  // `callers_gone`: whether no application thread is inside the engine any more; it must become
  // true soon after new ones are kept out.
  void Stop(const std::function<bool()>& callers_gone);

  // The channel of the application thread with this number, made on first use; null when there is
  // no memory for it. One thread per number at a time; the thread itself calls.
  Channel* ChannelOf(uint32_t number);

  Resolver& resolver() { return *resolver_; }
  IngressClaims& ingress() { return *ingress_; }
  const Ipv6Settings& ipv6_settings() const { return ipv6_settings_; }
  const EngineConfig& config() const { return config_; }
  uint32_t instance() const { return instance_; }  // differs for each engine of the process; not 0
  uint64_t netns_cookie() const { return netns_cookie_; }
  // Whether a socket bound to this interface can be served: 0 (unbound), or a port's own.
  bool MayBindTo(uint32_t interface) const;
  // Which lcore sends to this recipient: always the same, so that order holds.
  size_t LcoreOf(uint16_t port, const IpAddress& address, rte_be16_t udp_port) const;
  bool LinkUp(uint16_t port) const {
    return ports_[port]->state()->link_up.load(std::memory_order_relaxed);
  }
  // Whether a payload is copied for this port: what the application may change again lies in memory
  // that the device does not read, or of which the driver does not tell when it was read.
  bool CopiesPayload(uint16_t port, PayloadMemory memory, bool constant) const {
    return ports_[port]->CopiesPayload(memory, constant);
  }
  // Whether its lcore has to ask when a payload was read.
  bool FollowsReading(uint16_t port) const { return ports_[port]->FollowsReading(); }
  DeviceMemory& device_memory() { return *device_memory_; }
  // Whether Stop() was called: callers wait for nothing any more but for their lcores.
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  size_t lcores() const { return lcores_.size(); }
  size_t ports() const { return ports_.size(); }
  // The sum over lcores and resolver; after Stop(), as it was then.
  uint64_t Read(Counter counter) const;

 private:
  struct Lcore {
    unsigned cpu = 0;
    std::unique_ptr<Mempools> mempools;
    std::unique_ptr<PollLoop> loop;
    std::thread thread;
  };

  explicit RunningEngine(const EngineConfig& config) : config_(config) {}
  absl::Status StartPorts();
  absl::Status StartResolver();
  absl::Status StartIngress();
  absl::Status MakeExceptionRings();
  void MakeIngressLanes();
  void AddIngress(PollLoop::Options* options);
  // Of ports: exception paths, and cards that may be taken out.
  absl::Status StartAttending();
  // Returns once no lcore is inside of what it began before.
  void AwaitLcores() const;
  absl::Status StartLcores();
  void OnInterface(uint16_t port, const InterfaceState& state);
  void WarnOfEgressFilters();
  struct Memory {
    const rte_memzone* zone;
    size_t bytes;
  };
  Memory Reserve(const std::string& name, size_t bytes, bool in_one_piece);
  std::unique_ptr<Channel> MakeChannel(uint32_t number);

  EngineConfig config_;
  uint32_t instance_ = 0;  // makes names of DPDK objects unique
  uint64_t netns_cookie_ = 0;
  const Ipv6Settings ipv6_settings_;
  std::vector<std::shared_ptr<ReceivePool>> receive_pools_;  // outlive all ports
  std::vector<std::unique_ptr<PortSetup>> ports_;
  std::unique_ptr<DeviceMemory> device_memory_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<IngressClaims> ingress_;
  size_t ingress_lcores_ = 0;               // the first so many own groups that are relayed
  std::vector<CacheLines> ingress_memory_;  // of relayed datagrams' requests
  struct LaneOf {
    size_t from, to;  // lcores
    std::unique_ptr<IngressLane> lane;
  };
  std::vector<LaneOf> ingress_lanes_;
  std::vector<Lcore> lcores_;
  std::atomic<bool> stopping_{false};
  std::atomic<RunMode> mode_{RunMode::kRun};
  std::array<uint64_t, kCounters> totals_{};  // set by Stop()
  std::atomic<bool> no_memory_{false};        // for one more channel
  ChannelTable table_;
  std::mutex mutex_;  // makes channels one at a time; guards the three below
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<const rte_memzone*> zones_;
  std::vector<std::vector<RequestRing::Place>> places_;  // of the channels' rings
};

}  // namespace groupcast
