// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/datapath/assembler.h"
#include "engine/datapath/channel.h"
#include "engine/datapath/counters.h"
#include "engine/datapath/idle.h"
#include "engine/datapath/ingress.h"
#include "engine/datapath/lcore_readers.h"
#include "engine/datapath/port.h"
#include "engine/datapath/port_turns.h"

namespace groupcast {

// Application threads that can use the engine at a time.
inline constexpr uint32_t kMaxChannels = 128;

// The engine's channels, by the number of the thread that owns each. control: publishes; lcores: r
struct ChannelTable {
  std::array<std::atomic<Channel*>, kMaxChannels> channels{};
  std::atomic<uint32_t> count{0};  // all published ones are below
};

// How the engine wants its lcores to go on. control: w; lcores: r
enum class RunMode : uint8_t {
  kRun,
  kAbandon,  // end what is queued as "not started"; nothing more is sent
  kExit,
};

// ROOM 3: one lcore. Takes requests from the channels and datagrams from the ports' RX, and gives
// each port its turn.
class PollLoop {
 public:
  struct Options {
    size_t lcore = 0;  // index among the engine's lcores
    bool sleeps = true;
    const ChannelTable* channels = nullptr;
    const NextHopTable* next_hops = nullptr;
    LcorePools pools{};
    uint16_t first_ip_id = 0;
    uint32_t instance = 0;  // RunningEngine::instance()
    // What is received, and for whom; null where nothing is claimed.
    const std::atomic<const IngressTable*>* ingress = nullptr;
    LcoreReaders* readers = nullptr;                        // of that
    const std::atomic<uint64_t>* usable_changes = nullptr;  // Resolver::UsableChanges()
    const std::atomic<bool>* egress_policy = nullptr;       // Resolver::EgressPolicy()
    std::vector<IngressPort> ingress_ports;
    std::vector<Arena> ingress_requests;             // by the engine's index of the port
    std::vector<ExceptionLane::Options> exceptions;  // of its own; without counters
    IngressLanes lanes;
  };

  // What the loop needs to know of one of its ports.
  struct PortOptions {
    uint16_t index;  // in the engine's configuration
    TxPlan plan;
    const PortState* state;
    KickSockets kick;
  };

  PollLoop(const Options& options, const std::vector<PortOptions>& ports);

  // Until `mode` says kExit; on the lcore's own thread.
  void Run(const std::atomic<RunMode>& mode);
  // One turn of it; whether anything moved.
  bool RunOnce(RunMode mode);

  // When all loops have come to their end: gives up what another one handed to this one since its
  // own. Any thread.
  void DiscardHanded() { ingress_->DiscardHanded(); }

  Doorbell* doorbell() { return &doorbell_; }
  const Counters& counters() const { return counters_; }
  // Whether nothing is queued, waits or is held back by a driver, or by an lcore that it was handed
  // to. Any thread; moves meanwhile. When nothing more is received or posted, all loops have
  // drained once they are seen so twice: what one of them has handed over, another one has taken by
  // then.
  bool Drained() const { return drained_.load(std::memory_order_acquire); }

 private:
  struct PortPlace {
    PortPlace(const PortOptions& options, Counters* counters, unsigned lcore)
        : turns(options.plan, *options.state, options.kick, counters, lcore) {}
    PortTurns turns;
    std::array<RequestQueue, kMaxChannels> queues;  // by channel
  };

  bool TakeRequests();
  bool TakeIngress(RunMode mode);
  bool Quiet() const;
  bool Follows() const;
  bool Pending() const;
  void IdleStep();
  void Rest(uint64_t now_tsc) const;
  void Sleep(bool quiet);

  Options options_;
  Counters counters_;
  Assembler assembler_;
  std::vector<std::unique_ptr<PortPlace>> ports_;
  std::vector<PortPlace*> port_of_index_;
  std::unique_ptr<IngressLoop> ingress_;
  Doorbell doorbell_;
  uint64_t idle_since_tsc_ = 0;
  uint64_t kicked_tsc_ = 0;
  bool rests_ = false;  // once nothing is left to do
  uint64_t us_tsc_;
  std::atomic<bool> drained_{true};
};

}  // namespace groupcast
