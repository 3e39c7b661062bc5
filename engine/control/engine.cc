// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/engine.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <rte_errno.h>
#include <rte_jhash.h>
#include <rte_lcore.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <random>

#include "engine/control/eal.h"
#include "engine/control/egress_filters.h"
#include "engine/control/host_check.h"
#include "engine/control/log.h"
#include "engine/control/sigpipe.h"
#include "engine/control/threads.h"
#include "engine/datapath/asymmetric_fence.h"
#include "engine/datapath/cancellation.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {
namespace {

constexpr auto kDrain = std::chrono::seconds(1);
constexpr size_t kLeastRequestArena = 1 << 20;  // bytes, per channel, port and lcore
constexpr size_t kRequestBytes = 1024;          // of one recipient, with its private bytes
constexpr uint32_t kLeastPackets = 512;  // a mempool is refused with less than its cache holds
constexpr unsigned kRequestRing = 4096;
constexpr size_t kLeastPayloadArena = 1 << 20;
constexpr size_t kLeastPieceOfPayloads = 1 << 18;  // holds two of the longest

uint64_t NetnsCookie() {
  uint64_t cookie = 0;
  socklen_t len = sizeof(cookie);
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  getsockopt(descriptor, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len);
  close(descriptor);
  return cookie;
}

std::vector<unsigned> CpusOfProcess() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(getpid(), sizeof(set), &set);
  std::vector<unsigned> cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void RunLcore(PollLoop* loop, unsigned cpu, const std::atomic<RunMode>* mode) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  // Sleeps are short, and are to end when they are meant to.
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  // Gives the thread an lcore id, and with it mempool caches.
  if (rte_thread_register() != 0) {
    LogWarning(
        absl::StrCat("lcore on CPU ", cpu, " runs without an lcore id: ", rte_strerror(rte_errno)));
  }
  loop->Run(*mode);
  rte_thread_unregister();
}

}  // namespace

absl::Status RunningEngine::StartPorts() {
  for (const PortConfig& config : config_.ports) {
    auto port = PortSetup::Start(config, static_cast<uint16_t>(config_.lcores.size()));
    if (!port.ok()) return port.status();
    LogNotice((*port)->Describe());
    for (const auto& pool : (*port)->receive_pools()) receive_pools_.push_back(pool);
    if ((*port)->exception() != nullptr) receive_pools_.push_back((*port)->exception_pool());
    ports_.push_back(*std::move(port));
  }
  return absl::OkStatus();
}

absl::Status RunningEngine::StartResolver() {
  Resolver::Options options;
  options.routes = config_.routes;
  options.next_hops = config_.next_hops;
  options.readers = kMaxChannels;
  for (const auto& port : ports_) {
    options.ports.push_back({.name = port->name(),
                             .interface = port->kernel_interface(),
                             .mtu = port->mtu(),
                             .vlan = port->Plan(0).vlan != 0 ? uint16_t{0} : port->vlan(),
                             .fixed = port->config().fixed});
  }
  options.on_interface = [this](uint16_t port, const InterfaceState& state) {
    OnInterface(port, state);
  };
  auto resolver = Resolver::Start(std::move(options));
  if (!resolver.ok()) return resolver.status();
  resolver_ = *std::move(resolver);
  return absl::OkStatus();
}

void RunningEngine::OnInterface(uint16_t port, const InterfaceState& state) {
  PortState* shared = ports_[port]->state();
  // A static port's link is its driver's to tell (LinkWatch).
  if (ports_[port]->interface() != 0) {
    ports_[port]->SetKernelLink(state.exists && state.up && state.carrier);
  }
  shared->mtu.store(state.mtu, std::memory_order_relaxed);
  shared->SetMac(state.mac);
  if (!state.exists) {
    const std::string& interface = ports_[port]->config().interface;
    const bool owned = ports_[port]->exception() != nullptr;
    LogWarning(absl::StrCat("port '", ports_[port]->name(), "': ", interface,
                            " is gone; the port neither sends nor receives any more",
                            owned ? "" : ", the kernel does where another ", owned ? "" : interface,
                            owned ? "" : " is made", ". Restart for the engine to use ",
                            owned ? "the device" : "that"));
  }
}

absl::Status RunningEngine::StartLcores() {
  uint32_t frame = 0;
  for (const auto& port : ports_) frame = std::max(frame, port->mtu() + kEthernetHeader + kVlanTag);
  std::random_device random;
  for (size_t i = 0; i < config_.lcores.size(); i++) {
    Lcore lcore;
    lcore.cpu = config_.lcores[i];
    std::vector<PollLoop::PortOptions> ports;
    uint32_t packets = Port::kBurst;
    for (size_t p = 0; p < ports_.size(); p++) {
      PortSetup& port = *ports_[p];
      if (i >= port.queues()) continue;
      // What the driver holds, what waits here, and what the pool's cache keeps back.
      packets += port.tx_descriptors() + 2 * Port::kBurst + 512;
      PollLoop::PortOptions options{
          static_cast<uint16_t>(p), port.Plan(static_cast<uint16_t>(i)), port.state(), {}};
      if (i == 0) {
        options.kick = port.kick();
      } else if (i < port.kick().count) {
        options.kick.descriptors[0] = port.kick().descriptors[i];
        options.kick.count = 1;
      }
      ports.push_back(options);
    }
    // Also of one that no port has a queue for.
    packets = std::max(packets, kLeastPackets);
    auto mempools = Mempools::Create(absl::StrCat("gc", instance_, "_", i), packets, frame);
    if (!mempools.ok()) return mempools.status();
    lcore.mempools = *std::move(mempools);
    PollLoop::Options options;
    options.lcore = i;
    options.sleeps = config_.idle == Idle::kAdaptive;
    options.channels = &table_;
    options.next_hops = &resolver_->next_hops();
    options.pools = lcore.mempools->pools();
    options.first_ip_id = static_cast<uint16_t>(random());
    options.instance = instance_;
    options.ingress = &ingress_->table();
    options.readers = ingress_->readers().get();
    options.usable_changes = &resolver_->usable_changes();
    options.egress_policy = &resolver_->egress_policy();
    AddIngress(&options);
    lcore.loop = std::make_unique<PollLoop>(options, ports);
    lcores_.push_back(std::move(lcore));
  }
  for (const LaneOf& way : ingress_lanes_) {
    way.lane->SetDoorbell(lcores_[way.to].loop->doorbell());
  }
  for (Lcore& lcore : lcores_) {
    auto thread = StartThread(absl::StrCat("gc-lcore-", lcore.cpu),
                              [this, &lcore] { RunLcore(lcore.loop.get(), lcore.cpu, &mode_); });
    if (!thread.ok()) return thread.status();
    lcore.thread = *std::move(thread);
  }
  return StartAttending();
}

void RunningEngine::WarnOfEgressFilters() {
  std::vector<uint32_t> interfaces;
  for (const auto& port : ports_) {
    if (port->interface() == 0) continue;
    interfaces.push_back(port->interface());
    if (port->kernel_interface() != port->interface()) {
      interfaces.push_back(port->kernel_interface());
    }
  }
  if (interfaces.empty()) return;
  const std::vector<std::string> filters = FindEgressFilters(interfaces);
  if (filters.empty()) return;
  LogWarning(absl::StrCat("datagrams that leave by the engine do not pass: ",
                          absl::StrJoin(filters, ", ")));
}

absl::StatusOr<std::unique_ptr<RunningEngine>> RunningEngine::Start(const EngineConfig& config) {
  static std::atomic<uint32_t> instances{0};
  std::unique_ptr<RunningEngine> self(new RunningEngine(config));
  self->instance_ = ++instances;
  const std::vector<unsigned> cpus = CpusOfProcess();
  if (self->config_.lcores.empty()) self->config_.lcores = {cpus.back()};
  for (const unsigned cpu : self->config_.lcores) {
    if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(config.path, ": lcores: CPU ", cpu,
                       " is not among those of this process: ", absl::StrJoin(cpus, ", ")));
    }
  }
  AsymmetricFence::Start();
  absl::Status status = CheckHost(self->config_);
  if (status.ok()) status = StartEal(self->config_);
  if (!status.ok()) return status;
  self->netns_cookie_ = NetnsCookie();
  status = self->StartPorts();
  if (status.ok()) {
    self->device_memory_ = std::make_unique<DeviceMemory>(self->ports_, self->instance_);
    status = self->StartResolver();
  }
  if (status.ok()) status = self->StartIngress();
  if (status.ok()) status = self->StartLcores();
  if (!status.ok()) {
    self->Stop([] { return true; });
    return status;
  }
  self->WarnOfEgressFilters();
  return self;
}

void RunningEngine::Stop(const std::function<bool()>& callers_gone) {
  using Clock = std::chrono::steady_clock;
  const auto nap = [] { std::this_thread::sleep_for(std::chrono::microseconds(200)); };
  // Requests of non-blocking calls outlive their callers: all of them must be done, too.
  const auto posted_done = [this] {
    const std::lock_guard lock(mutex_);
    for (const auto& channel : channels_) {
      for (const Request* r = channel ? channel->oldest() : nullptr; r != nullptr;
           r = r->caller_next) {
        if (!IsDone(*r)) return false;
      }
    }
    return true;
  };
  const auto drained = [this] {
    return std::all_of(lcores_.begin(), lcores_.end(),
                       [](const Lcore& lcore) { return lcore.loop->Drained(); });
  };
  stopping_.store(true, std::memory_order_release);
  if (resolver_ != nullptr) resolver_->WakeWaiters();
  if (ingress_ != nullptr) ingress_->Stop();
  const auto deadline = Clock::now() + kDrain;
  // Twice: see PollLoop::Drained().
  while (Clock::now() < deadline && !(callers_gone() && posted_done() && drained() && drained())) {
    nap();
  }
  mode_.store(RunMode::kAbandon, std::memory_order_release);
  while (!callers_gone()) nap();
  const auto abandoned = Clock::now() + kDrain;
  while (Clock::now() < abandoned && !posted_done()) nap();
  for (const auto& port : ports_) {
    if (port->exception() != nullptr) port->exception()->Stop();
  }
  mode_.store(RunMode::kExit, std::memory_order_release);
  for (Lcore& lcore : lcores_) {
    if (lcore.thread.joinable()) lcore.thread.join();
  }
  for (Lcore& lcore : lcores_) lcore.loop->DiscardHanded();
  for (size_t i = 0; i < kCounters; i++) totals_[i] = Read(static_cast<Counter>(i));
  resolver_.reset();  // it reports to the ports
  for (const auto& port : ports_) port->EndWatch();
  for (const auto& port : ports_) port->Stop();
  if (device_memory_ != nullptr) device_memory_->UnmapAll();
  ports_.clear();  // drivers give back the mbufs they hold
}

RunningEngine::~RunningEngine() {
  const std::lock_guard lock(mutex_);
  bool all_back = true;
  for (Lcore& lcore : lcores_) all_back = lcore.mempools->Full() && all_back;
  for (const auto& channel : channels_) all_back = channel->AllBack() && all_back;
  // Mbufs that a consumer still holds point into the channels' memory: then it stays.
  if (!all_back) return;
  for (const rte_memzone* zone : zones_) rte_memzone_free(zone);
}

// `in_one_piece`: less of it, where physical addresses count and memory is in smaller pieces. Null
// without any.
RunningEngine::Memory RunningEngine::Reserve(const std::string& name, size_t bytes,
                                             bool in_one_piece) {
  const unsigned flags = in_one_piece ? RTE_MEMZONE_IOVA_CONTIG : 0;
  for (;; bytes /= 2) {
    bytes = RTE_ALIGN_CEIL(bytes, size_t{4096});
    const rte_memzone* zone =
        rte_memzone_reserve_aligned(name.c_str(), bytes, SOCKET_ID_ANY, flags, RTE_CACHE_LINE_SIZE);
    if (zone != nullptr) {
      zones_.push_back(zone);
      return {zone, bytes};
    }
    if (!in_one_piece || bytes / 2 < kLeastPieceOfPayloads) return {nullptr, 0};
  }
}

// Null without memory.
std::unique_ptr<Channel> RunningEngine::MakeChannel(uint32_t number) try {
  // Of each port: a full TX ring of one-recipient groupcasts.
  const std::string name = absl::StrCat("gc", instance_, "_c", number);
  std::vector<Channel::PortArenas> ports;
  for (size_t p = 0; p < ports_.size(); p++) {
    const size_t descriptors = ports_[p]->tx_descriptors();
    // Only a device that reads it by itself wants it in one piece.
    const Memory payloads =
        Reserve(absl::StrCat(name, "_p", p),
                std::max(kLeastPayloadArena, descriptors * (ports_[p]->mtu() + 128)),
                config_.ports[p].IsPci());
    const size_t each =
        RTE_ALIGN_CEIL(std::max(kLeastRequestArena, descriptors * kRequestBytes), size_t{4096});
    const Memory requests =
        Reserve(absl::StrCat(name, "_r", p), lcores_.size() * each, /*in_one_piece=*/false);
    if (payloads.zone == nullptr || requests.zone == nullptr) return nullptr;
    Channel::PortArenas& port = ports.emplace_back(
        Channel::PortArenas{Arena(payloads.zone->addr, payloads.bytes, payloads.zone->iova), {}});
    for (size_t i = 0; i < lcores_.size(); i++) {
      auto* base = static_cast<uint8_t*>(requests.zone->addr) + i * each;
      port.requests.emplace_back(base, each, requests.zone->iova + i * each);
    }
  }
  std::vector<Channel::Lane> lanes;
  for (const Lcore& lcore : lcores_) {
    std::vector<RequestRing::Place>& places = places_.emplace_back(kRequestRing);
    lanes.push_back({RequestRing(places), lcore.loop->doorbell()});
  }
  return std::make_unique<Channel>(std::move(lanes), std::move(ports));
} catch (const std::bad_alloc&) {
  return nullptr;
}

Channel* RunningEngine::ChannelOf(uint32_t number) {
  Channel* channel = table_.channels[number].load(std::memory_order_acquire);
  if (channel != nullptr) return channel;
  if (no_memory_.load(std::memory_order_relaxed)) return nullptr;
  const CancellationOff cancellation_off;
  const std::lock_guard lock(mutex_);
  const SigpipeBlocked blocked;  // new memory is told to vhost-user's peers
  auto made = MakeChannel(number);
  if (made == nullptr) {
    // Nothing is given back before the engine stops.
    if (!no_memory_.exchange(true)) {
      LogWarning(absl::StrCat("no memory for the channel of sending thread ", number + 1,
                              "; it and later ones send by the kernel; raise memory: size_mib"));
    }
    return nullptr;
  }
  channel = made.get();
  channels_.push_back(std::move(made));
  table_.channels[number].store(channel, std::memory_order_release);
  uint32_t count = table_.count.load(std::memory_order_relaxed);
  table_.count.store(std::max(count, number + 1), std::memory_order_release);
  return channel;
}

size_t RunningEngine::LcoreOf(uint16_t port, const IpAddress& address, rte_be16_t udp_port) const {
  const uint16_t queues = ports_[port]->queues();
  return queues == 1 ? 0 : rte_jhash(address.bytes.data(), address.bytes.size(), udp_port) % queues;
}

bool RunningEngine::MayBindTo(uint32_t interface) const {
  return interface == 0 || std::any_of(ports_.begin(), ports_.end(), [&](const auto& port) {
           return port->kernel_interface() == interface;
         });
}

uint64_t RunningEngine::Read(Counter counter) const {
  if (resolver_ == nullptr) return totals_[static_cast<size_t>(counter)];
  uint64_t sum = resolver_->counters().Read(counter);
  if (counter == Counter::kIngressDropped && ingress_ != nullptr) sum += ingress_->Dropped();
  for (const Lcore& lcore : lcores_) sum += lcore.loop->counters().Read(counter);
  for (const auto& port : ports_) {
    if (port->exception() != nullptr) sum += port->exception()->counters().Read(counter);
  }
  return sum;
}

}  // namespace groupcast
