// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "bench/rooms/bench_lcore.h"

#include <rte_errno.h>
#include <rte_lcore.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "engine/control/eal.h"
#include "engine/datapath/packet_head.h"
#include "engine/datapath/request_memory.h"

namespace groupcast {
namespace {

constexpr rte_ether_addr kPortMac = {{0x02, 0, 0, 0, 0, 0x01}};
constexpr rte_ether_addr kGatewayMac = {{0x02, 0, 0, 0, 0, 0x02}};
constexpr uint32_t kPackets = 2048;  // in flight; the driver keeps none
constexpr size_t kArenaBytes = 1 << 20;
constexpr rte_be16_t kSourcePort = RTE_BE16(40000);
constexpr rte_be16_t kPort = RTE_BE16(5004);
constexpr uint8_t kTtl = 64;

void SetHop(NextHop* hop, uint16_t ether_type) {
  hop->SetEthernet(kPortMac, kGatewayMac, rte_cpu_to_be_16(ether_type), BenchLcore::kHopTag);
  hop->usable.store(true, std::memory_order_release);
}

// 10.0.0.0 + `i` and fd00:: + `i`.
rte_be32_t Ipv4At(uint32_t i) { return rte_cpu_to_be_32((10U << 24) + i); }
IpAddress Ipv6At(uint16_t i) {
  IpAddress address;
  address.bytes = {0xfd};
  address.bytes[14] = static_cast<uint8_t>(i >> 8);
  address.bytes[15] = static_cast<uint8_t>(i);
  return address;
}

}  // namespace

void Die(const std::string& why) {
  std::fprintf(stderr, "rooms_bench: %s\n", why.c_str());
  std::exit(1);
}

StaticInterface BenchInterface() {
  StaticInterface made;
  made.mac = kPortMac;
  made.mtu = BenchLcore::kMtu;
  made.address = IpAddress::FromIpv4(Ipv4At(1));
  made.address6 = Ipv6At(1);
  made.next_hops = {{IpAddress::FromIpv4(Ipv4At(0)), 8, kGatewayMac}, {Ipv6At(0), 8, kGatewayMac}};
  return made;
}

BenchLcore::BenchLcore(std::unique_ptr<PortSetup> port, std::unique_ptr<Mempools> mempools)
    : port_(std::move(port)),
      mempools_(std::move(mempools)),
      next_hops_(2),
      assembler_(mempools_->pools(), next_hops_, &counters_, /*first_ip_id=*/1) {
  port_->state()->mtu.store(kMtu, std::memory_order_relaxed);
  SetHop(&next_hops_[kIpv4Hop], RTE_ETHER_TYPE_IPV4);
  SetHop(&next_hops_[kIpv6Hop], RTE_ETHER_TYPE_IPV6);
}

absl::StatusOr<std::unique_ptr<BenchLcore>> BenchLcore::Start() {
  EngineConfig config;
  config.path = "rooms_bench";
  config.hugepages = Hugepages::kOff;
  // Valgrind knows no AVX-512.
  config.eal = {"--force-max-simd-bitwidth=256"};
  PortConfig& port_config = config.ports.emplace_back();
  port_config.name = port_config.device = "net_null0";
  port_config.fixed = BenchInterface();
  if (absl::Status status = StartEal(config); !status.ok()) return status;
  // Mempool caches belong to lcore ids.
  if (rte_thread_register() != 0) return DpdkError(rte_errno, "no lcore id for this thread");
  auto port = PortSetup::Start(port_config, 1);
  if (!port.ok()) return port.status();
  auto mempools = Mempools::Create("rooms", kPackets, kMtu + kEthernetHeader + kVlanTag);
  if (!mempools.ok()) return mempools.status();
  return std::unique_ptr<BenchLcore>(new BenchLcore(*std::move(port), *std::move(mempools)));
}

std::vector<HeaderLine> BenchLines(uint16_t count, bool ipv6) {
  std::vector<HeaderLine> lines(count);
  for (uint16_t i = 0; i < count; i++) {
    if (ipv6) {
      WriteIpv6Line({.source = Ipv6At(1),
                     .source_port = kSourcePort,
                     .hop_limit = kTtl,
                     .traffic_class = 0,
                     .flow_label = 0},
                    Ipv6At(i), kPort, &lines[i]);
    } else {
      WriteIpv4Line({.source = Ipv4At(1),
                     .source_port = kSourcePort,
                     .ttl = kTtl,
                     .tos = 0,
                     .dont_fragment = true},
                    Ipv4At(i), kPort, &lines[i]);
    }
    lines[i].next_hop = ipv6 ? BenchLcore::kIpv6Hop : BenchLcore::kIpv4Hop;
    lines[i].next_hop_tag = BenchLcore::kHopTag;
    lines[i].path_mtu = BenchLcore::kMtu;
  }
  return lines;
}

RequestSource::RequestSource(const Shape& shape)
    : shape_(shape),
      lines_(BenchLines(shape.recipients, shape.ipv6)),
      payload_(new CacheLine[LinesFor(shape.payload_len)]),
      memory_(new CacheLine[LinesFor(kArenaBytes)]),
      arena_(memory_.get(), kArenaBytes, reinterpret_cast<rte_iova_t>(memory_.get())) {
  std::memset(payload_.get(), 'x', LinesFor(shape.payload_len) * sizeof(CacheLine));
  segment_ = {payload_[0].bytes, reinterpret_cast<rte_iova_t>(payload_.get()), shape.payload_len};
  payload_sum_ = SumBytes(payload_.get(), shape.payload_len);
  const uint16_t private_len = shape.prepend_len + shape.append_len;
  if (private_len == 0) return;
  private_bytes_.resize(size_t{shape.recipients} * private_len + kPrivateSlack, 'p');
  // Right where all is at even places: bytes of the same value.
  sums_.resize(shape.recipients, SumBytes(private_bytes_.data(), private_len));
}

Request* RequestSource::Make() {
  const RequestShape own = {shape_.recipients, /*own_lines=*/false, /*privates=*/false, 0};
  Request* request = AllocateRequest(&arena_, own, /*caller_waits=*/false);
  if (request == nullptr) Die("requests do not come back");
  StartRequest(request);
  request->payload_len = shape_.payload_len;
  request->payload_sum = payload_sum_;
  request->segments = &segment_;
  request->nb_segments = 1;
  request->sharing = shape_.sharing;
  request->lines = lines_.data();
  request->alike = true;
  if (!sums_.empty()) {
    request->prepend_len = shape_.prepend_len;
    request->append_len = shape_.append_len;
    request->sums = sums_.data();
    request->private_bytes = private_bytes_.data();
  }
  return request;
}

}  // namespace groupcast
