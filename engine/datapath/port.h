// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ether.h>
#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "engine/datapath/assembler.h"
#include "engine/datapath/counters.h"
#include "engine/datapath/holds.h"
#include "engine/datapath/request.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {

// What lcores are told of a port, by the control thread and by the one that looks at its link.
// Theirs: w; lcores: r, but for `stalled`
struct PortState {
  std::atomic<bool> link_up{true};
  // Whether there is a device: one that was taken out is neither asked nor given anything. There is
  // no link then, either.
  std::atomic<bool> present{true};
  // Whether the device has stopped sending, and how often it was reset since it was started.
  // Lcores: set the one, r the other; who looks at its link: clears the one, counts the other.
  mutable std::atomic<bool> stalled{false};
  std::atomic<uint32_t> resets{0};
  std::atomic<uint32_t> mtu{1500};
  std::atomic<uint64_t> mac{0};  // 6 bytes as on the wire

  rte_ether_addr Mac() const {
    const uint64_t word = mac.load(std::memory_order_relaxed);
    rte_ether_addr address;
    std::memcpy(&address, &word, sizeof(address));
    return address;
  }
  void SetMac(const rte_ether_addr& address) {
    uint64_t word = 0;
    std::memcpy(&word, &address, sizeof(address));
    mac.store(word, std::memory_order_relaxed);
  }
};

// The sockets of net_af_packet and net_af_xdp (DESIGN 2.4). Frames that the kernel did not take
// from their ring stay there until later traffic; an empty send makes it look again.
struct KickSockets {
  static constexpr size_t kMost = 16;
  std::array<int, kMost> descriptors{};
  size_t count = 0;
};

// A caller-visible end of a request; called once all its recipients are accepted or failed.
// `lcore`: the index of who does (Holds). `kept`: with a hold of the lcore's left.
inline void CompleteRequest(Request* request, Counters* counters, unsigned lcore = kNoLcore,
                            bool kept = false) {
  if (request->failed > 0 && request->nobody_waits.load(std::memory_order_relaxed)) {
    counters->Add(Counter::kLateErrors, request->failed);
  }
  if (request->failed > 0 && request->error_counts != nullptr) {
    for (uint16_t i = 0; i < request->nb_recipients; i++) {
      if (request->errors[i] == 0) continue;
      request->error_counts->by_errno[request->errors[i]].fetch_add(1, std::memory_order_relaxed);
    }
  }
  SendProgress* progress = request->progress;
  if (progress != nullptr && request->failed > 0) {
    progress->failed.fetch_add(request->failed, std::memory_order_relaxed);
  }
  request->complete = true;
  const uint32_t some_failed = request->failed > 0 ? RequestUses::kSomeFailed : 0;
  // Without a view its share, too.
  const uint32_t shares = request->viewed ? 1 : 2;
  // All but what its caller has, who does not leave before the end.
  const bool alone = !request->viewed && !request->caller_keeps;
  EndUses(request, shares - (kept ? 1 : 0), shares, RequestUses::kDone + some_failed, lcore, alone);
  // Last: its owner may be gone from here on.
  if (progress != nullptr) Advance(progress, 1, lcore);
}

// ROOM 5: one TX queue. Packets wait in `burst_` by index until the driver takes them: no spin, no
// move, no silent free. One lcore's; no method is thread-safe.
class Port {
 public:
  static constexpr uint16_t kBurst = kMaxBurst;

  // `lcore`: the index of its own (Holds).
  Port(const TxPlan& plan, const PortState& state, const KickSockets& kick, Counters* counters,
       unsigned lcore = kNoLcore)
      : plan_(plan), state_(state), kick_(kick), counters_(counters), lcore_(lcore) {}

  const TxPlan& plan() const { return plan_; }
  const PortState& state() const { return state_; }
  uint64_t taken() const { return taken_; }  // packets, by the driver
  bool LinkUp() const { return state_.link_up.load(std::memory_order_relaxed); }
  uint32_t Mtu() const { return state_.mtu.load(std::memory_order_relaxed); }

  // Packets that the driver has not taken.
  uint16_t Backlog() const { return count_ - first_; }
  uint16_t Room() const { return first_ == 0 ? kBurst - count_ : 0; }
  // Where the assembler puts up to Room() packets, then Added().
  PacketSpace Free() { return {mbufs_.data() + count_, runs_.data() + nb_runs_}; }
  void Added(const PacketSpace& space) {
    count_ = static_cast<uint16_t>(count_ + space.nb_mbufs);
    nb_runs_ = static_cast<uint16_t>(nb_runs_ + space.nb_runs);
  }

  // Hands over what waits. Returns how many packets the driver took; whatever it did not take stays
  // ours, in order.
  uint16_t SendBurst();

  // Frees what waits and ends each of its recipients with `error`. Returns how many.
  uint16_t Fail(int error);

  // Ends a request of this port.
  void Complete(Request* request) {
    if (unlikely(request->followed && request->viewed)) return Follow(request);
    CompleteRequest(request, counters_, lcore_);
  }
  // Whether somebody waits for payloads that the device has not been seen to have read.
  bool Follows() const { return followed_ != nullptr; }
  // Asks whether it has read all that it was given.
  void LookForRead() {
    if (unlikely(Follows())) AskForRead();
  }
  // Gives up asking: what has been read shows when the driver gives it back.
  void EndFollowing();

  // Whether the driver may hold packets that only later traffic, or Kick(), would send.
  bool NeedsKick() const { return needs_kick_; }
  // One look of the kernel at the sockets' rings. A system call: for the idle step only.
  void Kick();

 private:
  void Account(uint16_t taken);
  void Follow(Request* request);
  void ForgetRead();
  void AskForRead();
  void Empty() { first_ = count_ = first_run_ = nb_runs_ = 0; }

  TxPlan plan_;
  const PortState& state_;
  KickSockets kick_;
  Counters* counters_;
  const unsigned lcore_;
  bool needs_kick_ = false;
  uint64_t taken_ = 0;
  // Complete, their payloads with the driver; oldest first, with a hold on each.
  Request* followed_ = nullptr;
  Request* last_followed_ = nullptr;
  uint16_t first_ = 0;  // of mbufs_, that waits
  uint16_t count_ = 0;
  uint16_t first_run_ = 0;
  uint16_t nb_runs_ = 0;
  std::array<rte_mbuf*, kBurst> mbufs_;
  std::array<PacketRun, kBurst> runs_;
};

}  // namespace groupcast
