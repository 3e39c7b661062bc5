// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/ingress.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>

namespace groupcast {

IngressLoop::IngressLoop(IngressLcore lcore, std::vector<IngressPort> ports,
                         std::vector<ExceptionLane> exceptions, IngressLanes lanes)
    : lcore_(std::move(lcore)),
      ports_(std::move(ports)),
      exceptions_(std::move(exceptions)),
      lanes_(std::move(lanes)) {
  for (const IngressPort& port : ports_) has_exceptions_ |= port.exception >= 0;
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
  if (came) {
    for (IngressLane* lane : lanes_.to) {
      if (lane != nullptr) lane->Ring();
    }
  }
  return came;
}

bool IngressLoop::Handed() const {
  for (const IngressLane* lane : lanes_.from) {
    if (lane != nullptr && lane->Pending()) return true;
  }
  return false;
}

bool IngressLoop::AllTaken() const {
  for (const IngressLane* lane : lanes_.to) {
    if (lane != nullptr && !lane->Taken()) return false;
  }
  return true;
}

// A bounded stay, as with what is received.
void IngressLoop::TakeHanded() {
  for (IngressLane* lane : lanes_.from) {
    if (lane == nullptr) continue;
    rte_mbuf* mbufs[kBurst];
    HandedFrame frames[kBurst];
    const uint32_t n = lane->Take(mbufs, frames, kBurst);
    for (uint32_t i = 0; i < n; i++) {
      const HandedFrame& frame = frames[i];
      if (frame.flow == nullptr) {
        exceptions_[frame.exception].ToKernel(mbufs[i]);
        continue;
      }
      Queue(frame.flow, {mbufs[i], frame.came_tsc, frame.payload_sum, frame.hop_limit},
            frame.scarce);
      frame.flow->EndHanded();
    }
  }
}

void IngressLoop::DiscardHanded() {
  for (IngressLane* lane : lanes_.from) {
    rte_mbuf* mbuf;
    HandedFrame frame;
    while (lane != nullptr && lane->Take(&mbuf, &frame, 1) == 1) {
      FreeReceived(mbuf);
      if (frame.flow == nullptr) continue;
      frame.flow->counters().Add(FlowCounter::kDiscarded);
      frame.flow->EndHanded();
    }
  }
}

// False: no room, the mbuf is still the caller's.
bool IngressLoop::Hand(uint16_t lcore, rte_mbuf* mbuf, const HandedFrame& frame) {
  if (!lanes_.to[lcore]->Put(mbuf, frame)) return false;
  lcore_.counters->Add(Counter::kIngressHanded);
  return true;
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
  TakeOver(port.pool);
  for (uint16_t i = 0; i < n; i++) TakeOver(mbufs[i]);
  if (table == nullptr) {
    for (uint16_t i = 0; i < n; i++) ToException(port, mbufs[i]);
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
    ToException(port, mbuf);
  } else {
    FreeReceived(mbuf);
  }
}

void IngressLoop::ToException(const IngressPort& port, rte_mbuf* mbuf) {
  if (lcore_.lcore == kExceptionLcore) {
    exceptions_[port.exception].ToKernel(mbuf);
  } else if (!Hand(kExceptionLcore, mbuf,
                   {nullptr, 0, 0, 0, false, static_cast<uint16_t>(port.exception)})) {
    lcore_.counters->Add(Counter::kExceptionDropped);
    FreeReceived(mbuf);
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
    flow->counters().AddShared(FlowCounter::kBadChecksum);
    lcore_.counters->Add(Counter::kIngressBadChecksum);
    return FreeReceived(mbuf);
  }
  if (claim.from != nullptr &&
      std::find(claim.from->begin(), claim.from->end(), frame.source) == claim.from->end()) {
    flow->counters().AddShared(FlowCounter::kFiltered);
    return FreeReceived(mbuf);
  }
  // As a router would: what goes round in a circle of relays ends.
  if (!claim.multicast && frame.hop_limit <= 1) {
    flow->counters().AddShared(FlowCounter::kExpired);
    return FreeReceived(mbuf);
  }
  mbuf->data_off += frame.payload_offset;
  mbuf->data_len = frame.payload_len;
  mbuf->pkt_len = frame.payload_len;
  // How it is freed stays with it.
  mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  const uint8_t hop_limit =
      claim.multicast ? uint8_t{0} : static_cast<uint8_t>(frame.hop_limit - 1);
  if (claim.lcore == lcore_.lcore) {
    return Queue(flow, {mbuf, now_tsc, frame.payload_sum, hop_limit}, scarce);
  }
  flow->AddHanded();
  if (Hand(claim.lcore, mbuf, {flow, now_tsc, frame.payload_sum, hop_limit, scarce, 0})) return;
  flow->counters().AddShared(FlowCounter::kLaneFull);
  FreeReceived(mbuf);
  flow->EndHanded();
}

void IngressLoop::Queue(IngressFlow* flow, const IngressDatagram& datagram, bool scarce) {
  flow->Add(datagram, scarce);
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
