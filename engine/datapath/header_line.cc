// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/header_line.h"

#include <netinet/in.h>

namespace groupcast {

uint16_t SumBytes(const void* bytes, size_t len) { return rte_raw_cksum(bytes, len); }

void WriteIpv4Line(const Ipv4Sender& sender, rte_be32_t destination, rte_be16_t udp_port,
                   uint16_t private_sum, HeaderLine* line) {
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
  line->udp_sum =
      FoldSum(addresses + RTE_BE16(IPPROTO_UDP) + sender.source_port + udp_port + private_sum);
}

}  // namespace groupcast
