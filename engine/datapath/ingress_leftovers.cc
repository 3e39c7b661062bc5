// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/ingress_leftovers.h"

#include <new>

namespace groupcast {
namespace {

constexpr size_t kBytes = 1 << 20;
constexpr unsigned kDatagrams = 1024;

}  // namespace

IngressLeftovers::IngressLeftovers()
    : ring_memory_(new CacheLine[LinesFor(static_cast<size_t>(rte_ring_get_memsize(kDatagrams)))]),
      arena_memory_(new CacheLine[LinesFor(kBytes)]),
      ring_(reinterpret_cast<rte_ring*>(ring_memory_.get())),
      arena_(arena_memory_.get(), kBytes, 0) {
  rte_ring_init(ring_, "gc_leftovers", kDatagrams, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

IngressLeftovers::~IngressLeftovers() {
  while (LeftDatagram* datagram = Take()) Release(datagram);
}

LeftDatagram* IngressLeftovers::Allocate(uint16_t payload_len) {
  void* block = arena_.Allocate(sizeof(LeftDatagram) + payload_len);
  if (block == nullptr) return nullptr;
  auto* datagram = new (block) LeftDatagram;
  datagram->nb_runs = 0;
  datagram->payload_len = payload_len;
  return datagram;
}

bool IngressLeftovers::Post(LeftDatagram* datagram) {
  if (rte_ring_sp_enqueue(ring_, datagram) == 0) return true;
  Release(datagram);
  return false;
}

LeftDatagram* IngressLeftovers::Take() {
  void* datagram = nullptr;
  return rte_ring_sc_dequeue(ring_, &datagram) == 0 ? static_cast<LeftDatagram*>(datagram)
                                                    : nullptr;
}

void IngressLeftovers::Release(LeftDatagram* datagram) {
  datagram->snapshot->holds.given[0].fetch_sub(1, std::memory_order_release);
  Arena::Release(datagram);
}

}  // namespace groupcast
