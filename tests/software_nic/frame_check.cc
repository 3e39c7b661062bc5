// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/software_nic/frame_check.h"

#include <arpa/inet.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstring>

namespace groupcast {
namespace {

// What the tests' ports and next hops are configured with.
constexpr rte_ether_addr kPortMac = {{0x02, 0, 0, 0, 0, 0x01}};
constexpr rte_ether_addr kNextHopMac = {{0x02, 0, 0, 0, 0, 0x02}};
constexpr size_t kIpv4Headers = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
constexpr size_t kIpv6Headers = sizeof(rte_ipv6_hdr) + sizeof(rte_udp_hdr);

}  // namespace

std::string TextOf(int family, const void* address) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, address, text, sizeof(text));
}

void Received::Add(std::string_view payload) {
  datagrams++;
  const auto mix = [this](uint8_t byte) { hash = (hash ^ byte) * 1099511628211U; };
  for (size_t length = payload.size(); length > 0; length >>= 8) mix(static_cast<uint8_t>(length));
  for (const char byte : payload) mix(static_cast<uint8_t>(byte));
}

namespace {

const char* CheckUdp(size_t ip_payload, rte_udp_hdr* udp, rte_be16_t* checksum) {
  if (ntohs(udp->dgram_len) != ip_payload) return "UDP length is not IP's";
  *checksum = udp->dgram_cksum;
  udp->dgram_cksum = 0;
  return *checksum == 0 ? "no UDP checksum" : nullptr;
}

// `packet`: aligned; written to.
const char* CheckIpv4(std::string* packet, CheckedFrame* checked) {
  if (packet->size() < kIpv4Headers) return "shorter than its headers";
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(packet->data());
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  if (ip->version_ihl != RTE_IPV4_VHL_DEF) return "not IPv4 without options";
  if (ntohs(ip->total_length) != packet->size()) return "IPv4 length is not the frame's";
  if ((ntohs(ip->fragment_offset) & ~RTE_IPV4_HDR_DF_FLAG) != 0) return "a fragment";
  if (ip->time_to_live == 0) return "no time to live";
  if (ip->next_proto_id != IPPROTO_UDP) return "not UDP";
  const rte_be16_t ip_checksum = ip->hdr_checksum;
  ip->hdr_checksum = 0;
  if (rte_ipv4_cksum(ip) != ip_checksum) return "wrong IPv4 checksum";
  rte_be16_t checksum = 0;
  const char* wrong = CheckUdp(packet->size() - sizeof(*ip), udp, &checksum);
  if (wrong != nullptr) return wrong;
  if (rte_ipv4_udptcp_cksum(ip, udp) != checksum) return "wrong UDP checksum";
  checked->to = {TextOf(AF_INET, &ip->dst_addr), ntohs(udp->dst_port)};
  return nullptr;
}

const char* CheckIpv6(std::string* packet, CheckedFrame* checked) {
  if (packet->size() < kIpv6Headers) return "shorter than its headers";
  auto* ip = reinterpret_cast<rte_ipv6_hdr*>(packet->data());
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  if (ntohl(ip->vtc_flow) >> 28 != 6) return "not IPv6";
  if (ntohs(ip->payload_len) != packet->size() - sizeof(*ip)) {
    return "IPv6 length is not the frame's";
  }
  if (ip->hop_limits == 0) return "no hop limit";
  if (ip->proto != IPPROTO_UDP) return "not UDP";
  rte_be16_t checksum = 0;
  const char* wrong = CheckUdp(packet->size() - sizeof(*ip), udp, &checksum);
  if (wrong != nullptr) return wrong;
  if (rte_ipv6_udptcp_cksum(ip, udp) != checksum) return "wrong UDP checksum";
  checked->to = {TextOf(AF_INET6, ip->dst_addr), ntohs(udp->dst_port)};
  return nullptr;
}

}  // namespace

const char* CheckFrame(std::string_view frame, CheckedFrame* checked) {
  if (frame.size() < sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr))
    return "shorter than its headers";
  rte_ether_hdr ether;
  std::memcpy(&ether, frame.data(), sizeof(ether));
  if (!rte_is_same_ether_addr(&ether.dst_addr, &kNextHopMac)) return "another destination MAC";
  if (!rte_is_same_ether_addr(&ether.src_addr, &kPortMac)) return "another source MAC";
  size_t headers = sizeof(ether);
  rte_be16_t type = ether.ether_type;
  checked->vlan = 0;
  if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
    rte_vlan_hdr tag;
    std::memcpy(&tag, frame.data() + headers, sizeof(tag));
    checked->vlan = ntohs(tag.vlan_tci);
    type = tag.eth_proto;
    headers += sizeof(tag);
  }
  std::string packet(frame.substr(headers));  // aligned
  const char* wrong = "another EtherType than IP's";
  if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
    wrong = CheckIpv4(&packet, checked);
    headers += kIpv4Headers;
  } else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
    wrong = CheckIpv6(&packet, checked);
    headers += kIpv6Headers;
  }
  if (wrong == nullptr) checked->payload = frame.substr(headers);
  return wrong;
}

void Account::Add(std::string_view frame) {
  frames++;
  CheckedFrame checked;
  const char* wrong = CheckFrame(frame, &checked);
  if (wrong == nullptr) {
    recipients[checked.to].Add(checked.payload);
    vlans[checked.vlan]++;
  } else if (bad++ == 0) {
    first_bad = wrong;
  }
}

}  // namespace groupcast
