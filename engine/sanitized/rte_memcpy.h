// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

// In the place of DPDK's under sanitizers, which look at the whole range of a memcpy() and take
// minutes to compile those that it is written out in.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline void* rte_memcpy(void* to, const void* from, size_t n) { return memcpy(to, from, n); }
static inline void rte_mov16(uint8_t* to, const uint8_t* from) { memcpy(to, from, 16); }
static inline void rte_mov32(uint8_t* to, const uint8_t* from) { memcpy(to, from, 32); }
static inline void rte_mov64(uint8_t* to, const uint8_t* from) { memcpy(to, from, 64); }

#ifdef __cplusplus
}
#endif
