// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace groupcast {

// A piece of a shared payload that a device can read as one: contiguous also in IOVA.
struct PayloadSegment {
  const uint8_t* data;
  rte_iova_t iova;
  uint32_t len;
};

// Whether packets share the payload's memory or have a copy each.
enum class Sharing : uint8_t {
  kAuto,   // by the port's copybreak
  kChain,  // shared wherever the port takes chains
  kCopy,
};

// The mbufs on a shared payload: one for each piece of at most `segment_bytes`, linked, without
// data room. Every packet's head points to the first; each packet is one reference on all of them.
// One lcore's.
class SharedPayload {
 public:
  // How many mbufs a payload of these segments takes.
  static uint32_t Pieces(const PayloadSegment* segments, uint16_t nb_segments,
                         uint32_t segment_bytes);

  // Makes the mbufs, from `pool`, with one reference each for whoever builds packets. `shared_info`
  // is told when the last one is released. Returns the first, or null when the pool is empty.
  static rte_mbuf* Make(rte_mempool* pool, const PayloadSegment* segments, uint16_t nb_segments,
                        uint32_t segment_bytes, uint32_t pieces,
                        rte_mbuf_ext_shared_info* shared_info);

  // So many packets more, before any of them can be freed: once per burst.
  static void Refer(rte_mbuf* first, uint16_t packets);
  // The builder's own references.
  static void Release(rte_mbuf* first);

  // An indirect mbuf for each of `first`'s: with something behind it the payload's own mbufs, whose
  // last `next` all recipients share, can't be used. Returns the first and sets `last`; null when
  // the pool is empty.
  static rte_mbuf* Indirect(rte_mempool* pool, rte_mbuf* first, uint32_t pieces, rte_mbuf** last);
};

// Most mbufs on one payload, whatever a driver takes.
inline constexpr uint32_t kMostPieces = 32;

}  // namespace groupcast
