// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "engine/datapath/packet_head.h"
#include "engine/datapath/request.h"

namespace groupcast {

// Where the frame of a head begins: its pool's mbufs have no private area, and nobody attaches them
// to other memory.
inline uint8_t* FrameOf(rte_mbuf* mbuf) {
  return reinterpret_cast<uint8_t*>(mbuf + 1) + RTE_PKTMBUF_HEADROOM;
}

// Heads for `n` recipients of the request that leave alike (LeaveAlike()) and have private parts of
// one length, from `first` on, in as many mbufs. What follows the prepended bytes is chained behind
// them, by whoever appends and else here, or copied into them. IPv4 ids that count are from
// *next_ip_id on.
void MakeAlikeHeads(const Request& request, const HeadForm& head_form, const MbufForm& mbuf_form,
                    bool chain, uint16_t first, uint16_t n, uint16_t* next_ip_id, rte_mbuf** mbufs);

}  // namespace groupcast
