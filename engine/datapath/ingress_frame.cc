// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/ingress_frame.h"

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstring>

#include "engine/datapath/header_line.h"

namespace groupcast {
namespace {

// Headers need not be aligned behind an Ethernet header of 14 bytes.
template <typename Header>
Header Load(const uint8_t* at) {
  Header header;
  std::memcpy(&header, at, sizeof(header));
  return header;
}

struct Network {
  size_t headers_len;
  size_t ip_len;
  uint16_t pseudo_sum;  // folded, with the UDP length
};

bool ReadIpv4(const uint8_t* at, size_t len, Network* network, IngressFrame* out, FrameKind* kind) {
  if (len < sizeof(rte_ipv4_hdr)) return false;
  const auto ip = Load<rte_ipv4_hdr>(at);
  if (ip.version_ihl >> 4 != 4) return false;
  if (ip.next_proto_id != IPPROTO_UDP) {
    *kind = FrameKind::kForeign;
    return false;
  }
  const rte_be16_t fragment = RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK);
  if (ip.version_ihl != RTE_IPV4_VHL_DEF || (ip.fragment_offset & fragment) != 0) return false;
  network->headers_len = sizeof(ip);
  network->ip_len = rte_be_to_cpu_16(ip.total_length);
  if (network->ip_len < kIpv4Headers) return false;
  network->pseudo_sum = rte_ipv4_phdr_cksum(&ip, 0);
  out->source = IpAddress::FromIpv4(ip.src_addr);
  out->destination = IpAddress::FromIpv4(ip.dst_addr);
  out->hop_limit = ip.time_to_live;
  return true;
}

bool ReadIpv6(const uint8_t* at, size_t len, Network* network, IngressFrame* out, FrameKind* kind) {
  if (len < sizeof(rte_ipv6_hdr)) return false;
  const auto ip = Load<rte_ipv6_hdr>(at);
  if ((at[0] >> 4) != 6) return false;
  if (ip.proto != IPPROTO_UDP) {
    if (ip.proto != IPPROTO_FRAGMENT) *kind = FrameKind::kForeign;
    return false;
  }
  network->headers_len = sizeof(ip);
  network->ip_len = sizeof(ip) + rte_be_to_cpu_16(ip.payload_len);
  if (network->ip_len < kIpv6Headers) return false;
  network->pseudo_sum = rte_ipv6_phdr_cksum(&ip, 0);
  std::memcpy(out->source.bytes.data(), ip.src_addr, out->source.bytes.size());
  std::memcpy(out->destination.bytes.data(), ip.dst_addr, out->destination.bytes.size());
  out->hop_limit = ip.hop_limits;
  return true;
}

bool ChecksumFits(const rte_udp_hdr& udp, const Network& network, const IngressFrame& frame) {
  if (udp.dgram_cksum == 0) return frame.source.IsIpv4();  // RFC 768; not over IPv6 (RFC 8200, 8.1)
  if (udp.dgram_cksum == network.pseudo_sum) return true;
  const uint32_t sum = uint32_t{network.pseudo_sum} + udp.src_port + udp.dst_port + udp.dgram_len +
                       udp.dgram_cksum + frame.payload_sum;
  return FoldSum(sum) == 0xffff;
}

}  // namespace

FrameKind ReadFrame(const uint8_t* frame, size_t len, const rte_ether_addr& mac,
                    bool checksum_known, IngressFrame* out) {
  if (len < sizeof(rte_ether_hdr)) return FrameKind::kMalformed;
  const auto ethernet = Load<rte_ether_hdr>(frame);
  const bool to_us = rte_is_multicast_ether_addr(&ethernet.dst_addr)
                         ? !rte_is_broadcast_ether_addr(&ethernet.dst_addr)
                         : rte_is_same_ether_addr(&ethernet.dst_addr, &mac);
  if (!to_us || rte_is_same_ether_addr(&ethernet.src_addr, &mac)) return FrameKind::kForeign;
  const uint8_t* ip = frame + sizeof(ethernet);
  const size_t ip_room = len - sizeof(ethernet);
  Network network;
  FrameKind kind = FrameKind::kMalformed;
  if (ethernet.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
    if (!ReadIpv4(ip, ip_room, &network, out, &kind)) return kind;
  } else if (ethernet.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
    if (!ReadIpv6(ip, ip_room, &network, out, &kind)) return kind;
  } else {
    return FrameKind::kForeign;
  }
  if (network.ip_len > ip_room) return FrameKind::kMalformed;
  const auto udp = Load<rte_udp_hdr>(ip + network.headers_len);
  const size_t udp_len = rte_be_to_cpu_16(udp.dgram_len);
  if (udp_len < sizeof(udp) || network.headers_len + udp_len != network.ip_len) {
    return FrameKind::kMalformed;
  }
  out->source_port = udp.src_port;
  out->udp_port = udp.dst_port;
  out->payload_offset =
      static_cast<uint16_t>(sizeof(ethernet) + network.headers_len + sizeof(rte_udp_hdr));
  out->payload_len = static_cast<uint16_t>(udp_len - sizeof(udp));
  out->payload_sum = SumBytes(frame + out->payload_offset, out->payload_len);
  if (!checksum_known && !ChecksumFits(udp, network, *out)) return FrameKind::kBadChecksum;
  return FrameKind::kDatagram;
}

}  // namespace groupcast
