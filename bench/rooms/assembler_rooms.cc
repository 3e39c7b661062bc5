// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <memory>
#include <utility>

#include "bench/rooms/room.h"

namespace groupcast {
namespace {

constexpr uint16_t kBurst = Port::kBurst;

rte_mbuf** TakeBurst(rte_mempool* pool, rte_mbuf** mbufs) {
  if (rte_mempool_get_bulk(pool, reinterpret_cast<void**>(mbufs), kBurst) != 0) Die("no mbufs");
  return mbufs;
}

void SetFloor(uint16_t segments, uint64_t flags, rte_mbuf* mbuf) {
  mbuf->data_off = RTE_PKTMBUF_HEADROOM;
  mbuf->ol_flags = flags;
  mbuf->data_len = 54;
  mbuf->pkt_len = 54;
  mbuf->nb_segs = segments;
}

// What even the shortest way cannot do without on this driver: heads are taken, chained to a shared
// tail (or not) and freed.
void AddFloor(BenchLcore* lcore, bool chained, std::vector<Room>* rooms) {
  constexpr uint16_t kPackets = kMaxGroupRecipients;
  const std::shared_ptr<rte_mbuf> tail(rte_pktmbuf_alloc(lcore->pools().views), rte_pktmbuf_free);
  if (tail == nullptr) Die("no mbuf for a shared tail");
  rte_mempool* heads_pool = lcore->pools().heads;
  auto round = [=] {
    for (uint16_t sent = 0; sent < kPackets; sent += kBurst) {
      rte_mbuf* heads[kBurst];
      TakeBurst(heads_pool, heads);
      for (rte_mbuf* head : heads) {
        SetFloor(chained ? 2 : 1, 0, head);
        if (chained) head->next = tail.get();
      }
      if (chained) rte_mbuf_refcnt_update(tail.get(), kBurst);
      for (rte_mbuf* head : heads) rte_pktmbuf_free(head);
    }
  };
  rooms->push_back(
      {chained ? "floor/two_segments" : "floor/one_segment", "packet", kPackets, round});
}

// The same with bytes of its own behind the shared ones: what is shared can't be one mbuf then,
// whose `next` would be everybody's, but each packet has an mbuf attached to it.
void AddAppendFloor(BenchLcore* lcore, std::vector<Room>* rooms) {
  constexpr uint16_t kPackets = kMaxGroupRecipients;
  struct Shared {
    alignas(64) uint8_t bytes[64] = {};
    rte_mbuf_ext_shared_info info{};
  };
  auto shared = std::make_shared<Shared>();
  shared->info.free_cb = [](void*, void*) {};
  rte_mbuf_ext_refcnt_set(&shared->info, 1);
  const LcorePools pools = lcore->pools();
  auto round = [=] {
    for (uint16_t sent = 0; sent < kPackets; sent += kBurst) {
      rte_mbuf *heads[kBurst], *middles[kBurst], *tails[kBurst];
      TakeBurst(pools.heads, heads);
      TakeBurst(pools.views, middles);
      TakeBurst(pools.heads, tails);
      for (uint16_t i = 0; i < kBurst; i++) {
        SetFloor(3, 0, heads[i]);
        SetFloor(1, RTE_MBUF_F_EXTERNAL, middles[i]);
        SetFloor(1, 0, tails[i]);
        middles[i]->buf_addr = shared->bytes;
        middles[i]->shinfo = &shared->info;
        heads[i]->next = middles[i];
        middles[i]->next = tails[i];
      }
      rte_mbuf_ext_refcnt_update(&shared->info, kBurst);
      for (rte_mbuf* head : heads) rte_pktmbuf_free(head);
    }
  };
  rooms->push_back({"floor/three_segments", "packet", kPackets, round});
}

void AddAssembler(BenchLcore* lcore, const char* name, const RequestSource::Shape& shape,
                  std::vector<Room>* rooms) {
  auto source = std::make_shared<RequestSource>(shape);
  const TxPlan plan = lcore->plan();
  auto round = [=] {
    Request* request = source->Make();
    while (request->assembled < request->nb_recipients) {
      rte_mbuf* mbufs[kBurst];
      PacketRun runs[kBurst];
      PacketSpace space = {mbufs, runs};
      lcore->assembler()->Fill(request, plan, BenchLcore::kMtu, kBurst, &space);
      if (space.nb_mbufs == 0) Die("the assembler makes no packets");
      for (uint16_t i = 0; i < space.nb_mbufs; i++) rte_pktmbuf_free(mbufs[i]);
    }
    CompleteRequest(request, lcore->counters());
  };
  rooms->push_back({std::string("assembler/") + name, "packet", shape.recipients, round});
}

}  // namespace

void AddAssemblerRooms(BenchLcore* lcore, std::vector<Room>* rooms) {
  AddFloor(lcore, /*chained=*/false, rooms);
  AddFloor(lcore, /*chained=*/true, rooms);
  AddAppendFloor(lcore, rooms);
  AddAssembler(lcore, "chain", {}, rooms);
  AddAssembler(lcore, "chain_prepend12", {.prepend_len = 12}, rooms);
  AddAssembler(lcore, "chain_append16", {.append_len = 16}, rooms);
  AddAssembler(lcore, "chain_prepend12_append16", {.prepend_len = 12, .append_len = 16}, rooms);
  AddAssembler(lcore, "chain_ipv6", {.ipv6 = true}, rooms);
  AddAssembler(lcore, "chain_8900", {.payload_len = 8900}, rooms);
  for (const auto& [name, len] : {std::pair<const char*, uint32_t>{"copy_64", 64},
                                  {"copy_300", 300},
                                  {"copy_1000", 1000},
                                  {"copy_8900", 8900}}) {
    AddAssembler(lcore, name, {.payload_len = len, .sharing = Sharing::kCopy}, rooms);
  }
}

}  // namespace groupcast
