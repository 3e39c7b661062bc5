// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What RunningEngine's ports receive, for relaying.
#include <absl/strings/str_cat.h>
#include <rte_cycles.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/control/engine.h"
#include "engine/control/log.h"

namespace groupcast {
namespace {

// A bridge or bond takes what comes in by its own interfaces; the kernel then knows it as its own.
bool HasMaster(const std::string& interface) {
  return !interface.empty() &&
         access(absl::StrCat("/sys/class/net/", interface, "/master").c_str(), F_OK) == 0;
}

IngressClaims::Port ClaimsPort(PortSetup& port) {
  IngressClaims::Port made;
  made.interface = port.interface();
  made.longest = port.mtu();
  if (port.xdp_program() != nullptr) {
    made.redirected = &port.xdp_program()->claims();
    for (size_t i = 0; i < port.kick().count; i++) {
      made.xdp_sockets.push_back(port.kick().descriptors[i]);
    }
  } else {
    for (size_t i = 0; i < port.kick().count; i++) {
      made.packet_sockets.push_back(port.kick().descriptors[i]);
    }
  }
  if (port.config().fixed) {
    made.addresses = {port.config().fixed->address, port.config().fixed->address6};
  }
  return made;
}

}  // namespace

absl::Status RunningEngine::StartIngress() {
  IngressClaims::Options options;
  options.engine_ports = ports_.size();
  options.tsc_hz = rte_get_tsc_hz();
  options.readers = std::make_shared<LcoreGrace>(static_cast<uint32_t>(config_.lcores.size()));
  options.name = absl::StrCat("gc", instance_);
  for (const auto& port : ports_) {
    options.longest_frame =
        std::max(options.longest_frame, port->mtu() + kEthernetHeader + kVlanTag);
    if (port->ingress_queues() == 0 || port->vlan() != 0) continue;
    if (HasMaster(port->config().interface)) {
      LogNotice(absl::StrCat("port '", port->name(), "': ", port->config().interface,
                             " belongs to another interface: what it receives is relayed by the "
                             "kernel's sockets"));
      continue;
    }
    // Where the kernel runs the program for each skb, several datagrams may look like one.
    if (port->receives_by_xdp() &&
        (port->xdp_program() == nullptr || !port->xdp_program()->native())) {
      LogNotice(absl::StrCat("port '", port->name(), "': ", port->config().interface,
                             "'s driver does not run our XDP program itself: what it receives is "
                             "relayed by the kernel's sockets"));
      continue;
    }
    options.ports.push_back(ClaimsPort(*port));
  }
  // A group's owner sends to all of its members, whichever ports lead to them.
  ingress_lcores_ = config_.lcores.size();
  for (const auto& port : ports_) {
    ingress_lcores_ = std::min<size_t>(ingress_lcores_, port->queues());
  }
  options.lcores = ingress_lcores_;
  ingress_ = std::make_unique<IngressClaims>(std::move(options));
  MakeIngressLanes();
  return MakeExceptionRings();
}

absl::Status RunningEngine::MakeExceptionRings() {
  for (const auto& port : ports_) {
    if (port->exception() == nullptr) continue;
    absl::Status status =
        port->exception()->MakeRings(absl::StrCat("gc", instance_, "_x", port->port_id()));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// From each lcore that has a queue to receive from to each that may own what came.
void RunningEngine::MakeIngressLanes() {
  size_t receivers = 0;
  bool exceptions = false;
  for (const auto& port : ports_) {
    exceptions |= port->exception() != nullptr;
    const bool relays = port->ingress_queues() > 0 && port->vlan() == 0;
    if (!relays && port->exception() == nullptr) continue;
    receivers = std::max<size_t>(receivers, port->receive_queues());
  }
  receivers = std::min(receivers, config_.lcores.size());
  const size_t owners = std::max<size_t>(ingress_lcores_, exceptions ? 1 : 0);
  for (size_t from = 0; from < receivers; from++) {
    for (size_t to = 0; to < owners; to++) {
      if (from != to) ingress_lanes_.push_back({from, to, std::make_unique<IngressLane>()});
    }
  }
}

// What this lcore receives, and what it needs to send on.
void RunningEngine::AddIngress(PollLoop::Options* options) {
  // Per port, so that one that takes nothing leaves room for the others.
  constexpr size_t kRequestBytes = 4 << 20;
  const size_t lcore = options->lcore;
  const size_t lcores = config_.lcores.size();
  int exceptions = 0;
  for (const auto& port : ports_) {
    if (lcore < ingress_lcores_) {
      ingress_memory_.emplace_back(new CacheLine[LinesFor(kRequestBytes)]);
      options->ingress_requests.emplace_back(ingress_memory_.back().get(), kRequestBytes, 0);
    }
    const bool relays = port->vlan() == 0 && port->ingress_queues() > 0;
    const int exception = port->exception() != nullptr ? exceptions++ : -1;
    if (exception >= 0 && lcore == IngressLoop::kExceptionLcore) {
      options->exceptions.push_back({port->exception()->rings(), port->exception_pool()->pool(),
                                     port->port_id(), /*queue=*/0, port->state(),
                                     /*counters=*/nullptr});
    }
    if (!relays && exception < 0) continue;
    for (size_t queue = lcore; queue < port->receive_queues(); queue += lcores) {
      const int socket = queue < port->kick().count ? port->kick().descriptors[queue] : -1;
      options->ingress_ports.push_back(
          {port->port_id(), static_cast<uint16_t>(queue), port->interface(), port->state(), socket,
           port->receive_pools()[std::min(queue, port->receive_pools().size() - 1)]->pool(), relays,
           exception});
    }
  }
  options->lanes.to.resize(lcores);
  options->lanes.from.resize(lcores);
  for (const LaneOf& way : ingress_lanes_) {
    if (way.from == lcore) options->lanes.to[way.to] = way.lane.get();
    if (way.to == lcore) options->lanes.from[way.from] = way.lane.get();
  }
}

void RunningEngine::AwaitLcores() const {
  const std::shared_ptr<LcoreGrace>& readers = ingress_->readers();
  const uint64_t token = readers->Replaced();
  while (!readers->Passed(token)) std::this_thread::sleep_for(std::chrono::microseconds(200));
}

absl::Status RunningEngine::StartAttending() {
  for (const auto& port : ports_) {
    port->SetAwaitLcores([this] { AwaitLcores(); });
    if (port->exception() == nullptr) continue;
    absl::Status status =
        port->StartException(lcores_[IngressLoop::kExceptionLcore].loop->doorbell());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace groupcast
