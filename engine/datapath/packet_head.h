// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_vect.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/datapath/header_line.h"
#include "engine/datapath/next_hops.h"

namespace groupcast {

static_assert(RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN, "headers are put together in words");

// A packet's Ethernet header, ready to copy.
struct EthernetForm {
  uint64_t destination_and_tag = 0;
  uint64_t source_and_type = 0;
  uint32_t vlan_and_type = 0;
  uint16_t len = kEthernetHeader;  // bytes

  // The tag belongs to the MAC: lines that name another one are of a next hop that is gone.
  uint16_t Tag() const { return static_cast<uint16_t>(destination_and_tag >> 48); }

  static EthernetForm Of(const NextHop& hop) {
    EthernetForm form;
    form.destination_and_tag = hop.destination_and_tag.load(std::memory_order_acquire);
    form.source_and_type = hop.source_and_type.load(std::memory_order_relaxed);
    form.vlan_and_type = hop.vlan_and_type.load(std::memory_order_relaxed);
    if (form.vlan_and_type != 0) form.len = kEthernetHeader + kVlanTag;
    return form;
  }
};

// What is private in one packet; `prepend` is followed by kPrivateSlack readable bytes, so that
// short ones are copied at once.
struct PrivateBytesOf {
  const uint8_t* prepend;
  uint32_t sum;  // of the appended ones, too, each at its place
};
inline constexpr size_t kPrivateSlack = 16;

// May write kPrivateSlack bytes more.
__rte_always_inline void CopyPrivate(uint8_t* to, const uint8_t* from, uint16_t len) {
  if (likely(len <= kPrivateSlack)) {
    rte_mov16(to, from);
  } else {
    rte_memcpy(to, from, len);
  }
}

// What the heads of packets that leave alike have in common (LeaveAlike()), lengths included.
struct HeadForm {
  EthernetForm ethernet;
  bool ipv6;
  uint8_t most_hops;  // time to live or hop limit; 255: as the lines say
  rte_be16_t ip_len;  // IPv4: of the packet; IPv6: behind its header
  rte_be16_t udp_len;
  uint16_t prepend_len;  // bytes
  uint16_t len;          // bytes: Ethernet, IP, UDP, prepend
  uint64_t ipv4_first;   // the header's first 8 bytes with the length, without id
  uint32_t ipv4_sum;     // of what the lines' sums lack, without id
  uint32_t udp_sum;      // of what the lines' sums lack, without private bytes
  bool counts_ids;       // IPv4 without don't-fragment (RFC 6864: an id of 0 will not do)

  // `shared_len`, `shared_sum`: of the shared payload, as if it started at an even place;
  // `most_hops`: 0: as the lines say.
  HeadForm(const EthernetForm& ethernet_form, const HeaderLine& line, uint16_t prepended_len,
           uint32_t shared_len, uint16_t append_len, uint16_t shared_sum, uint8_t hops)
      : ethernet(ethernet_form),
        ipv6(IsIpv6(line)),
        most_hops(hops != 0 ? hops : uint8_t{UINT8_MAX}),
        prepend_len(prepended_len) {
    const uint32_t udp_bytes =
        uint32_t{sizeof(rte_udp_hdr)} + prepended_len + shared_len + append_len;
    udp_len = rte_cpu_to_be_16(static_cast<uint16_t>(udp_bytes));
    const auto ip_bytes = static_cast<uint16_t>(udp_bytes + (ipv6 ? 0 : sizeof(rte_ipv4_hdr)));
    ip_len = rte_cpu_to_be_16(ip_bytes);
    len = static_cast<uint16_t>(ethernet.len + (ipv6 ? kIpv6Headers : kIpv4Headers) + prepend_len);
    std::memcpy(&ipv4_first, line.headers, sizeof(ipv4_first));
    constexpr uint64_t kDontFragment = uint64_t{RTE_BE16(RTE_IPV4_HDR_DF_FLAG)} << 48;
    counts_ids = !ipv6 && (ipv4_first & kDontFragment) == 0;
    ipv4_first |= uint64_t{ip_len} << 16;
    ipv4_sum = ip_len;
    // The length counts twice: in the pseudo header and in the UDP header.
    udp_sum = uint32_t{SumAt(shared_sum, prepended_len)} + udp_len + udp_len;
  }
};

// What the mbufs of packets that leave alike have in common.
struct MbufForm {
  uint16_t data_off;
  uint16_t nb_segs;
  uint16_t data_len;
  uint32_t pkt_len;
  uint16_t vlan_tci;
  uint64_t ol_flags;
};

namespace packet_head {

inline uint64_t Load64(const void* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}
template <typename T>
inline void Store(void* at, T word) {
  std::memcpy(at, &word, sizeof(word));
}

// The checksum of such a sum, in the upper half of the word.
inline uint32_t ChecksumAbove(uint32_t sum) {
  return ~(sum + (sum << 16 | sum >> 16)) & 0xffff0000;
}

// UDP length and checksum, as they follow each other.
inline uint32_t UdpEnd(const HeadForm& form, const HeaderLine& line, uint32_t private_sum) {
  const uint32_t checksum = ChecksumAbove(uint32_t{line.udp_sum} + form.udp_sum + private_sum);
  // 0 means "no checksum" (RFC 768, RFC 8200 8.1)
  return form.udp_len | (checksum == 0 ? 0xffff0000u : checksum);
}

// In words, so that nothing just written is read again.
__rte_always_inline void WriteIpv4(const HeadForm& form, const HeaderLine& line,
                                   uint32_t private_sum, uint16_t* next_ip_id, uint8_t* at) {
  const uint16_t ip_id = form.counts_ids ? *next_ip_id : uint16_t{0};
  *next_ip_id = static_cast<uint16_t>(*next_ip_id + form.counts_ids);
  uint64_t ttl_to_source = Load64(line.headers + 8);
  uint32_t sum = (ttl_to_source >> 16 & 0xffff) + form.ipv4_sum + ip_id;
  const auto ttl = static_cast<uint8_t>(ttl_to_source);
  if (unlikely(ttl > form.most_hops)) {
    const auto less = static_cast<uint16_t>(ttl - form.most_hops);  // of the word that it is in
    ttl_to_source -= less;
    sum += static_cast<uint16_t>(~less);
  }
  Store(at, form.ipv4_first | uint64_t{ip_id} << 32);
  Store(at + 8, (ttl_to_source & ~uint64_t{0xffff0000}) | ChecksumAbove(sum));
  Store(at + 16, Load64(line.headers + 16));  // destination and UDP ports
  Store(at + 24, UdpEnd(form, line, private_sum));
}

__rte_always_inline void WriteIpv6(const HeadForm& form, const HeaderLine& line,
                                   uint32_t private_sum, uint8_t* at) {
  std::memcpy(at, line.headers, sizeof(line.headers));
  auto* ip = reinterpret_cast<rte_ipv6_hdr*>(at);
  ip->payload_len = form.ip_len;
  ip->hop_limits = std::min(ip->hop_limits, form.most_hops);
  Store(at + sizeof(rte_ipv6_hdr) + offsetof(rte_udp_hdr, dgram_len),
        UdpEnd(form, line, private_sum));
}

}  // namespace packet_head

// Ethernet, IP, UDP and the prepended bytes, with full checksums: form.len bytes, of which
// kPrivateSlack more may be overwritten. An IPv4 id that counts is *next_ip_id.
__rte_always_inline void WritePacketHead(const HeadForm& form, const HeaderLine& line,
                                         const PrivateBytesOf& bytes, uint16_t* next_ip_id,
                                         uint8_t* frame) {
  using packet_head::Store;
  // The first store's last two bytes (the tag) are overwritten by the second.
  Store(frame, form.ethernet.destination_and_tag);
  Store(frame + RTE_ETHER_ADDR_LEN, form.ethernet.source_and_type);
  if (unlikely(form.ethernet.vlan_and_type != 0)) {
    Store(frame + kEthernetHeader, form.ethernet.vlan_and_type);
  }
  uint8_t* at = frame + form.ethernet.len;
  if (form.ipv6) {
    packet_head::WriteIpv6(form, line, bytes.sum, at);
  } else {
    packet_head::WriteIpv4(form, line, bytes.sum, next_ip_id, at);
  }
  if (form.prepend_len == 0) return;
  at = frame + form.len - form.prepend_len;
  CopyPrivate(at, bytes.prepend, form.prepend_len);
}

// From data_off to port, and from pkt_len to vlan_tci.
inline uint64_t RearmWord(const MbufForm& form) {
  return uint64_t{form.data_off} | uint64_t{1} << 16 | uint64_t{form.nb_segs} << 32 |
         uint64_t{RTE_MBUF_PORT_INVALID} << 48;
}
inline uint64_t LengthsWord(const MbufForm& form) {
  return uint64_t{form.pkt_len} | uint64_t{form.data_len} << 32 | uint64_t{form.vlan_tci} << 48;
}

inline xmm_t WordPair(uint64_t first, uint64_t second) {
  const uint64_t words[] = {first, second};
  xmm_t pair;
  std::memcpy(&pair, words, sizeof(pair));
  return pair;
}

// All fields of a packet's first mbuf but `next` and what offloads need; a freed mbuf has refcnt 1,
// no next and one segment, the rest is as its last user left it. In two stores.
struct MbufWords {
  xmm_t rearm_and_flags;
  uint64_t lengths;

  explicit MbufWords(const MbufForm& form)
      : rearm_and_flags(WordPair(RearmWord(form), form.ol_flags)), lengths(LengthsWord(form)) {}
  __rte_always_inline void Set(rte_mbuf* mbuf) const {
    constexpr size_t kRearm = offsetof(rte_mbuf, data_off), kLengths = offsetof(rte_mbuf, pkt_len);
    static_assert(
        offsetof(rte_mbuf, refcnt) == kRearm + 2 && offsetof(rte_mbuf, nb_segs) == kRearm + 4 &&
        offsetof(rte_mbuf, port) == kRearm + 6 && offsetof(rte_mbuf, ol_flags) == kRearm + 8);
    static_assert(offsetof(rte_mbuf, data_len) == kLengths + 4 &&
                  offsetof(rte_mbuf, vlan_tci) == kLengths + 6);
    auto* bytes = reinterpret_cast<uint8_t*>(mbuf);
    packet_head::Store(bytes + kRearm, rearm_and_flags);
    packet_head::Store(bytes + kLengths, lengths);
  }
};
__rte_always_inline void SetMbuf(const MbufForm& form, rte_mbuf* mbuf) {
  MbufWords(form).Set(mbuf);
}

// Leaves to the device what it was asked to do.
inline void OffloadChecksums(uint64_t offloads, bool ipv6, uint16_t ethernet_len, rte_mbuf* head) {
  auto* headers = rte_pktmbuf_mtod_offset(head, uint8_t*, ethernet_len);
  head->tx_offload = 0;
  head->l2_len = ethernet_len;
  if (ipv6) {
    head->ol_flags |= (offloads & ~RTE_MBUF_F_TX_IP_CKSUM) | RTE_MBUF_F_TX_IPV6;
    head->l3_len = sizeof(rte_ipv6_hdr);
    if ((offloads & RTE_MBUF_F_TX_UDP_CKSUM) == 0) return;
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(headers);
    reinterpret_cast<rte_udp_hdr*>(ip + 1)->dgram_cksum = rte_ipv6_phdr_cksum(ip, head->ol_flags);
    return;
  }
  head->ol_flags |= offloads | RTE_MBUF_F_TX_IPV4;
  head->l3_len = sizeof(rte_ipv4_hdr);
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(headers);
  if ((offloads & RTE_MBUF_F_TX_IP_CKSUM) != 0) ip->hdr_checksum = 0;
  if ((offloads & RTE_MBUF_F_TX_UDP_CKSUM) != 0) {
    reinterpret_cast<rte_udp_hdr*>(ip + 1)->dgram_cksum = rte_ipv4_phdr_cksum(ip, head->ol_flags);
  }
}

}  // namespace groupcast
