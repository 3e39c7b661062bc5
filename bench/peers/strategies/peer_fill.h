// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/datapath/assembler.h"
#include "engine/datapath/hand_over.h"
#include "engine/datapath/packet_head.h"

namespace groupcast {

// Where a frame begins in an mbuf of a pool without private areas, as the engine's heads have it.
inline uint8_t* PeerFrameOf(rte_mbuf* mbuf) {
  return reinterpret_cast<uint8_t*>(mbuf + 1) + RTE_PKTMBUF_HEADROOM;
}

// Where heads of `len` bytes are taken from, as the engine's are: long ones from the large mbufs.
inline rte_mempool* HeadsOf(const LcorePools& pools, size_t len) {
  return len + kPrivateSlack <= kHeadRoom ? pools.heads : pools.large;
}

// Takes `n` mbufs at once, or half as many, and so on. Returns how many; 0: the pool is empty. By
// DPDK's own way: with TakeMbufs() the floor is 0.8 ns a packet higher, as what was just freed is
// read in larger parts than it was written in.
inline uint16_t TakeUpTo(rte_mempool* pool, uint16_t n, rte_mbuf** mbufs) {
  while (n > 0 && rte_mempool_get_bulk(pool, reinterpret_cast<void**>(mbufs), n) != 0) n /= 2;
  TakeOver(pool);  // from whoever freed them
  return n;
}

inline PrivateBytesOf PrivateBytesAt(const Request& request, uint16_t recipient) {
  const PrivatePart part = PartOf(request, recipient);
  return {request.private_bytes + part.offset, part.sum};
}

// What Assembler::Fill() does, for peers: `make(form, first, n, mbufs)` makes packets for `n`
// recipients in a row that leave alike, from `first` on, and returns for how many it had mbufs.
// Packets are IPv4 or IPv6 without a VLAN tag, private parts all of one length without an append;
// next hops are there, and datagrams fit the MTU.
template <typename Make>
void FillAlike(const NextHopTable& next_hops, uint16_t room, Counters* counters, const Make& make,
               Request* request, PacketSpace* space) {
  const auto end = static_cast<uint16_t>(
      std::min<uint32_t>(request->nb_recipients, uint32_t{request->assembled} + room));
  PacketRun run{request, request->assembled, 0, 0};
  while (request->assembled < end) {
    const uint16_t first = request->assembled;
    const HeaderLine& line = request->lines[first];
    auto next = static_cast<uint16_t>(first + 1);
    while (next < end && LeaveAlike(line, request->lines[next])) next++;
    const HeadForm form(EthernetForm::Of(next_hops[line.next_hop]), line, request->prepend_len,
                        request->payload_len, 0, request->payload_sum, request->hop_limit);
    const uint16_t made =
        make(form, first, static_cast<uint16_t>(next - first), space->mbufs + space->nb_mbufs);
    space->nb_mbufs = static_cast<uint16_t>(space->nb_mbufs + made);
    run.packets = static_cast<uint16_t>(run.packets + made);
    run.bytes += made * (form.len + request->payload_len);
    request->assembled = static_cast<uint16_t>(first + made);
    if (request->assembled < next) counters->Add(Counter::kNoMbuf);
    if (made == 0) break;
  }
  if (run.packets > 0) space->runs[space->nb_runs++] = run;
}

}  // namespace groupcast
