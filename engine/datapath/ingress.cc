// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/ingress.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>

namespace groupcast {

IngressLoop::IngressLoop(IngressLcore lcore, std::vector<IngressPort> ports)
    : lcore_(std::move(lcore)), ports_(std::move(ports)) {
  for (const IngressPort& port : ports_) {
    if (port.socket < 0 || sockets_.count == Doorbell::Sockets::kMost) {
      waits_ = false;
      return;
    }
    sockets_.descriptors[sockets_.count++] = port.socket;
  }
}

bool IngressLoop::Receive(const IngressTable& table) {
  bool came = false;
  for (const IngressPort& port : ports_) came |= ReceiveFrom(port, table);
  return came;
}

bool IngressLoop::ReceiveFrom(const IngressPort& port, const IngressTable& table) {
  rte_mbuf* mbufs[kBurst];
  const uint16_t n = rte_eth_rx_burst(port.port_id, port.queue, mbufs, kBurst);
  if (n == 0) return false;
  const uint64_t now_tsc = rte_rdtsc();
  // Asked for once a burst: it looks at every lcore's cache.
  const bool scarce = rte_mempool_avail_count(port.pool) < port.pool->size / 4;
  for (uint16_t i = 0; i < n; i++) {
    if (i + 1 < n) rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void*));
    Take(port, table, scarce, mbufs[i], now_tsc);
  }
  return true;
}

void IngressLoop::Take(const IngressPort& port, const IngressTable& table, bool scarce,
                       rte_mbuf* mbuf, uint64_t now_tsc) {
  lcore_.counters->Add(Counter::kIngressFrames);
  const auto refuse = [&](Counter why) {
    lcore_.counters->Add(why);
    rte_pktmbuf_free(mbuf);
  };
  const uint64_t checksum = mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  IngressFrame frame;
  FrameKind kind = FrameKind::kMalformed;
  if (mbuf->nb_segs == 1) {
    kind = ReadFrame(rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len, port.state->Mac(),
                     checksum == RTE_MBUF_F_RX_L4_CKSUM_GOOD, &frame);
  }
  if (kind == FrameKind::kMalformed) return refuse(Counter::kIngressMalformed);
  if (kind == FrameKind::kForeign) return refuse(Counter::kIngressForeign);
  const IngressClaim* found = table.Find({frame.destination, frame.udp_port});
  if (found == nullptr) return refuse(Counter::kIngressForeign);
  const IngressClaim& claim = *found;
  if (claim.interface != 0 && claim.interface != port.interface) {
    return refuse(Counter::kIngressForeign);
  }
  IngressFlow* flow = claim.flow;
  if (kind == FrameKind::kBadChecksum || checksum == RTE_MBUF_F_RX_L4_CKSUM_BAD) {
    flow->counters().Add(FlowCounter::kBadChecksum);
    return refuse(Counter::kIngressBadChecksum);
  }
  if (claim.from != nullptr &&
      std::find(claim.from->begin(), claim.from->end(), frame.source) == claim.from->end()) {
    flow->counters().Add(FlowCounter::kFiltered);
    return rte_pktmbuf_free(mbuf);
  }
  // As a router would: what goes round in a circle of relays ends.
  if (!claim.multicast && frame.hop_limit <= 1) {
    flow->counters().Add(FlowCounter::kExpired);
    return rte_pktmbuf_free(mbuf);
  }
  mbuf->data_off += frame.payload_offset;
  mbuf->data_len = frame.payload_len;
  mbuf->pkt_len = frame.payload_len;
  // How it is freed stays with it.
  mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  flow->Add({mbuf, now_tsc, frame.payload_sum,
             claim.multicast ? uint8_t{0} : static_cast<uint8_t>(frame.hop_limit - 1)},
            scarce);
  if (flow->has_turn || flow->waiting() == 0) return;
  flow->has_turn = true;
  flow->next_turn = nullptr;
  (last_ != nullptr ? last_->next_turn : first_) = flow;
  last_ = flow;
}

bool IngressLoop::Serve() {
  const uint64_t now_tsc = rte_rdtsc();
  bool moved = false;
  paced_ = false;
  IngressFlow* flow = first_;
  first_ = last_ = nullptr;
  while (flow != nullptr) {
    IngressFlow* next = flow->next_turn;
    moved |= flow->Serve(&lcore_, now_tsc);
    paced_ |= flow->paced();
    flow->has_turn = flow->waiting() > 0;
    flow->next_turn = nullptr;
    if (flow->has_turn) {
      (last_ != nullptr ? last_->next_turn : first_) = flow;
      last_ = flow;
    }
    flow = next;
  }
  return moved;
}

void IngressLoop::Discard() {
  for (IngressFlow* flow = first_; flow != nullptr; flow = flow->next_turn) {
    flow->Discard();
    flow->has_turn = false;
  }
  first_ = last_ = nullptr;
}

}  // namespace groupcast
