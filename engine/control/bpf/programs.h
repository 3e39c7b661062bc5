// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What our BPF programs have in common; each has maps of its own.
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "engine/control/bpf/ingress_maps.h"

#define MOST_CLAIMS 8192
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MOST_CLAIMS);
  __type(key, struct ingress_key);
  __type(value, struct ingress_claim);
} ingress_claims SEC(".maps");

struct fragment_header {
  __u8 next;
  __u8 reserved;
  __be16 offset;
  __be32 id;
};

// One counter after the other: an index that is a variable wants CAP_PERFMON, too.
static __always_inline void count_left(struct ingress_claim* claim, enum ingress_count reason) {
  if (reason == INGRESS_LEFT_GSO) __sync_fetch_and_add(&claim->counts[INGRESS_LEFT_GSO], 1);
  if (reason == INGRESS_LEFT_FRAGMENT) {
    __sync_fetch_and_add(&claim->counts[INGRESS_LEFT_FRAGMENT], 1);
  }
  if (reason == INGRESS_LEFT_HEADER) __sync_fetch_and_add(&claim->counts[INGRESS_LEFT_HEADER], 1);
  if (reason == INGRESS_LEFT_LONG) __sync_fetch_and_add(&claim->counts[INGRESS_LEFT_LONG], 1);
}

char _license[] SEC("license") = "Dual BSD/GPL";
