// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Who gets a datagram for a claimed address: the engine or the kernel. One rule for both sides, so
// that none is lost and none comes twice:
//   groupcast_take   on a port's packet socket: lets through what the engine takes
//   groupcast_leave  on a claim's UDP socket: drops what the engine takes
#include <linux/if_packet.h>

#include "engine/control/bpf/programs.h"

#define MOST_PORTS 64
#define MOST_EXPECTED 4096
// A reassembly takes at most so long (net.ipv4.ipfrag_time; net.ipv6.ip6frag_time is 60 s).
#define REASSEMBLY_NS (60ULL * 1000 * 1000 * 1000)
// Segments follow their frame at once.
#define SEGMENTS_NS (20ULL * 1000 * 1000)

// By interface index: the largest IP packet that its port's receive buffers hold.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MOST_PORTS);
  __type(key, __u32);
  __type(value, __u32);
} ingress_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, MOST_EXPECTED);
  __type(key, struct ingress_expected);
  __type(value, struct ingress_expected_count);
} ingress_expected SEC(".maps");

struct datagram {
  struct ingress_key to;
  __u8 source[16];
  struct udphdr udp;
  __u32 ip_len;
  __u32 headers_len;  // of IP
  __u32 fragment;     // whether it is the first fragment
  __u32 frame;        // whether it begins with its Ethernet header, at a packet socket
  __u32 odd;          // whether the engine does not know its headers
};

// A frame that has just come in may lie in pieces, of which the network header's helper sees the
// first one only; what comes to a UDP socket begins at its UDP header, and is in one.
static __always_inline int load(struct __sk_buff* skb, const struct datagram* d, __u32 at, void* to,
                                __u32 len) {
  if (d->frame) return bpf_skb_load_bytes(skb, ETH_HLEN + at, to, len);
  return bpf_skb_load_bytes_relative(skb, at, to, len, BPF_HDR_START_NET);
}

static __always_inline void map_ipv4(__be32 address, __u8* mapped) {
  __builtin_memset(mapped, 0, 10);
  mapped[10] = mapped[11] = 0xff;
  __builtin_memcpy(mapped + 12, &address, sizeof(address));
}

// Returns 0 if it is UDP with its ports in sight.
static __always_inline int parse_ipv4(struct __sk_buff* skb, struct datagram* d) {
  struct iphdr ip;
  if (load(skb, d, 0, &ip, sizeof(ip)) != 0) return -1;
  if (ip.version != 4 || ip.ihl < 5 || ip.protocol != IPPROTO_UDP) return -1;
  __u16 fragment = bpf_ntohs(ip.frag_off);
  if ((fragment & IPV4_FRAGMENT_OFFSET) != 0) return -1;
  d->fragment = (fragment & IPV4_MORE_FRAGMENTS) != 0;
  d->odd = ip.ihl != 5;
  d->headers_len = ip.ihl * 4;
  d->ip_len = bpf_ntohs(ip.tot_len);
  map_ipv4(ip.daddr, d->to.address);
  map_ipv4(ip.saddr, d->source);
  return 0;
}

static __always_inline int parse_ipv6(struct __sk_buff* skb, struct datagram* d) {
  struct ipv6hdr ip;
  if (load(skb, d, 0, &ip, sizeof(ip)) != 0) return -1;
  if (ip.version != 6) return -1;
  __u8 next = ip.nexthdr;
  d->headers_len = sizeof(ip);
  if (next == IPPROTO_FRAGMENT) {
    struct fragment_header part;
    if (load(skb, d, sizeof(ip), &part, sizeof(part)) != 0) {
      return -1;
    }
    if ((bpf_ntohs(part.offset) & IPV6_FRAGMENT_OFFSET) != 0) return -1;
    d->fragment = 1;
    d->headers_len += sizeof(part);
    next = part.next;
  }
  if (next != IPPROTO_UDP) return -1;
  d->ip_len = sizeof(ip) + bpf_ntohs(ip.payload_len);
  __builtin_memcpy(d->to.address, &ip.daddr, sizeof(d->to.address));
  __builtin_memcpy(d->source, &ip.saddr, sizeof(d->source));
  return 0;
}

static __always_inline int parse(struct __sk_buff* skb, struct datagram* d, int frame) {
  __builtin_memset(d, 0, sizeof(*d));
  d->frame = frame;
  if (skb->vlan_present) return -1;
  // Not broadcast, not to others, not what this host has sent.
  if (skb->pkt_type != PACKET_HOST && skb->pkt_type != PACKET_MULTICAST) return -1;
  int known = -1;
  if (skb->protocol == bpf_htons(ETH_P_IP)) known = parse_ipv4(skb, d);
  if (skb->protocol == bpf_htons(ETH_P_IPV6)) known = parse_ipv6(skb, d);
  if (known != 0) return -1;
  if (load(skb, d, d->headers_len, &d->udp, sizeof(d->udp)) != 0) return -1;
  d->to.udp_port = d->udp.dest;
  return 0;
}

static __always_inline struct ingress_expected expected_of(const struct datagram* d) {
  struct ingress_expected expected = {.source_port = d->udp.source, .udp_port = d->udp.dest};
  __builtin_memcpy(expected.source, d->source, sizeof(expected.source));
  return expected;
}

static __always_inline void expect(const struct ingress_expected* key, __u32 datagrams, __u64 ns) {
  struct ingress_expected_count* known = bpf_map_lookup_elem(&ingress_expected, key);
  __u64 now = bpf_ktime_get_ns();
  if (known != 0 && known->until_ns > now) {
    known->until_ns = now + ns;
    __sync_fetch_and_add(&known->datagrams, datagrams);
    return;
  }
  struct ingress_expected_count count = {.until_ns = now + ns, .datagrams = datagrams};
  bpf_map_update_elem(&ingress_expected, key, &count, BPF_ANY);
}

// Whether this one was left to the kernel in its other form.
static __always_inline int was_expected(const struct ingress_expected* key) {
  struct ingress_expected_count* known = bpf_map_lookup_elem(&ingress_expected, key);
  if (known == 0) return 0;
  if (known->until_ns < bpf_ktime_get_ns() || known->datagrams == 0) {
    bpf_map_delete_elem(&ingress_expected, key);
    return 0;
  }
  __sync_fetch_and_add(&known->datagrams, -1);
  return 1;
}

static __always_inline void expect_segments(struct __sk_buff* skb, const struct datagram* d) {
  struct ingress_expected key = expected_of(d);
  __u32 size = skb->gso_size;
  __u32 payload = d->ip_len - d->headers_len - sizeof(struct udphdr);
  if (size == 0 || size > 0xffff - sizeof(struct udphdr)) return;
  if (payload >= size) {
    key.udp_len = bpf_htons(size + sizeof(struct udphdr));
    expect(&key, payload / size, SEGMENTS_NS);
  }
  if (payload % size != 0) {
    key.udp_len = bpf_htons(payload % size + sizeof(struct udphdr));
    expect(&key, 1, SEGMENTS_NS);
  }
}

// What the engine would make of it: 0 it takes it, or 1 + the reason.
static __always_inline int left_reason(struct __sk_buff* skb, const struct datagram* d,
                                       __u32 longest) {
  if (skb->gso_size != 0) return 1 + INGRESS_LEFT_GSO;
  if (d->fragment) return 1 + INGRESS_LEFT_FRAGMENT;
  if (d->odd || bpf_ntohs(d->udp.len) < sizeof(struct udphdr) ||
      bpf_ntohs(d->udp.len) + d->headers_len != d->ip_len) {
    return 1 + INGRESS_LEFT_HEADER;
  }
  if (d->ip_len > longest) return 1 + INGRESS_LEFT_LONG;
  return 0;
}

SEC("socket")
int groupcast_take(struct __sk_buff* skb) {
  struct datagram d;
  if (parse(skb, &d, 1) != 0) return 0;
  struct ingress_claim* claim = bpf_map_lookup_elem(&ingress_claims, &d.to);
  if (claim == 0) return 0;
  __u32 interface = skb->ifindex;
  __u32* longest = bpf_map_lookup_elem(&ingress_ports, &interface);
  if (longest == 0) return 0;
  int reason = left_reason(skb, &d, *longest);
  if (reason == 0) return -1;
  if (reason == 1 + INGRESS_LEFT_GSO) expect_segments(skb, &d);
  if (reason == 1 + INGRESS_LEFT_FRAGMENT) {
    struct ingress_expected key = expected_of(&d);
    key.udp_len = d.udp.len;
    key.udp_sum = d.udp.check;
    expect(&key, 1, REASSEMBLY_NS);
  }
  count_left(claim, reason - 1);
  return 0;
}

SEC("socket")
int groupcast_leave(struct __sk_buff* skb) {
  struct datagram d;
  if (parse(skb, &d, 0) != 0) return -1;
  struct ingress_claim* claim = bpf_map_lookup_elem(&ingress_claims, &d.to);
  if (claim == 0) return -1;
  __u32 interface = skb->ifindex;
  __u32* longest = bpf_map_lookup_elem(&ingress_ports, &interface);
  if (longest == 0) return -1;
  if (left_reason(skb, &d, *longest) != 0) return -1;
  struct ingress_expected key = expected_of(&d);
  key.udp_len = d.udp.len;
  if (was_expected(&key)) return -1;
  key.udp_sum = d.udp.check;
  if (was_expected(&key)) return -1;
  __sync_fetch_and_add(&claim->counts[INGRESS_DROPPED], 1);
  return 0;
}
