// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/ingress_flow.h"

#include <algorithm>

#include "engine/datapath/request_memory.h"

namespace groupcast {
namespace {

// Of one flow at a time, so that what it has under way takes no room from others.
constexpr uint32_t kMostInFlight = 128;
// Of one flow's turn: members, however few each of its datagrams goes to.
constexpr uint32_t kMembersPerTurn = 2048;
// A sleep of an lcore may take as long; half a burst should last for it.
constexpr double kSleepS = 200e-6;

}  // namespace

IngressFlow::IngressFlow(const Options& options, size_t ports, uint64_t tsc_hz)
    : options_(options),
      queues_(ports),
      pacer_(options.pace),
      fast_(options.pace.burst_bytes < 2 * kSleepS * static_cast<double>(options.pace.bytes_per_s)),
      rtp_stream_(options.rtp_clock, tsc_hz) {}

void IngressFlow::Add(const IngressDatagram& datagram, bool scarce) {
  const uint32_t waiting = waiting_.load(std::memory_order_relaxed);
  const uint32_t queued = waiting - (snapshot_ != nullptr ? 1 : 0);
  if (queued == kMostWaiting || (scarce && Load() >= kLeastLoad)) {
    counters_.Add(FlowCounter::kQueueFull);
    FreeReceived(datagram.mbuf);
    return;
  }
  counters_.Add(FlowCounter::kDatagrams);
  counters_.Add(FlowCounter::kBytes, datagram.mbuf->data_len);
  datagrams_[(first_ + queued) % kMostWaiting] = datagram;
  waiting_.store(waiting + 1, std::memory_order_release);
}

// The next datagram that can be sent becomes the one under way; false: none waits.
bool IngressFlow::Begin(const IngressLcore& lcore, uint64_t now_tsc) {
  for (;;) {
    const uint32_t waiting = waiting_.load(std::memory_order_relaxed);
    if (waiting == 0) return false;
    now_ = datagrams_[first_];
    first_ = (first_ + 1) % kMostWaiting;
    // Signed: the lcore that received it may have a clock that is a little ahead.
    if (static_cast<int64_t>(now_tsc - now_.came_tsc) >
        static_cast<int64_t>(kLateUs * (lcore.tsc_hz / 1'000'000))) {
      counters_.Add(FlowCounter::kLate);
    }
    rte_mbuf* mbuf = now_.mbuf;
    bool sends = true;
    if (options_.rtp) {
      const auto* packet = rte_pktmbuf_mtod(mbuf, const uint8_t*);
      const uint64_t restarts = rtp_stream_.restarts();
      sends = rtp_stream_.Translate(packet, mbuf->data_len, now_.came_tsc, &rtp_place_);
      counters_.Add(FlowCounter::kRestarts, rtp_stream_.restarts() - restarts);
      if (sends) {
        rtp_bases.Publish(rtp_stream_);
        // Each recipient's own header comes in its place; one's-complement difference.
        const auto header = static_cast<uint16_t>(~SumBytes(packet, kRtpHeader));
        now_.payload_sum = FoldSum(uint32_t{now_.payload_sum} + header);
        mbuf->data_off += kRtpHeader;
        mbuf->data_len -= kRtpHeader;
        mbuf->pkt_len -= kRtpHeader;
      } else {
        counters_.Add(FlowCounter::kNotRtp);
      }
    }
    const LineSnapshot* snapshot = members.load(std::memory_order_acquire);
    if (!sends || snapshot == nullptr || snapshot->members == 0) {
      if (sends && snapshot == nullptr) counters_.Add(FlowCounter::kDiscarded);
      FreeReceived(mbuf);
      waiting_.store(waiting - 1, std::memory_order_release);
      continue;
    }
    snapshot->holds.taken.fetch_add(1, std::memory_order_relaxed);
    snapshot_ = snapshot;
    chunk_ = place_ = 0;
    segment_ = {rte_pktmbuf_mtod(mbuf, const uint8_t*), rte_pktmbuf_iova(mbuf), mbuf->data_len};
    lcore.counters->Add(Counter::kGroupcasts);
    lcore.counters->Add(Counter::kRecipients, snapshot->members);
    return true;
  }
}

// All its members have their requests.
void IngressFlow::End() {
  PostLeft();
  FreeReceived(now_.mbuf);
  now_.mbuf = nullptr;
  snapshot_->holds.taken.fetch_sub(1, std::memory_order_release);
  snapshot_ = nullptr;
  waiting_.store(waiting_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
}

void IngressFlow::Discard() {
  uint64_t discarded = 0;
  if (snapshot_ != nullptr) {
    discarded++;
    End();
  }
  for (uint32_t left = waiting_.load(std::memory_order_relaxed); left > 0; left--, discarded++) {
    FreeReceived(datagrams_[first_].mbuf);
    first_ = (first_ + 1) % kMostWaiting;
  }
  waiting_.store(0, std::memory_order_release);
  counters_.Add(FlowCounter::kDiscarded, discarded);
}

bool IngressFlow::Serve(IngressLcore* lcore, uint64_t now_tsc) {
  paced_ = false;
  bool moved = false;
  for (uint32_t members_done = 0; members_done < kMembersPerTurn;) {
    if (snapshot_ == nullptr && !Begin(*lcore, now_tsc)) break;
    if (chunk_ == snapshot_->chunks.size()) {
      End();
      moved = true;
      continue;
    }
    if (progress_.left.load(std::memory_order_relaxed) >= kMostInFlight) break;
    const uint16_t sent_to = SendSome(lcore, now_tsc);
    if (sent_to == 0) break;
    moved = true;
    members_done += sent_to;
  }
  return moved;
}

// From `place_` on: up to where members are all of one kind; `good`: their lines can be used.
uint16_t IngressFlow::GoodUntil(const IngressLcore& lcore, const LineChunk& chunk,
                                bool* good) const {
  *good = chunk.bin.port != Bin::kKernel && snapshot_->engine == lcore.instance &&
          chunk.bin.lcore == lcore.lcore && !lcore.egress_policy->load(std::memory_order_relaxed);
  if (!*good) return chunk.count;
  const uint32_t len = segment_.len + private_len();
  const uint64_t changes = lcore.usable_changes->load(std::memory_order_acquire);
  if (likely(len + kIpv6Headers <= chunk.least_mtu &&
             AllUsable(chunk, *lcore.next_hops, changes))) {
    return chunk.count;
  }
  const auto is_good = [&](uint16_t i) {
    const HeaderLine& line = chunk.lines[i];
    return len + IpUdpLen(line) <= line.path_mtu &&
           IsUsable((*lcore.next_hops)[line.next_hop], line.next_hop_tag);
  };
  *good = is_good(place_);
  auto until = static_cast<uint16_t>(place_ + 1);
  while (until < chunk.count && is_good(until) == *good) until++;
  return until;
}

uint16_t IngressFlow::SendSome(IngressLcore* lcore, uint64_t now_tsc) {
  const LineChunk& chunk = *snapshot_->chunks[chunk_];
  bool good;
  const uint16_t until = GoodUntil(*lcore, chunk, &good);
  auto n = static_cast<uint16_t>(until - place_);
  if (good) {
    const uint32_t frame_len =
        kEthernetHeader + IpUdpLen(chunk.lines[place_]) + private_len() + segment_.len;
    n = pacer_.Allows(now_tsc, frame_len, n);
    paced_ = n == 0;
    if (n == 0 || !Post(lcore, chunk, n)) return 0;
    pacer_.Used(n);
  } else {
    Leave(chunk, until);
  }
  place_ = static_cast<uint16_t>(place_ + n);
  if (place_ == chunk.count) {
    chunk_++;
    place_ = 0;
  }
  return n;
}

bool IngressFlow::Post(IngressLcore* lcore, const LineChunk& chunk, uint16_t n) {
  const size_t private_bytes = size_t{n} * private_len();
  Request* request = AllocateRequest(&lcore->requests[chunk.bin.port],
                                     {n, false, options_.rtp, private_bytes, true},
                                     /*caller_waits=*/false);
  if (request == nullptr) return false;
  StartRequest(request);
  request->port = chunk.bin.port;
  request->lines = chunk.lines.data() + place_;
  request->alike = chunk.alike;
  request->line_holds = snapshot_->holds.given.data();
  request->lines_have_places = true;
  snapshot_->holds.taken.fetch_add(1, std::memory_order_relaxed);
  request->sharing = options_.sharing;
  request->hop_limit = now_.hop_limit;
  request->nobody_waits.store(true, std::memory_order_relaxed);
  request->progress = &progress_;
  request->error_counts = &errors_;
  progress_.left.fetch_add(1, std::memory_order_relaxed);
  if (segment_.len > 0) {
    request->payload_sum = now_.payload_sum;
    request->payload_len = segment_.len;
    request->own_segment = segment_;
    request->segments = &request->own_segment;
    request->nb_segments = 1;
    request->view = now_.mbuf;
    request->adopted = true;
    rte_mbuf_refcnt_update(now_.mbuf, 1);
  }
  if (options_.rtp) PutRtpHeaders(chunk, request);
  lcore->ports[chunk.bin.port]->Add(&queues_[chunk.bin.port], request);
  counters_.Add(FlowCounter::kRecipients, n);
  lcore->counters->Add(Counter::kEngineRecipients, n);
  return true;
}

void IngressFlow::PutRtpHeaders(const LineChunk& chunk, Request* request) const {
  request->prepend_len = kRtpHeader;
  for (uint16_t i = 0; i < request->nb_recipients; i++) {
    const HeaderLine& line = chunk.lines[place_ + i];
    const uint32_t offset = uint32_t{i} * kRtpHeader;
    uint8_t* at = request->own_private_bytes + offset;
    WriteRtp(rtp_place_, RtpOffsetsOf(options_.rtp_secret, DestinationOf(line), UdpPortOf(line)),
             at);
    request->own_sums[i] = SumBytes(at, kRtpHeader);
  }
}

// Members [place_, to) get it from another thread.
void IngressFlow::Leave(const LineChunk& chunk, uint16_t to) {
  const auto n = static_cast<uint16_t>(to - place_);
  if (left_ != nullptr && left_->nb_runs == LeftDatagram::kMostRuns) PostLeft();
  if (left_ == nullptr) {
    left_ = leftovers_.Allocate(static_cast<uint16_t>(segment_.len));
    if (left_ == nullptr) {
      counters_.Add(FlowCounter::kUnsentRecipients, n);
      return;
    }
    snapshot_->holds.taken.fetch_add(1, std::memory_order_relaxed);
    left_->snapshot = snapshot_;
    left_->rtp = options_.rtp;
    left_->place = rtp_place_;
    left_->hop_limit = now_.hop_limit;
    std::memcpy(left_->payload(), segment_.data, segment_.len);
  }
  left_->runs[left_->nb_runs++] = {&chunk, place_, to};
}

void IngressFlow::PostLeft() {
  if (left_ == nullptr) return;
  uint64_t members_left = 0;
  for (uint16_t i = 0; i < left_->nb_runs; i++) {
    members_left += left_->runs[i].to - left_->runs[i].from;
  }
  if (!leftovers_.Post(left_)) counters_.Add(FlowCounter::kUnsentRecipients, members_left);
  left_ = nullptr;
}

}  // namespace groupcast
