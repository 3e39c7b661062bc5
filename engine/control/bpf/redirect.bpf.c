// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// The XDP program of a net_af_xdp port, on an interface that the kernel keeps using: whole UDP
// datagrams to a claimed address go to the port's socket of their queue, everything else stays with
// the kernel. So does a claimed datagram whose queue has no socket, or none any more.
#include "engine/control/bpf/programs.h"

#define MOST_QUEUES 64

// The driver puts its sockets here, by queue (rte_eth_af_xdp.c, 1269 and 1440).
struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, MOST_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

// The largest IP packet that the port's receive buffers hold: longer ones the socket would drop.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} ingress_longest SEC(".maps");

struct datagram {
  struct ingress_key to;
  struct udphdr udp;
  __u32 ip_len;
  __u32 headers_len;  // of IP
  __u32 fragment;     // whether it is the first fragment
  __u32 odd;          // whether the engine does not know its headers
};

// Returns 0 if it is UDP, with its header behind `headers_len`.
static __always_inline int parse_ipv4(const void* at, const void* end, struct datagram* d) {
  const struct iphdr* ip = at;
  if ((const void*)(ip + 1) > end) return -1;
  if (ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_UDP) return -1;
  const __u16 fragment = bpf_ntohs(ip->frag_off);
  if ((fragment & IPV4_FRAGMENT_OFFSET) != 0) return -1;
  d->fragment = (fragment & IPV4_MORE_FRAGMENTS) != 0;
  d->odd = ip->ihl != 5;
  d->headers_len = ip->ihl * 4;
  d->ip_len = bpf_ntohs(ip->tot_len);
  d->to.address[10] = d->to.address[11] = 0xff;
  __builtin_memcpy(d->to.address + 12, &ip->daddr, sizeof(ip->daddr));
  return 0;
}

static __always_inline int parse_ipv6(const void* at, const void* end, struct datagram* d) {
  const struct ipv6hdr* ip = at;
  if ((const void*)(ip + 1) > end) return -1;
  if (ip->version != 6) return -1;
  __u8 next = ip->nexthdr;
  d->headers_len = sizeof(*ip);
  if (next == IPPROTO_FRAGMENT) {
    const struct fragment_header* part = (const void*)(ip + 1);
    if ((const void*)(part + 1) > end) return -1;
    if ((bpf_ntohs(part->offset) & IPV6_FRAGMENT_OFFSET) != 0) return -1;
    d->fragment = 1;
    d->headers_len += sizeof(*part);
    next = part->next;
  }
  if (next != IPPROTO_UDP) return -1;
  d->ip_len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
  __builtin_memcpy(d->to.address, &ip->daddr, sizeof(d->to.address));
  return 0;
}

static __always_inline int leave(struct ingress_claim* claim, enum ingress_count reason) {
  count_left(claim, reason);
  return XDP_PASS;
}

SEC("xdp")
int groupcast_redirect(struct xdp_md* context) {
  const void* at = (const void*)(long)context->data;
  const void* end = (const void*)(long)context->data_end;
  const struct ethhdr* ethernet = at;
  if ((const void*)(ethernet + 1) > end) return XDP_PASS;
  at = ethernet + 1;
  struct datagram d = {};
  if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
    if (parse_ipv4(at, end, &d) != 0) return XDP_PASS;
  } else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
    if (parse_ipv6(at, end, &d) != 0) return XDP_PASS;
  } else {
    return XDP_PASS;
  }
  // By the helper: packet pointers with a variable in them want CAP_PERFMON.
  if (bpf_xdp_load_bytes(context, sizeof(*ethernet) + d.headers_len, &d.udp, sizeof(d.udp)) != 0) {
    return XDP_PASS;
  }
  d.to.udp_port = d.udp.dest;
  struct ingress_claim* claim = bpf_map_lookup_elem(&ingress_claims, &d.to);
  if (claim == 0) return XDP_PASS;
  if (d.fragment) return leave(claim, INGRESS_LEFT_FRAGMENT);
  const __u32 udp_len = bpf_ntohs(d.udp.len);
  const __u64 captured = bpf_xdp_get_buff_len(context) - sizeof(*ethernet);
  if (d.odd || udp_len < sizeof(d.udp) || udp_len + d.headers_len != d.ip_len ||
      d.ip_len > captured) {
    return leave(claim, INGRESS_LEFT_HEADER);
  }
  const __u32 zero = 0;
  const __u32* longest = bpf_map_lookup_elem(&ingress_longest, &zero);
  // The frame counts, not its IP packet: what is behind that comes into the buffer, too.
  if (longest == 0 || captured > *longest) return leave(claim, INGRESS_LEFT_LONG);
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}
