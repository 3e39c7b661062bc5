/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 the Groupcast authors
 *
 * What the programs in ingress.bpf.c share with the engine; C for both. */
#pragma once

#include <linux/types.h>

/* Why a datagram for a claimed address stays with the kernel. */
enum ingress_left {
  INGRESS_LEFT_GSO,       /* several datagrams in one frame */
  INGRESS_LEFT_FRAGMENT,  /* counted once a datagram: by its first fragment */
  INGRESS_LEFT_HEADER,    /* IPv4 options, or lengths that contradict each other */
  INGRESS_LEFT_LONG,      /* more than the port's receive buffers hold */
  INGRESS_LEFT_REASONS,
};

/* A claimed address: IPv4 as IPv4-mapped IPv6. */
struct ingress_key {
  __u8 address[16];
  __be16 udp_port;
  __u16 zero;
};

struct ingress_claim {
  __u64 left[INGRESS_LEFT_REASONS];
};

/* Datagrams that the packet socket left to the kernel and that the UDP socket gets in another form
 * than on the wire: reassembled, or cut into segments. */
struct ingress_expected {
  __u8 source[16];
  __be16 source_port;
  __be16 udp_port;
  __be16 udp_len;
  __be16 udp_sum; /* as in the datagram; 0 of a segment */
};

struct ingress_expected_count {
  __u64 until_ns; /* CLOCK_MONOTONIC */
  __u32 datagrams;
  __u32 zero;
};
