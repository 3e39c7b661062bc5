// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/software_nic/frame_check.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstring>

namespace groupcast {
namespace {

// What the tests' ports and next hops are configured with.
constexpr rte_ether_addr kPortMac = {{0x02, 0, 0, 0, 0, 0x01}};
constexpr rte_ether_addr kNextHopMac = {{0x02, 0, 0, 0, 0, 0x02}};
constexpr size_t kHeaders = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);

}  // namespace

void Received::Add(std::string_view payload) {
  datagrams++;
  const auto mix = [this](uint8_t byte) { hash = (hash ^ byte) * 1099511628211U; };
  for (size_t length = payload.size(); length > 0; length >>= 8) mix(static_cast<uint8_t>(length));
  for (const char byte : payload) mix(static_cast<uint8_t>(byte));
}

const char* CheckFrame(std::string_view frame, CheckedFrame* checked) {
  if (frame.size() < kHeaders) return "shorter than its headers";
  rte_ether_hdr ether;
  std::memcpy(&ether, frame.data(), sizeof(ether));
  if (!rte_is_same_ether_addr(&ether.dst_addr, &kNextHopMac)) return "another destination MAC";
  if (!rte_is_same_ether_addr(&ether.src_addr, &kPortMac)) return "another source MAC";
  if (ether.ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4)) return "another EtherType than IPv4's";

  std::string packet(frame.substr(sizeof(ether)));  // aligned
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(packet.data());
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  if (ip->version_ihl != RTE_IPV4_VHL_DEF) return "not IPv4 without options";
  if (ntohs(ip->total_length) != packet.size()) return "IPv4 length is not the frame's";
  if ((ntohs(ip->fragment_offset) & ~RTE_IPV4_HDR_DF_FLAG) != 0) return "a fragment";
  if (ip->time_to_live == 0) return "no time to live";
  if (ip->next_proto_id != IPPROTO_UDP) return "not UDP";
  const rte_be16_t ip_checksum = ip->hdr_checksum;
  ip->hdr_checksum = 0;
  if (rte_ipv4_cksum(ip) != ip_checksum) return "wrong IPv4 checksum";
  if (ntohs(udp->dgram_len) != packet.size() - sizeof(*ip)) return "UDP length is not IPv4's";
  const rte_be16_t udp_checksum = udp->dgram_cksum;
  udp->dgram_cksum = 0;
  if (udp_checksum == 0) return "no UDP checksum";
  if (rte_ipv4_udptcp_cksum(ip, udp) != udp_checksum) return "wrong UDP checksum";
  checked->to = {ntohl(ip->dst_addr), ntohs(udp->dst_port)};
  checked->payload = frame.substr(kHeaders);
  return nullptr;
}

void Account::Add(std::string_view frame) {
  frames++;
  CheckedFrame checked;
  const char* wrong = CheckFrame(frame, &checked);
  if (wrong == nullptr) {
    recipients[checked.to].Add(checked.payload);
  } else if (bad++ == 0) {
    first_bad = wrong;
  }
}

}  // namespace groupcast
