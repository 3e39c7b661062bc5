// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/ingress.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>

namespace groupcast {

IngressLoop::IngressLoop(IngressLcore lcore, std::vector<IngressPort> ports,
                         std::vector<ExceptionLane> exceptions)
    : lcore_(std::move(lcore)), ports_(std::move(ports)), exceptions_(std::move(exceptions)) {
  for (const IngressPort& port : ports_) {
    if (port.socket < 0 || sockets_.count == Doorbell::Sockets::kMost) {
      waits_ = false;
      return;
    }
    sockets_.descriptors[sockets_.count++] = port.socket;
  }
}

bool IngressLoop::Receive(const IngressTable* table) {
  bool came = false;
  for (const IngressPort& port : ports_) {
    if (unlikely(!port.state->present.load(std::memory_order_acquire))) continue;
    const IngressTable* claimed = port.relays ? table : nullptr;
    if (claimed != nullptr || port.exception >= 0) came |= ReceiveFrom(port, claimed);
  }
  return came;
}

bool IngressLoop::ServeExceptions() {
  bool moved = false;
  for (ExceptionLane& exception : exceptions_) moved |= exception.Serve();
  return moved;
}

void IngressLoop::DiscardExceptions() {
  for (ExceptionLane& exception : exceptions_) exception.Discard();
}

// `table` null: all is left to the port's exception path.
bool IngressLoop::ReceiveFrom(const IngressPort& port, const IngressTable* table) {
  rte_mbuf* mbufs[kBurst];
  const uint16_t n = rte_eth_rx_burst(port.port_id, port.queue, mbufs, kBurst);
  if (n == 0) return false;
  if (table == nullptr) {
    for (uint16_t i = 0; i < n; i++) exceptions_[port.exception].ToKernel(mbufs[i]);
    return true;
  }
  const uint64_t now_tsc = rte_rdtsc();
  // Asked for once a burst: it looks at every lcore's cache.
  const bool scarce = rte_mempool_avail_count(port.pool) < port.pool->size / 4;
  for (uint16_t i = 0; i < n; i++) {
    if (i + 1 < n) rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void*));
    Take(port, *table, scarce, mbufs[i], now_tsc);
  }
  return true;
}

// What is no datagram for a claimed address.
void IngressLoop::Leave(const IngressPort& port, Counter why, rte_mbuf* mbuf) {
  lcore_.counters->Add(why);
  if (port.exception >= 0) {
    exceptions_[port.exception].ToKernel(mbuf);
  } else {
    rte_pktmbuf_free(mbuf);
  }
}

void IngressLoop::Take(const IngressPort& port, const IngressTable& table, bool scarce,
                       rte_mbuf* mbuf, uint64_t now_tsc) {
  lcore_.counters->Add(Counter::kIngressFrames);
  const uint64_t checksum = mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  IngressFrame frame;
  FrameKind kind = FrameKind::kMalformed;
  if (mbuf->nb_segs == 1) {
    kind = ReadFrame(rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len, port.state->Mac(),
                     checksum == RTE_MBUF_F_RX_L4_CKSUM_GOOD, &frame);
  }
  if (kind == FrameKind::kMalformed) return Leave(port, Counter::kIngressMalformed, mbuf);
  if (kind == FrameKind::kForeign) return Leave(port, Counter::kIngressForeign, mbuf);
  const IngressClaim* found = table.Find({frame.destination, frame.udp_port});
  if (found == nullptr) return Leave(port, Counter::kIngressForeign, mbuf);
  const IngressClaim& claim = *found;
  if (claim.interface != 0 && claim.interface != port.interface) {
    return Leave(port, Counter::kIngressForeign, mbuf);
  }
  IngressFlow* flow = claim.flow;
  if (kind == FrameKind::kBadChecksum || checksum == RTE_MBUF_F_RX_L4_CKSUM_BAD) {
    flow->counters().Add(FlowCounter::kBadChecksum);
    lcore_.counters->Add(Counter::kIngressBadChecksum);
    return rte_pktmbuf_free(mbuf);
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
