// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/engine_ports.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <arpa/inet.h>
#include <rte_ethdev.h>
#include <sched.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/control/config.h"
#include "engine/control/driver_profile.h"
#include "tools/groupcast-perf/groupcast_source.h"

namespace groupcast::perf {
namespace {

constexpr char kRingDriver[] = "net_ring";
constexpr uint64_t kMostRoutes = 1 << 24;   // of the key `resolver: routes`
constexpr uint32_t kMostCopybreak = 65507;  // bytes: everything is copied

std::string Dotted(uint32_t address) {
  const in_addr in{htonl(address)};
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &in, text, sizeof(text));
}

// The fewest prefixes that make up [first, last].
std::vector<std::string> Prefixes(uint64_t first, uint64_t last) {
  std::vector<std::string> prefixes;
  while (first <= last) {
    // The longest run that begins at `first` and stays inside.
    const int aligned = first == 0 ? 32 : std::countr_zero(first);
    const int fits = std::bit_width(last - first + 1) - 1;
    const int bits = std::min({aligned, fits, 32});
    prefixes.push_back(absl::StrCat(Dotted(static_cast<uint32_t>(first)), "/", 32 - bits));
    first += uint64_t{1} << bits;
  }
  return prefixes;
}

// Whether the kernel has an interface for it, and so routes and neighbours.
absl::StatusOr<bool> HasInterface(const std::string& device) {
  PortConfig port;
  port.device = device;
  const absl::StatusOr<DriverProfile> profile = LoadDeviceProfile(port.DeviceName());
  if (!profile.ok()) return profile.status();
  const bool named = !profile->interface_argument.empty() &&
                     !port.DeviceArgument(profile->interface_argument).empty();
  // Without its argument the engine says that it is missing.
  return named || profile->driver == "net_af_packet" || profile->driver == "net_af_xdp";
}

// A mode without a strategy of its own takes it from the ports.
PacketStrategy CopybreakFor(const Workload& workload) {
  return workload.mode == Mode::kSendgroup ? workload.strategy : PacketStrategy::kAuto;
}

}  // namespace

std::vector<unsigned> OwnCpus() {
  // Asked once, before a thread of this process is pinned.
  static const std::vector<unsigned> cpus = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    std::vector<unsigned> found;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
      if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
    }
    return found;
  }();
  return cpus;
}

absl::Status CompleteEngineOptions(Options* options, EngineOptions* engine) {
  std::vector<EngineOptions::Port*> fixed;
  for (EngineOptions::Port& port : engine->ports) {
    const absl::StatusOr<bool> has_interface = HasInterface(port.device);
    if (!has_interface.ok()) return has_interface.status();
    if (!*has_interface) fixed.push_back(&port);
    if (options->tx_descriptors != 0) port.tx_descriptors = options->tx_descriptors;
  }
  options->fixed_port = !fixed.empty();
  options->all_fixed = options->fixed_port && fixed.size() == engine->ports.size();
  const uint64_t recipients = options->workload.AllRecipients();
  for (size_t i = 0; i < fixed.size(); i++) {
    EngineOptions::Static own;
    own.mac = options->eth_source;
    own.address = Dotted(ntohl(options->flow.source));
    own.mtu = options->mtu;
    // The last one has what the prompt may add, too.
    if (i + 1 == fixed.size()) own.next_hops.push_back({"0.0.0.0/0", options->eth_peer});
    const uint64_t first = ntohl(options->flow.destination);
    for (const std::string& prefix : i + 1 < fixed.size()
                                         ? Prefixes(first + recipients * i / fixed.size(),
                                                    first + recipients * (i + 1) / fixed.size() - 1)
                                         : std::vector<std::string>{}) {
      own.next_hops.push_back({prefix, options->eth_peer});
    }
    fixed[i]->fixed = std::move(own);
  }
  const std::vector<unsigned>& cpus = OwnCpus();
  if (engine->lcores.empty()) {
    if (options->nb_cores > cpus.size()) {
      return absl::InvalidArgumentError(absl::StrCat("--nb-cores ", options->nb_cores,
                                                     ": this process has ", cpus.size(), " CPUs"));
    }
    engine->lcores.assign(cpus.end() - options->nb_cores, cpus.end());
  }
  if (options->idle_polls) engine->idle = EngineOptions::Idle::kPoll;
  // Plain calls have each recipient in the table of routes.
  if (recipients > engine->routes / 2) {
    engine->routes = static_cast<uint32_t>(std::min(std::bit_ceil(recipients * 2), kMostRoutes));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<EnginePorts>> EnginePorts::Open(const Options& options,
                                                               EngineOptions engine,
                                                               const Workload& workload) {
  std::vector<unsigned> lcores = engine.lcores;
  if (!options.config.empty()) {
    const absl::StatusOr<EngineConfig> config = LoadEngineConfig(options.config);
    if (!config.ok()) return config.status();
    lcores = config->lcores;
    if (lcores.empty()) lcores.push_back(OwnCpus().back());
  }
  for (EngineOptions::Port& port : engine.ports) {
    if (CopybreakFor(workload) == PacketStrategy::kChain) port.copybreak = 0;
    if (CopybreakFor(workload) == PacketStrategy::kCopy) port.copybreak = kMostCopybreak;
  }
  std::unique_ptr<EnginePorts> self(new EnginePorts);
  if (workload.mode == Mode::kDirect) {
    auto direct = DirectPort::Open(options, engine, workload);
    if (!direct.ok()) return direct.status();
    self->direct_ = *std::move(direct);
  } else {
    absl::StatusOr<Engine> opened =
        options.config.empty() ? Engine::Open(engine) : Engine::Open(options.config);
    if (!opened.ok()) return opened.status();
    self->engine_ = *std::move(opened);
  }
  self->from_file_ = !options.config.empty();
  self->copybreak_for_ = CopybreakFor(workload);
  self->lcores_ = std::move(lcores);
  self->FindPorts();
  if (!options.latency) return self;
  std::vector<uint16_t> ids;
  for (const Port& port : self->ports_) ids.push_back(port.id);
  auto stamps = TxStamps::Install(ids);
  if (!stamps.ok()) return stamps.status();
  self->stamps_ = *std::move(stamps);
  return self;
}

// The process has no others than the engine's.
void EnginePorts::FindPorts() {
  uint16_t id = 0;
  RTE_ETH_FOREACH_DEV(id) {
    rte_eth_dev_info info;
    char name[RTE_ETH_NAME_MAX_LEN];
    if (rte_eth_dev_get_name_by_port(id, name) != 0 || rte_eth_dev_info_get(id, &info) != 0) {
      continue;
    }
    ports_.push_back({id, name, info.driver_name});
  }
}

EnginePorts::~EnginePorts() {
  ring_consumer_.Stop();
  if (stamps_ != nullptr) stamps_->Remove();
  // Without its lcores the rest can go.
  if (engine_) engine_->Close().IgnoreError();
}

bool EnginePorts::Suits(const Workload& workload) const {
  if (direct_ != nullptr || workload.mode == Mode::kDirect) {
    return direct_ != nullptr && direct_->workload() == workload;
  }
  return from_file_ || copybreak_for_ == CopybreakFor(workload);
}

bool EnginePorts::HasRings() const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [](const Port& port) { return port.driver == kRingDriver; });
}

void EnginePorts::Begin(const Workload& workload) {
  std::vector<std::string> rings;
  for (const Port& port : ports_) {
    if (port.driver == kRingDriver) rings.push_back(port.device);
  }
  ring_consumer_.Start(
      rings, static_cast<uint16_t>(lcores_.size()),
      {workload.prepend_bytes, PayloadBytes(workload.payload_bytes), workload.append_bytes});
}

std::string EnginePorts::Wire() const {
  std::vector<std::string> drivers;
  for (const Port& port : ports_) drivers.push_back(port.driver);
  return absl::StrJoin(drivers, ",");
}

}  // namespace groupcast::perf
