// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cerrno>
#include <cstdint>

#include "bench/peers/strategies/patience.h"
#include "engine/datapath/assembler.h"
#include "engine/datapath/port.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {

// Sends one request after the other. One lcore's.
class RequestLoop {
 public:
  virtual ~RequestLoop() = default;
  // Until the driver has taken all packets. When it takes none for a second, what is left fails
  // with EAGAIN. Of the request, which has a hold for this and one for its owner, the latter stays.
  virtual void Send(Request* request) = 0;
  // Has the driver send what it still holds, if it is one that waits for later packets.
  virtual void Flush() = 0;
};

// Sends by one TX queue, with packets that `Maker` makes: the engine's, or a peer with
// the same Fill(). One thread does it all.
template <typename Maker>
class PacketLoop : public RequestLoop {
 public:
  PacketLoop(Maker* maker, const TxPlan& plan, const PortState& state, const KickSockets& kick,
             Counters* counters)
      : maker_(maker), port_(plan, state, kick, counters), counters_(counters) {}

  void Send(Request* request) override {
    Patience patience;
    while (!IsDone(*request)) {
      const uint16_t before = request->assembled;
      if (before < request->nb_recipients && port_.Room() > 0) Fill(request);
      if (port_.SendBurst() > 0 || request->assembled > before) {
        patience.Moved();
        continue;
      }
      if (port_.NeedsKick()) port_.Kick();
      if (!patience.Wait()) End(request);
    }
  }

  void Flush() override {
    Patience patience;
    while (port_.NeedsKick()) {
      port_.Kick();
      if (!patience.Wait()) return;
    }
  }

 private:
  void Fill(Request* request) {
    PacketSpace space = port_.Free();
    maker_->Fill(request, port_.plan(), port_.Mtu(), port_.Room(), &space);
    port_.Added(space);
    // Without packets under way the port will not do it.
    if (request->finished == request->nb_recipients) CompleteRequest(request, counters_);
  }

  void End(Request* request) {
    for (; request->assembled < request->nb_recipients; request->assembled++) {
      FailRecipient(request, request->assembled, EAGAIN);
      request->finished++;
    }
    SharedPayload::Release(request->view);
    request->view = nullptr;
    const bool waits = port_.Backlog() > 0;
    port_.Fail(EAGAIN);
    if (!waits) CompleteRequest(request, counters_);
  }

  Maker* const maker_;
  Port port_;
  Counters* const counters_;
};

}  // namespace groupcast
