// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/ingress_claims.h"

#include <absl/strings/str_cat.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/control/log.h"

namespace groupcast {
namespace {

// An lcore takes a burst of each queue in a turn: as many empty a ring, if it takes no longer.
constexpr int kTurnsForLastFrames = 64;
constexpr auto kLastFramesMost = std::chrono::milliseconds(20);

// This host's addresses, but for those that no frame is sent to.
std::vector<IpAddress> LocalAddresses() {
  std::vector<IpAddress> addresses;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return addresses;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      addresses.push_back(IpAddress::FromIpv4(
          reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr.s_addr));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      addresses.push_back(
          IpAddress::FromIpv6(reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr));
    }
  }
  freeifaddrs(all);
  return addresses;
}

}  // namespace

IngressClaims::IngressClaims(Options options) : options_(std::move(options)) {}

IngressClaims::~IngressClaims() { Stop(); }

std::shared_ptr<IngressFlow> IngressClaims::Open(const IngressFlow::Options& options) {
  IngressFlow::Options own = options;
  own.pace.burst_bytes = std::max(own.pace.burst_bytes, options_.longest_frame);
  const std::lock_guard lock(mutex_);
  // What takes time, before the first claim is made. That says what is wrong.
  if (!stopped_) LoadPrograms().IgnoreError();
  own.lcore = LcoreWithFewest();
  auto flow = std::make_shared<IngressFlow>(own, options_.engine_ports, options_.tsc_hz);
  flows_.push_back(flow);
  return flow;
}

uint16_t IngressClaims::LcoreWithFewest() {
  std::vector<size_t> flows(options_.lcores);
  std::erase_if(flows_, [&flows](const auto& open) {
    const auto flow = open.lock();
    if (flow != nullptr) flows[flow->lcore()]++;
    return flow == nullptr;
  });
  return static_cast<uint16_t>(std::ranges::min_element(flows) - flows.begin());
}

// Of this host and of the static ports.
std::vector<IpAddress> IngressClaims::EveryAddress() const {
  std::vector<IpAddress> every = LocalAddresses();
  for (const Port& port : options_.ports) {
    every.insert(every.end(), port.addresses.begin(), port.addresses.end());
  }
  return every;
}

std::vector<IpAddress> IngressClaims::AddressesOf(const Wanted& wanted,
                                                  const std::vector<IpAddress>& every) {
  if (!wanted.address.IsUnspecified()) return {wanted.address};
  std::vector<IpAddress> addresses = every;
  std::erase_if(addresses, [&](const IpAddress& address) {
    return address.IsUnspecified() || address.IsIpv4() != wanted.address.IsIpv4();
  });
  return addresses;
}

bool IngressClaims::UsesPrograms() const {
  return std::ranges::any_of(options_.ports,
                             [](const Port& port) { return !port.packet_sockets.empty(); });
}

absl::Status IngressClaims::LoadPrograms() {
  if (programs_ != nullptr || without_programs_ || !UsesPrograms()) return absl::OkStatus();
  auto programs = IngressPrograms::Load();
  if (!programs.ok()) {
    // Ports that need none go on.
    without_programs_ = std::ranges::any_of(
        options_.ports, [](const Port& port) { return port.packet_sockets.empty(); });
    if (!without_programs_) return programs.status();
    LogWarning(absl::StrCat("net_af_packet's ports receive nothing for relaying: ",
                            programs.status().message()));
    return absl::OkStatus();
  }
  for (const Port& port : options_.ports) {
    for (const int packet_socket : port.packet_sockets) {
      absl::Status status = (*programs)->SetPort(port.interface, port.longest);
      if (status.ok()) status = (*programs)->AttachTake(packet_socket);
      if (!status.ok()) return status;
    }
  }
  programs_ = *std::move(programs);
  EmptyRings();
  return absl::OkStatus();
}

rte_hash* IngressClaims::CreateHash(uint32_t claims) {
  constexpr uint32_t kLeastEntries = 8;  // of rte_hash
  const std::string name = absl::StrCat(options_.name, "_claims", tables_++);
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = std::max(kLeastEntries, 2 * claims);
  parameters.key_len = sizeof(IngressClaim::Key);
  parameters.hash_func = rte_jhash;
  parameters.socket_id = SOCKET_ID_ANY;
  return rte_hash_create(&parameters);
}

IngressClaims::Made::~Made() { rte_hash_free(table.claims); }

absl::StatusOr<std::unique_ptr<IngressClaims::Made>> IngressClaims::MakeTable() {
  auto made = std::make_unique<Made>();
  const std::vector<IpAddress> every = EveryAddress();
  for (const Claimed& claimed : claims_) {
    const Wanted& wanted = claimed.wanted;
    for (const IpAddress& address : AddressesOf(wanted, every)) {
      // The first one to claim an address has it.
      made->claims.try_emplace(
          {address, wanted.udp_port},
          IngressClaim{claimed.flow.get(), claimed.flow->lcore(), wanted.interface,
                       address.IsMulticast(), wanted.from.empty() ? nullptr : &wanted.from});
    }
  }
  made->table.claims = CreateHash(static_cast<uint32_t>(made->claims.size()));
  for (auto& [key, claim] : made->claims) {
    if (made->table.claims == nullptr ||
        rte_hash_add_key_data(made->table.claims, &key, &claim) != 0) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no memory for ", made->claims.size(), " claimed addresses"));
    }
  }
  return made;
}

// Makes the lcores and the programs know what `claims_` says. `gone`: claims that the lcores may
// still read of.
absl::Status IngressClaims::Publish(std::list<Claimed> gone) {
  Reap();
  auto made_table = MakeTable();
  if (!made_table.ok()) {
    claims_.splice(claims_.end(), gone);
    return made_table.status();
  }
  std::unique_ptr<Made> made = *std::move(made_table);
  bool waits = false;
  for (const IngressClaim::Key& key : std::vector(keys_.begin(), keys_.end())) {
    if (made->claims.contains(key)) continue;
    Unclaim(key);
    keys_.erase(key);
    waits = true;
  }
  if (waits) AwaitLastFrames();
  table_.store(made->claims.empty() ? nullptr : &made->table, std::memory_order_release);
  retired_.push_back({std::move(current_), std::move(gone), options_.readers->Replaced()});
  current_ = std::move(made);
  for (const auto& [key, claim] : current_->claims) {
    if (keys_.contains(key)) continue;
    // Known or not, it is to be removed from all again.
    keys_.insert(key);
    if (absl::Status status = AddKey(key); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// What is redirected, no socket of the host gets any more: only what the engine would relay.
bool IngressClaims::TakenFrom(const Port& port, const IngressClaim::Key& key) const {
  const IngressClaim& claim = current_->claims.find(key)->second;
  return (claim.interface == 0 || claim.interface == port.interface) &&
         !(claim.multicast && claim.from != nullptr);
}

absl::Status IngressClaims::AddKey(const IngressClaim::Key& key) {
  if (programs_ != nullptr) {
    if (absl::Status status = programs_->claims().Add(key); !status.ok()) return status;
  }
  for (const Port& port : options_.ports) {
    if (port.redirected == nullptr || !TakenFrom(port, key)) continue;
    if (absl::Status status = port.redirected->Add(key); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Until the lcores have taken what their ports' queues had received.
void IngressClaims::AwaitLastFrames() const {
  const auto until = std::chrono::steady_clock::now() + kLastFramesMost;
  for (int turn = 0; turn < kTurnsForLastFrames; turn++) {
    const uint64_t token = options_.readers->Replaced();
    while (!options_.readers->Passed(token)) {
      if (std::chrono::steady_clock::now() > until) return;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

// What packet sockets received before they had a filter has come to the host's sockets, too.
void IngressClaims::EmptyRings() {
  const bool all = std::ranges::all_of(
      options_.ports, [](const Port& port) { return !port.packet_sockets.empty(); });
  if (!all) return;
  auto empty = std::make_unique<Made>();
  empty->table.claims = CreateHash(0);
  if (empty->table.claims == nullptr) return;
  table_.store(&empty->table, std::memory_order_release);
  // An lcore that sleeps does not receive yet.
  std::this_thread::sleep_for(kLastFramesMost);
  AwaitLastFrames();
  table_.store(nullptr, std::memory_order_release);
  retired_.push_back({std::move(empty), {}, options_.readers->Replaced()});
}

absl::Status IngressClaims::Claim(const std::shared_ptr<IngressFlow>& flow, const Wanted& wanted) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return absl::UnavailableError("the engine stops");
  if (options_.ports.empty()) {
    return absl::UnavailableError("no port of the engine can receive datagrams for a relay");
  }
  for (const IpAddress& address : AddressesOf(wanted, EveryAddress())) {
    if (current_ != nullptr && current_->claims.contains({address, wanted.udp_port})) {
      return absl::AlreadyExistsError("another ingress claims the same address and port");
    }
  }
  absl::Status status = LoadPrograms();
  if (status.ok() && programs_ != nullptr) status = programs_->AttachLeave(wanted.socket);
  if (!status.ok()) return status;
  claims_.push_back({flow, wanted});
  status = Publish();
  if (status.ok()) return status;
  std::list<Claimed> gone;
  gone.splice(gone.end(), claims_, std::prev(claims_.end()));
  Publish(std::move(gone)).IgnoreError();
  return status;
}

void IngressClaims::Close(const std::shared_ptr<IngressFlow>& flow) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  std::erase_if(flows_, [&](const auto& open) { return open.lock() == flow; });
  std::list<Claimed> gone;
  for (auto claimed = claims_.begin(); claimed != claims_.end();) {
    const auto next = std::next(claimed);
    if (claimed->flow == flow) gone.splice(gone.end(), claims_, claimed);
    claimed = next;
  }
  if (!gone.empty()) {
    if (absl::Status status = Publish(std::move(gone)); !status.ok()) {
      LogWarning(std::string(status.message()));
    }
  }
  Count(flow.get());
  counts_before_.erase(flow.get());
  closing_.push_back({flow, options_.readers->Replaced(), false});
  Reap();
}

std::vector<ClaimMap*> IngressClaims::Maps() const {
  std::vector<ClaimMap*> maps;
  if (programs_ != nullptr) maps.push_back(&programs_->claims());
  for (const Port& port : options_.ports) {
    if (port.redirected != nullptr) maps.push_back(port.redirected);
  }
  return maps;
}

// Before the table that names its flow is replaced.
void IngressClaims::Unclaim(const IngressClaim::Key& key) {
  Counts& before = counts_before_[current_->claims.find(key)->second.flow];
  for (ClaimMap* map : Maps()) {
    const Counts last = map->Counts(key);
    for (size_t i = 0; i < last.size(); i++) before[i] += last[i];
    map->Remove(key);
  }
}

void IngressClaims::Count(IngressFlow* flow) {
  static_assert(IngressFlow::kKernelCounts == INGRESS_COUNTS);
  Counts sum{};
  if (const auto before = counts_before_.find(flow); before != counts_before_.end()) {
    sum = before->second;
  }
  for (const IngressClaim::Key& key : keys_) {
    if (current_->claims.find(key)->second.flow != flow) continue;
    for (const ClaimMap* map : Maps()) {
      const Counts now = map->Counts(key);
      for (size_t i = 0; i < now.size(); i++) sum[i] += now[i];
    }
  }
  for (size_t i = 0; i < sum.size(); i++) {
    flow->kernel_counts[i].store(sum[i], std::memory_order_relaxed);
  }
}

void IngressClaims::ReadCounts(IngressFlow* flow) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) Count(flow);
}

uint64_t IngressClaims::Dropped() {
  const std::lock_guard lock(mutex_);
  uint64_t by_xdp = 0;
  for (const Port& port : options_.ports) {
    for (const int packet_socket : port.packet_sockets) {
      tpacket_stats statistics{};
      socklen_t len = sizeof(statistics);
      if (getsockopt(packet_socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &len) == 0) {
        dropped_ += statistics.tp_drops;
      }
    }
    for (const int xdp_socket : port.xdp_sockets) {
      xdp_statistics statistics{};
      socklen_t len = sizeof(statistics);
      if (getsockopt(xdp_socket, SOL_XDP, XDP_STATISTICS, &statistics, &len) == 0) {
        by_xdp += statistics.rx_dropped + statistics.rx_ring_full;
      }
    }
  }
  return dropped_ + by_xdp;
}

void IngressClaims::Attend(uint32_t generation) {
  const std::lock_guard lock(mutex_);
  Reap();
  if (generation == generation_ || stopped_) return;
  generation_ = generation;
  if (std::ranges::any_of(
          claims_, [](const Claimed& claimed) { return claimed.wanted.address.IsUnspecified(); })) {
    if (absl::Status status = Publish(); !status.ok()) {
      LogWarning(std::string(status.message()));
    }
  }
}

void IngressClaims::Reap() {
  std::erase_if(retired_,
                [&](const Retired& retired) { return options_.readers->Passed(retired.token); });
  std::erase_if(closing_, [&](Closing& closing) {
    if (!options_.readers->Passed(closing.token)) return false;
    if (closing.unused) return true;
    // No lcore takes or hands over anything for it any more. What came before, and may be on its
    // way from one to another, is sent; then the last look that its owner has at it has to pass.
    closing.unused = !closing.flow->in_use();
    if (closing.unused) closing.token = options_.readers->Replaced();
    return false;
  });
}

void IngressClaims::Stop() {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  stopped_ = true;
  for (const IngressClaim::Key& key : keys_) Unclaim(key);
  if (!keys_.empty()) AwaitLastFrames();
  keys_.clear();
  for (const Claimed& claimed : claims_) Count(claimed.flow.get());
  table_.store(nullptr, std::memory_order_release);
}

}  // namespace groupcast
