// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/datapath/hand_over.h"
#include "engine/datapath/ingress_leftovers.h"
#include "engine/datapath/line_chunk.h"
#include "engine/datapath/pacer.h"
#include "engine/datapath/port_turns.h"
#include "engine/datapath/rtp.h"

namespace groupcast {

// What is counted of each flow. Its lcore: w; any thread: r. What the lcores that receive find, who
// may be several, they add with AddShared().
enum class FlowCounter : uint8_t {
  kDatagrams,         // taken in for the group
  kBytes,             // of their payloads
  kRecipients,        // handed to a port
  kUnsentRecipients,  // left to another thread (LeftDatagram), and no room for that
  kBadChecksum,       // receivers
  kFiltered,          // receivers: datagrams of a source that is none of the ingress's
  kNotRtp,
  kExpired,    // receivers: that had no hop left
  kQueueFull,  // that came while too many waited
  kLaneFull,   // receivers: the same, on the way to the owner
  kDiscarded,  // that waited when nothing was sent any more
  kLate,       // whose sending began more than kLateUs after they came
  kRestarts,   // of an RTP group's source
  kCount
};

class FlowCounters {
 public:
  void Add(FlowCounter counter, uint64_t n = 1) {
    std::atomic<uint64_t>& value = values_[static_cast<size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  // Rare enough.
  void AddShared(FlowCounter counter) {
    values_[static_cast<size_t>(counter)].fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t Read(FlowCounter counter) const {
    return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, static_cast<size_t>(FlowCounter::kCount)> values_{};
};

// A datagram in its mbuf, which is cut down to the payload.
struct IngressDatagram {
  rte_mbuf* mbuf = nullptr;
  uint64_t came_tsc = 0;
  uint16_t payload_sum = 0;
  uint8_t hop_limit = 0;
};

// Gives back a received mbuf. Others of its mempool may be another lcore's.
inline void FreeReceived(rte_mbuf* mbuf) {
  HandOver(mbuf->pool);
  rte_pktmbuf_free(mbuf);
}

// What the lcore lends its flows. One lcore's.
struct IngressLcore {
  uint16_t lcore;     // index among the engine's
  uint32_t instance;  // RunningEngine::instance()
  const NextHopTable* next_hops;
  const std::atomic<uint64_t>* usable_changes;  // Resolver::UsableChanges()
  const std::atomic<bool>* egress_policy;       // Resolver::EgressPolicy()
  std::vector<PortTurns*> ports;                // by the engine's index; null: not this lcore's
  std::vector<Arena> requests;                  // likewise
  uint64_t tsc_hz;
  Counters* counters;
};

// One group's datagrams from RX to its members' requests: the received mbuf is the payload of all
// of them. One lcore owns it, whichever lcores receive for it: its members' packets leave by one
// queue of each port, in order. All methods: that lcore, but for what says otherwise.
class IngressFlow {
 public:
  static constexpr uint32_t kMostWaiting = 256;  // datagrams
  static constexpr uint32_t kLateUs = 10'000;
  static constexpr uint32_t kLeastLoad = 8;  // what every flow may have under way

  struct Options {
    uint16_t lcore = 0;  // that owns it
    Sharing sharing = Sharing::kAuto;
    PaceRate pace{};   // of all packets of the group; no rate: as fast as the port takes them
    bool rtp = false;  // each recipient gets a header of its own
    uint32_t rtp_clock = 90000;  // ticks a second, of the sources' timestamps
    uint64_t rtp_secret = 0;     // see RtpOffsetsOf()
  };

  IngressFlow(const Options& options, size_t ports, uint64_t tsc_hz);

  const Options& options() const { return options_; }
  uint16_t lcore() const { return options_.lcore; }
  FlowCounters& counters() { return counters_; }
  const FlowCounters& counters() const { return counters_; }
  const ErrorCounts& errors() const { return errors_; }
  IngressLeftovers& leftovers() { return leftovers_; }

  // The membership that datagrams go to. Whoever publishes holds a snapshot until every lcore has
  // passed a quiescent state after it was replaced. control: w; lcore: r
  std::atomic<const LineSnapshot*> members{nullptr};
  // Datagrams that the kernel kept, or that were dropped at the sockets because the engine has
  // them; see ingress_count. control: w; any thread: r
  static constexpr size_t kKernelCounts = 5;
  std::array<std::atomic<uint64_t>, kKernelCounts> kernel_counts{};
  // For datagrams of an RTP group that other threads send. lcore: w; any thread: r
  RtpBases rtp_bases;
  // Any thread: whether an lcore still has something of it, should no more come. In the order in
  // which a datagram goes on: it is seen at one place at least.
  bool in_use() const {
    return handed_.load(std::memory_order_acquire) != 0 ||
           waiting_.load(std::memory_order_acquire) != 0 ||
           progress_.left.load(std::memory_order_acquire) != 0;
  }

  // An lcore that received something for it and is not its owner, before it hands that over: a flow
  // whose datagrams are on the way between two lcores is in use, however many quiescent states both
  // have passed. Whoever unclaims it and awaits those sees this, as it came before the receiver's.
  void AddHanded() { handed_.fetch_add(1, std::memory_order_relaxed); }
  // Its owner, after it was added or given up; or the other one, if there was no room for it.
  void EndHanded() { handed_.fetch_sub(1, std::memory_order_release); }

  // Takes the mbuf. `scarce`: few are left to receive into, so that flows which have enough under
  // way get no more.
  void Add(const IngressDatagram& datagram, bool scarce);
  // Makes requests for as many members as there is room, time and rate for; whether any.
  bool Serve(IngressLcore* lcore, uint64_t now_tsc);
  // Whether datagrams wait, the one under way included.
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  // Whether only its rate holds it up, and not for long enough to sleep.
  bool paced() const { return paced_ && fast_; }
  void Discard();

  IngressFlow* next_turn = nullptr;  // lcore: among its flows with something to do
  bool has_turn = false;

 private:
  bool Begin(const IngressLcore& lcore, uint64_t now_tsc);
  void End();
  // To how many; 0: there is no room or time now.
  uint16_t SendSome(IngressLcore* lcore, uint64_t now_tsc);
  uint16_t GoodUntil(const IngressLcore& lcore, const LineChunk& chunk, bool* good) const;
  bool Post(IngressLcore* lcore, const LineChunk& chunk, uint16_t n);
  void PutRtpHeaders(const LineChunk& chunk, Request* request) const;
  void Leave(const LineChunk& chunk, uint16_t to);
  void PostLeft();
  uint32_t Load() const { return waiting() + progress_.left.load(std::memory_order_relaxed); }
  uint16_t private_len() const { return options_.rtp ? kRtpHeader : uint16_t{0}; }

  const Options options_;
  FlowCounters counters_;
  ErrorCounts errors_;
  SendProgress progress_;
  IngressLeftovers leftovers_;
  std::atomic<uint32_t> waiting_{0};  // lcore: w; control: r
  // On a line of its own: receivers need no other one. lcores: rw; control: r
  alignas(64) std::atomic<uint32_t> handed_{0};

  // lcore only
  alignas(64) std::vector<RequestQueue> queues_;  // by port
  std::array<IngressDatagram, kMostWaiting> datagrams_;
  uint32_t first_ = 0;  // the oldest of them
  Pacer pacer_;
  const bool fast_;
  bool paced_ = false;
  RtpStream rtp_stream_;
  // The datagram under way.
  IngressDatagram now_;
  const LineSnapshot* snapshot_ = nullptr;  // one hold; null: none is under way
  size_t chunk_ = 0;
  uint16_t place_ = 0;
  RtpPlace rtp_place_{};
  PayloadSegment segment_{};
  LeftDatagram* left_ = nullptr;
};

}  // namespace groupcast
