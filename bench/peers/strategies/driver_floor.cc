// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "bench/peers/strategies/driver_floor.h"

#include <rte_ethdev.h>
#include <rte_memcpy.h>

#include <algorithm>
#include <cstring>

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

bool DriverFloor::AddImages(const Request& request, const NextHopTable& next_hops) {
  if (images_.empty()) {
    private_len_ = request.prepend_len;
    private_bytes_ = request.private_bytes;
    sums_ = request.sums;
  }
  for (uint16_t i = 0; i < request.nb_recipients; i++) {
    const HeaderLine& line = request.lines[i];
    if (IsIpv6(line) || next_hops[line.next_hop].vlan_and_type != 0) return false;
    HeadForm form(EthernetForm::Of(next_hops[line.next_hop]), line, private_len_,
                  request.payload_len, 0, request.payload_sum, request.hop_limit);
    headers_len_ = static_cast<uint16_t>(form.len - private_len_);
    Image& image = images_.emplace_back();
    image.sum = uint32_t{line.udp_sum} + form.udp_sum;
    form.prepend_len = 0;
    uint16_t ip_id = 1;
    uint8_t frame[kEthernetHeader + kVlanTag + kIpv6Headers];
    WritePacketHead(form, line, {nullptr, 0}, &ip_id, frame);
    std::memcpy(image.headers, frame, kEthernetHeader + kIpv4Headers);
  }
  return true;
}

// With variables of its own, which no store to a packet can be taken to change.
void DriverFloor::Write(uint16_t n, rte_mbuf** heads) {
  const uint16_t headers_len = headers_len_, private_len = private_len_;
  const MbufForm form = {RTE_PKTMBUF_HEADROOM, 1, static_cast<uint16_t>(headers_len + private_len),
                         frame_bytes_,         0, 0};
  for (uint16_t done = 0; done < n;) {
    const Image* image = images_.data() + next_;
    const uint16_t* sums = private_len > 0 ? sums_ + next_ : nullptr;
    const uint8_t* private_bytes = private_bytes_ + next_ * private_len;
    const auto end =
        static_cast<uint16_t>(done + std::min<size_t>(n - done, images_.size() - next_));
    next_ = next_ + (end - done) == images_.size() ? 0 : next_ + (end - done);
    for (; done < end; done++, image++) {
      rte_mbuf* head = heads[done];
      uint8_t* frame = PeerFrameOf(head);
      rte_mov64(frame, image->headers);
      rte_prefetch0(image + 2);
      uint32_t sum = image->sum;
      if (private_len > 0) {
        sum += *sums++;
        CopyPrivate(frame + headers_len, private_bytes, private_len);
        private_bytes += private_len;
      }
      const auto checksum = static_cast<uint16_t>(~FoldSum(sum));
      packet_head::Store(frame + headers_len - sizeof(checksum),
                         checksum == 0 ? uint16_t{UINT16_MAX} : checksum);
      SetMbuf(form, head);
    }
  }
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
    if (writes_) Write(n, heads);
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
