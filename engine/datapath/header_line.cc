// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/header_line.h"

#include <netinet/in.h>

#include <array>

namespace groupcast {
namespace {

uint32_t SumAddress(const IpAddress& address) {
  std::array<uint16_t, 8> words;
  std::memcpy(words.data(), address.bytes.data(), sizeof(words));
  uint32_t sum = 0;
  for (const uint16_t word : words) sum += word;
  return sum;
}

}  // namespace

// rte_raw_cksum() takes the bytes two at a time: three times the instructions.
uint16_t SumBytes(const void* bytes, size_t len) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  uint64_t sum = 0;
  const auto add = [&sum](uint64_t word) {
    sum += word;
    sum += sum < word ? 1 : 0;  // the carry goes round
  };
  // Halves of words have room for the carries of all that a datagram may hold.
  using Words = uint64_t __attribute__((vector_size(16)));
  Words block[4], low{}, high{};
  for (; len >= sizeof(block); len -= sizeof(block), at += sizeof(block)) {
    std::memcpy(block, at, sizeof(block));
    for (const Words& words : block) {
      low += words & Words{UINT32_MAX, UINT32_MAX};
      high += words >> 32;
    }
  }
  sum = low[0] + low[1] + high[0] + high[1];
  for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    add(word);
  }
  uint64_t rest = 0;
  if (len > 0) std::memcpy(&rest, at, len);
  add(rest);
  const uint64_t halves = (sum & UINT32_MAX) + (sum >> 32);
  return FoldSum(
      static_cast<uint32_t>((halves & 0xffff) + (halves >> 16 & 0xffff) + (halves >> 32)));
}

void WriteIpv4Line(const Ipv4Sender& sender, rte_be32_t destination, rte_be16_t udp_port,
                   HeaderLine* line) {
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(line->headers);
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  ip->version_ihl = RTE_IPV4_VHL_DEF;
  ip->type_of_service = sender.tos;
  ip->total_length = 0;
  ip->packet_id = 0;
  const rte_be16_t fragment_offset = sender.dont_fragment ? RTE_BE16(RTE_IPV4_HDR_DF_FLAG) : 0;
  ip->fragment_offset = fragment_offset;
  ip->time_to_live = sender.ttl;
  ip->next_proto_id = IPPROTO_UDP;
  ip->src_addr = sender.source;
  ip->dst_addr = destination;
  const uint32_t addresses = (sender.source & 0xffff) + (sender.source >> 16) +
                             (destination & 0xffff) + (destination >> 16);
  // From the values: reading the header back would wait for the line, which the lcore had last.
  ip->hdr_checksum =
      FoldSum(addresses + fragment_offset +
              rte_cpu_to_be_16(static_cast<uint16_t>(RTE_IPV4_VHL_DEF << 8 | sender.tos)) +
              rte_cpu_to_be_16(static_cast<uint16_t>(sender.ttl << 8 | IPPROTO_UDP)));
  udp->src_port = sender.source_port;
  udp->dst_port = udp_port;
  udp->dgram_len = 0;
  udp->dgram_cksum = 0;
  line->udp_sum = FoldSum(addresses + RTE_BE16(IPPROTO_UDP) + sender.source_port + udp_port);
}

void WriteIpv6Line(const Ipv6Sender& sender, const IpAddress& destination, rte_be16_t udp_port,
                   HeaderLine* line) {
  auto* ip = reinterpret_cast<rte_ipv6_hdr*>(line->headers);
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  ip->vtc_flow = rte_cpu_to_be_32(uint32_t{6} << 28 | uint32_t{sender.traffic_class} << 20 |
                                  (sender.flow_label & RTE_IPV6_HDR_FL_MASK));
  ip->payload_len = 0;
  ip->proto = IPPROTO_UDP;
  ip->hop_limits = sender.hop_limit;
  std::memcpy(ip->src_addr, sender.source.bytes.data(), sizeof(ip->src_addr));
  std::memcpy(ip->dst_addr, destination.bytes.data(), sizeof(ip->dst_addr));
  udp->src_port = sender.source_port;
  udp->dst_port = udp_port;
  udp->dgram_len = 0;
  udp->dgram_cksum = 0;
  line->udp_sum = FoldSum(SumAddress(sender.source) + SumAddress(destination) +
                          RTE_BE16(IPPROTO_UDP) + sender.source_port + udp_port);
}

}  // namespace groupcast
