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
  ingress_ = std::make_unique<IngressClaims>(std::move(options));
  return absl::OkStatus();
}

absl::Status RunningEngine::AddIngress(PollLoop::Options* options) {
  // Per port, so that one that takes nothing leaves room for the others.
  constexpr size_t kRequestBytes = 4 << 20;
  for (const auto& port : ports_) {
    ingress_memory_.emplace_back(new CacheLine[LinesFor(kRequestBytes)]);
    options->ingress_requests.emplace_back(ingress_memory_.back().get(), kRequestBytes, 0);
    const bool relays = port->vlan() == 0 && port->ingress_queues() > 0;
    int exception = -1;
    if (port->exception() != nullptr) {
      absl::Status status =
          port->exception()->MakeRings(absl::StrCat("gc", instance_, "_x", port->port_id()));
      if (!status.ok()) return status;
      exception = static_cast<int>(options->exceptions.size());
      options->exceptions.push_back({port->exception()->rings(), port->exception_pool()->pool(),
                                     port->port_id(), /*queue=*/0, port->state(),
                                     /*counters=*/nullptr});
    }
    if (!relays && exception < 0) continue;
    for (uint16_t queue = 0; queue < port->receive_queues(); queue++) {
      const int socket = queue < port->kick().count ? port->kick().descriptors[queue] : -1;
      options->ingress_ports.push_back(
          {port->port_id(), queue, port->interface(), port->state(), socket,
           port->receive_pools()[std::min<size_t>(queue, port->receive_pools().size() - 1)]->pool(),
           relays, exception});
    }
  }
  return absl::OkStatus();
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
    absl::Status status = port->StartException(lcores_[kIngressLcore].loop->doorbell());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace groupcast
