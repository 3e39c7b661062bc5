// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/direct_port.h"

#include <absl/strings/str_cat.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_memzone.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/control/config.h"
#include "engine/control/eal.h"
#include "engine/datapath/request_memory.h"
#include "engine/datapath/request_uses.h"
#include "tools/groupcast-perf/groupcast_source.h"

namespace groupcast::perf {
namespace {

constexpr uint16_t kHopTag = 1;
constexpr uint16_t kFirstIpId = 1;
constexpr rte_be16_t kAnySourcePort = RTE_BE16(49152);
constexpr uint8_t kTtl = 64;
// What the arena has of its own for a block, and for its end, at most.
constexpr size_t kBlockBytes = 128;

Sharing SharingOf(PacketStrategy strategy) {
  switch (strategy) {
    case PacketStrategy::kChain:
      return Sharing::kChain;
    case PacketStrategy::kCopy:
      return Sharing::kCopy;
    default:
      return Sharing::kAuto;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectPort>> DirectPort::Open(const Options& options,
                                                             const EngineOptions& engine,
                                                             const Workload& workload) {
  std::unique_ptr<DirectPort> self(new DirectPort(workload));
  absl::Status status = self->StartPort(engine);
  if (!status.ok()) return status;
  const PortSetup& port = *self->port_;
  if (workload.DatagramBytes() + kIpv4Headers > port.mtu()) {
    return absl::InvalidArgumentError(absl::StrCat("datagrams of ", workload.DatagramBytes(),
                                                   " bytes are too long for the port's MTU of ",
                                                   port.mtu()));
  }
  // As an engine has them for one port.
  const uint32_t packets = port.tx_descriptors() + 3 * Port::kBurst + 512;
  const uint32_t largest_frame = port.mtu() + kEthernetHeader + kVlanTag;
  auto mempools = Mempools::Create("direct", packets, largest_frame);
  if (!mempools.ok()) return mempools.status();
  self->mempools_ = *std::move(mempools);
  // Each packet may be the last of its request that the driver still has.
  const size_t arena_bytes =
      (size_t{packets} + 2) *
      (RequestLen({kMaxGroupRecipients, /*own_lines=*/false, /*privates=*/false, 0}) + kBlockBytes);
  self->arena_memory_.reset(new CacheLine[LinesFor(arena_bytes)]);
  self->arena_ = std::make_unique<Arena>(self->arena_memory_.get(), arena_bytes, 0);
  self->SetNextHop(options);
  self->MakeRecipients(options.flow);
  status = self->MakePayload();
  if (status.ok()) status = self->MakeStrategy(packets, largest_frame);
  if (!status.ok()) return status;
  return self;
}

DirectPort::~DirectPort() {
  port_.reset();
  if (payload_ != nullptr) rte_memzone_free(payload_);
}

absl::Status DirectPort::StartPort(const EngineOptions& engine) {
  if (engine.ports.size() != 1 || engine.lcores.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--mode direct: is for one port and one lcore, not ", engine.ports.size(),
                     " and ", engine.lcores.size()));
  }
  const auto config = ParseEngineConfig("EngineOptions", Engine::ToYaml(engine));
  if (!config.ok()) return config.status();
  absl::Status status = StartEal(*config);
  if (!status.ok()) return status;
  auto port = PortSetup::Start(config->ports.front(), 1);
  if (!port.ok()) return port.status();
  port_ = *std::move(port);
  return absl::OkStatus();
}

// One, for all recipients: nobody is asked for routes or neighbours.
void DirectPort::SetNextHop(const Options& options) {
  rte_ether_addr source{}, peer{};
  rte_eth_macaddr_get(port_->port_id(), &source);
  if (port_->interface() == 0) rte_ether_unformat_addr(options.eth_source.c_str(), &source);
  rte_ether_unformat_addr(options.eth_peer.c_str(), &peer);
  next_hops_[0].SetEthernet(source, peer, RTE_BE16(RTE_ETHER_TYPE_IPV4), kHopTag);
  next_hops_[0].usable.store(true, std::memory_order_release);
}

void DirectPort::MakeRecipients(const Flow& flow) {
  lines_.resize(workload_.recipients);
  const rte_be16_t source_port = flow.source_port != 0 ? flow.source_port : kAnySourcePort;
  for (uint32_t i = 0; i < workload_.recipients; i++) {
    const sockaddr_in to = AddressOf(flow, i);
    WriteIpv4Line({flow.source, source_port, kTtl, 0, /*dont_fragment=*/true}, to.sin_addr.s_addr,
                  to.sin_port, &lines_[i]);
    lines_[i].next_hop = 0;
    lines_[i].next_hop_tag = kHopTag;
    lines_[i].path_mtu = static_cast<uint16_t>(port_->mtu());
  }
  const auto prepend = static_cast<uint16_t>(workload_.prepend_bytes);
  const auto append = static_cast<uint16_t>(workload_.append_bytes);
  const uint32_t len = workload_.prepend_bytes + workload_.append_bytes;
  if (len == 0) return;
  private_bytes_.resize(size_t{workload_.recipients} * len + kPrivateSlack);
  sums_.resize(workload_.recipients);
  for (uint32_t i = 0; i < workload_.recipients; i++) {
    uint8_t* bytes = private_bytes_.data() + size_t{i} * len;
    std::memset(bytes, static_cast<uint8_t>(i), len);
    const size_t append_at = workload_.prepend_bytes + workload_.payload_bytes;
    sums_[i] = FoldSum(uint32_t{SumBytes(bytes, prepend)} +
                       SumAt(SumBytes(bytes + prepend, append), append_at));
  }
}

// Where a device can read it.
absl::Status DirectPort::MakePayload() {
  const std::vector<uint8_t> bytes = PayloadBytes(workload_.payload_bytes);
  if (bytes.empty()) return absl::OkStatus();
  payload_ = rte_memzone_reserve_aligned("direct_payload", bytes.size(), SOCKET_ID_ANY,
                                         RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
  if (payload_ == nullptr) return DpdkError(rte_errno, "no memory for the payload; raise -m");
  std::memcpy(payload_->addr, bytes.data(), bytes.size());
  segment_ = {static_cast<const uint8_t*>(payload_->addr), payload_->iova,
              static_cast<uint32_t>(bytes.size())};
  payload_sum_ = SumBytes(bytes.data(), bytes.size());
  return absl::OkStatus();
}

template <typename Maker>
void DirectPort::MakeLoop(Maker* maker) {
  TxPlan plan = port_->Plan(0);
  plan.offloads = 0;
  loop_ =
      std::make_unique<PacketLoop<Maker>>(maker, plan, *port_->state(), port_->kick(), &counters_);
}

absl::Status DirectPort::MakeStrategy(uint32_t packets, uint32_t largest_frame) {
  const LcorePools& pools = mempools_->pools();
  const TxPlan plan = port_->Plan(0);
  const PacketStrategy strategy = workload_.strategy;
  const auto payload_len = static_cast<uint16_t>(workload_.payload_bytes);
  if ((strategy == PacketStrategy::kClone || strategy == PacketStrategy::kFloor ||
       strategy == PacketStrategy::kWrittenFloor) &&
      payload_len > 0 &&
      (!plan.chains || plan.max_segments < 2 || plan.segment_bytes < payload_len)) {
    return absl::InvalidArgumentError(absl::StrCat("--strategy ", NameOf(strategy),
                                                   ": the port takes no packets with ", payload_len,
                                                   " bytes in a second segment"));
  }
  const absl::Status no_mbufs = absl::ResourceExhaustedError("no mbufs; raise -m");
  switch (strategy) {
    case PacketStrategy::kClone:
      clone_ = std::make_unique<CloneAssembler>(pools, next_hops_, &counters_, kFirstIpId);
      if (!clone_->SetPayload(segment_.data, payload_len)) return no_mbufs;
      MakeLoop(clone_.get());
      return absl::OkStatus();
    case PacketStrategy::kLazyCopy: {
      auto lazy_copy = LazyCopyAssembler::Create("direct_packets", packets, largest_frame,
                                                 next_hops_, &counters_, kFirstIpId);
      if (!lazy_copy.ok()) return lazy_copy.status();
      lazy_copy_ = *std::move(lazy_copy);
      MakeLoop(lazy_copy_.get());
      return absl::OkStatus();
    }
    case PacketStrategy::kFloor:
    case PacketStrategy::kWrittenFloor: {
      const bool writes = strategy == PacketStrategy::kWrittenFloor;
      floor_ = std::make_unique<DriverFloor>(pools, plan, &counters_, writes);
      Request* request = MakeRequest(0);
      bool prepared = floor_->Prepare(*request, next_hops_);
      CompleteRequest(request, &counters_);
      ReleaseRequest(request);
      for (uint32_t first = 0; writes && prepared && first < workload_.recipients;
           first += kMaxGroupRecipients) {
        request = MakeRequest(first);
        prepared = floor_->AddImages(*request, next_hops_);
        CompleteRequest(request, &counters_);
        ReleaseRequest(request);
      }
      return prepared ? absl::OkStatus() : no_mbufs;
    }
    default:
      assembler_ = std::make_unique<Assembler>(pools, next_hops_, &counters_, kFirstIpId);
      MakeLoop(assembler_.get());
      return absl::OkStatus();
  }
}

// With a hold for its lcore, and one for us. Of a group's size at most.
Request* DirectPort::MakeRequest(uint32_t first) {
  const auto n =
      static_cast<uint16_t>(std::min<uint32_t>(workload_.recipients - first, kMaxGroupRecipients));
  Request* request =
      AllocateRequest(arena_.get(), {n, /*own_lines=*/false, /*privates=*/false, 0}, true);
  if (request == nullptr) return nullptr;
  StartRequest(request);
  request->sharing = SharingOf(workload_.strategy);
  request->payload_len = segment_.len;
  request->payload_sum = payload_sum_;
  request->segments = &segment_;
  request->nb_segments = segment_.len > 0 ? 1 : 0;
  request->lines = lines_.data() + first;
  request->alike = true;
  if (sums_.empty()) return request;
  request->prepend_len = static_cast<uint16_t>(workload_.prepend_bytes);
  request->append_len = static_cast<uint16_t>(workload_.append_bytes);
  request->sums = sums_.data() + first;
  request->private_bytes =
      private_bytes_.data() + size_t{first} * (workload_.prepend_bytes + workload_.append_bytes);
  return request;
}

void DirectPort::Send(Tally* tally) {
  const uint32_t recipients = workload_.recipients;
  if (floor_ != nullptr) {
    const uint64_t sent = floor_->Send(recipients);
    if (tally == nullptr) return;
    tally->AddGroupcast(sent);
    if (sent < recipients) tally->AddErrors(EAGAIN, recipients - sent);
    return;
  }
  if (lazy_copy_ != nullptr && !workload_.same_payload) lazy_copy_->NewPayload();
  uint32_t sent = 0;
  for (uint32_t first = 0; first < recipients; first += kMaxGroupRecipients) {
    Request* request = MakeRequest(first);
    if (request == nullptr) break;
    loop_->Send(request);
    const uint16_t failed = request->failed;
    sent += request->nb_recipients - uint32_t{failed};
    ReleaseRequest(request);
    if (failed > 0) break;  // the driver takes nothing any more
  }
  if (tally == nullptr) return;
  tally->AddGroupcast(sent);
  if (sent < recipients) tally->AddErrors(EAGAIN, recipients - sent);
}

void DirectPort::Flush() {
  if (loop_ != nullptr) loop_->Flush();
}

std::map<std::string, uint64_t> DirectPort::Counted() const {
  std::map<std::string, uint64_t> counted;
  for (size_t i = 0; i < kCounters; i++) {
    counted[kCounterTable[i].name] = counters_.Read(static_cast<Counter>(i));
  }
  if (lazy_copy_ != nullptr) counted["rewritten"] = lazy_copy_->rewritten();
  return counted;
}

}  // namespace groupcast::perf
