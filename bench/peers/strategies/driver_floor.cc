// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "bench/peers/strategies/driver_floor.h"

#include <rte_ethdev.h>
#include <rte_memcpy.h>

#include <algorithm>

#include "bench/peers/strategies/patience.h"
#include "bench/peers/strategies/peer_fill.h"

namespace groupcast {

bool DriverFloor::Prepare(const Request& request, const NextHopTable& next_hops) {
  const auto payload_len = static_cast<uint16_t>(request.payload_len);
  if (payload_len > 0) {
    payload_ = rte_pktmbuf_alloc(pools_.large);
    if (payload_ == nullptr) return false;
    rte_memcpy(rte_pktmbuf_append(payload_, payload_len), request.segments->data, payload_len);
  }
  heads_ = HeadsOf(pools_, size_t{kEthernetHeader} + kVlanTag + kIpv6Headers + request.prepend_len);
  std::vector<rte_mbuf*> heads(heads_->size);
  size_t taken = 0;
  while (taken < heads.size() &&
         rte_mempool_get(heads_, reinterpret_cast<void**>(&heads[taken])) == 0) {
    const auto recipient = static_cast<uint16_t>(taken % request.nb_recipients);
    const HeaderLine& line = request.lines[recipient];
    const HeadForm form(EthernetForm::Of(next_hops[line.next_hop]), line, request.prepend_len,
                        payload_len, 0, request.payload_sum, request.hop_limit);
    auto ip_id = static_cast<uint16_t>(recipient + 1);
    WritePacketHead(form, line, PrivateBytesAt(request, recipient), &ip_id,
                    PeerFrameOf(heads[taken]));
    frame_bytes_ = uint32_t{form.len} + payload_len;
    // As a freed mbuf is: with one segment.
    SetMbuf({RTE_PKTMBUF_HEADROOM, 1, form.len, frame_bytes_, 0, 0}, heads[taken]);
    taken++;
  }
  rte_mempool_put_bulk(heads_, reinterpret_cast<void**>(heads.data()),
                       static_cast<unsigned>(taken));
  return taken > 0;
}

uint64_t DriverFloor::Send(uint64_t packets) {
  rte_mbuf* heads[kMaxBurst];
  Patience patience;
  uint64_t sent = 0;
  while (sent < packets) {
    const uint16_t n = TakeUpTo(
        heads_, static_cast<uint16_t>(std::min<uint64_t>(packets - sent, kMaxBurst)), heads);
    if (unlikely(n == 0)) {
      counters_->Add(Counter::kNoMbuf);
      // A driver that looks after what it has sent only when it is called.
      rte_eth_tx_burst(plan_.port_id, plan_.queue, nullptr, 0);
      if (!patience.Wait()) return sent;
      continue;
    }
    if (payload_ != nullptr) {
      for (uint16_t i = 0; i < n; i++) {
        heads[i]->next = payload_;
        heads[i]->nb_segs = 2;
      }
      rte_mbuf_refcnt_update(payload_, static_cast<int16_t>(n));
    }
    for (uint16_t i = 0; i < n; i++) HandOver(heads[i]);
    uint16_t taken = 0;
    for (;;) {
      taken =
          static_cast<uint16_t>(taken + rte_eth_tx_burst(plan_.port_id, plan_.queue, heads + taken,
                                                         static_cast<uint16_t>(n - taken)));
      if (likely(taken == n)) break;
      counters_->Add(Counter::kTxFull);
      if (patience.Wait()) continue;
      rte_pktmbuf_free_bulk(heads + taken, static_cast<unsigned>(n - taken));
      break;
    }
    counters_->Add(Counter::kPackets, taken);
    counters_->Add(Counter::kBytes, uint64_t{taken} * frame_bytes_);
    sent += taken;
    if (taken < n) return sent;
    patience.Moved();
  }
  return sent;
}

}  // namespace groupcast
