// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/shared_payload.h"

#include <algorithm>

#include "engine/datapath/take_mbufs.h"

namespace groupcast {
namespace {

bool Take(rte_mempool* pool, uint32_t pieces, rte_mbuf** mbufs) {
  return pieces <= kMostPieces && TakeMbufs(pool, pieces, mbufs);
}

void Reset(rte_mbuf* mbuf) {
  mbuf->data_off = 0;
  mbuf->ol_flags = 0;
  mbuf->nb_segs = 1;
}

}  // namespace

uint32_t SharedPayload::Pieces(const PayloadSegment* segments, uint16_t nb_segments,
                               uint32_t segment_bytes) {
  uint32_t pieces = 0;
  for (uint16_t i = 0; i < nb_segments; i++) {
    pieces += (segments[i].len + segment_bytes - 1) / segment_bytes;
  }
  return pieces;
}

rte_mbuf* SharedPayload::Make(rte_mempool* pool, const PayloadSegment* segments,
                              uint16_t nb_segments, uint32_t segment_bytes, uint32_t pieces,
                              rte_mbuf_ext_shared_info* shared_info) {
  rte_mbuf* mbufs[kMostPieces];
  if (!Take(pool, pieces, mbufs)) return nullptr;
  rte_mbuf_ext_refcnt_set(shared_info, static_cast<uint16_t>(pieces));
  uint32_t made = 0;
  for (uint16_t i = 0; i < nb_segments; i++) {
    for (uint32_t offset = 0; offset < segments[i].len; made++) {
      const auto len = static_cast<uint16_t>(std::min(segment_bytes, segments[i].len - offset));
      rte_mbuf* mbuf = mbufs[made];
      Reset(mbuf);
      // The mbuf only ever reads it.
      auto* data = const_cast<uint8_t*>(segments[i].data) + offset;
      rte_pktmbuf_attach_extbuf(mbuf, data, segments[i].iova + offset, len, shared_info);
      mbuf->data_len = len;
      mbuf->pkt_len = len;
      mbuf->next = made + 1 < pieces ? mbufs[made + 1] : nullptr;
      offset += len;
    }
  }
  return mbufs[0];
}

void SharedPayload::Refer(rte_mbuf* first, uint16_t packets) {
  for (rte_mbuf* mbuf = first; mbuf != nullptr; mbuf = mbuf->next) {
    rte_mbuf_refcnt_update(mbuf, static_cast<int16_t>(packets));
  }
}

void SharedPayload::Release(rte_mbuf* first) {
  while (first != nullptr) {
    rte_mbuf* next = first->next;
    rte_pktmbuf_free_seg(first);
    first = next;
  }
}

rte_mbuf* SharedPayload::Indirect(rte_mempool* pool, rte_mbuf* first, uint32_t pieces,
                                  rte_mbuf** last) {
  rte_mbuf* mbufs[kMostPieces];
  if (!Take(pool, pieces, mbufs)) return nullptr;
  for (uint32_t i = 0; i < pieces; i++, first = first->next) {
    Reset(mbufs[i]);
    rte_pktmbuf_attach(mbufs[i], first);
    mbufs[i]->next = i + 1 < pieces ? mbufs[i + 1] : nullptr;
  }
  *last = mbufs[pieces - 1];
  return mbufs[0];
}

}  // namespace groupcast
