// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/port_turns.h"

#include <algorithm>

namespace groupcast {
namespace {

constexpr uint16_t kTurn = 32;  // packets of one queue per turn, if others wait

}  // namespace

void PortTurns::Add(RequestQueue* queue, Request* request) {
  if (queue->first != nullptr) {
    queue->last->next = request;
  } else {
    queue->first = request;
    queue->next_turn = nullptr;
    (last_ != nullptr ? last_->next_turn : first_) = queue;
    last_ = queue;
  }
  queue->last = request;
}

// The queue in front goes to the end, or leaves if it has nothing more.
void PortTurns::Rotate() {
  RequestQueue* queue = first_;
  first_ = queue->next_turn;
  if (first_ == nullptr) last_ = nullptr;
  queue->next_turn = nullptr;
  if (queue->first == nullptr) return;
  (last_ != nullptr ? last_->next_turn : first_) = queue;
  last_ = queue;
}

bool PortTurns::Serve(Assembler* assembler) {
  bool moved = port_.SendBurst() > 0;
  // A bounded stay: other ports and new requests get their look, too.
  for (int bursts = 0; bursts < 8 && first_ != nullptr && port_.Room() > 0; bursts++) {
    while (first_ != nullptr && port_.Room() > 0) {
      RequestQueue* queue = first_;
      Request* request = queue->first;
      const uint16_t before = request->assembled;
      PacketSpace space = port_.Free();
      const uint16_t turn = queue->next_turn == nullptr ? Port::kBurst : kTurn;
      assembler->Fill(request, port_.plan(), port_.Mtu(), std::min(port_.Room(), turn), &space);
      port_.Added(space);
      if (request->assembled == before) break;  // no mbufs now
      moved = true;
      if (request->assembled == request->nb_recipients) {
        queue->first = request->next;
        // With packets under way the port completes it; else all its recipients have failed.
        if (request->finished == request->nb_recipients) port_.Complete(request);
      }
      Rotate();
    }
    if (port_.SendBurst() == 0) break;
    moved = true;
  }
  return moved;
}

bool PortTurns::Stalled(uint64_t now_tsc, uint64_t patience_tsc) {
  const PortState& state = port_.state();
  const uint32_t resets = state.resets.load(std::memory_order_relaxed);
  const bool same = port_.taken() == stuck_.taken && resets == stuck_.resets;
  // Not looked at for long: there was nothing to send, or this process was stopped.
  const bool followed = now_tsc - stuck_.seen_tsc < patience_tsc / 4;
  stuck_.seen_tsc = now_tsc;
  if (stalled_ && same) return true;
  stalled_ = false;
  if (!same || !followed) {
    stuck_ = {now_tsc, now_tsc, port_.taken(), resets};
    return false;
  }
  if (now_tsc - stuck_.since_tsc < patience_tsc) return false;
  stalled_ = true;
  // Where no packet waits, somebody else keeps the mbufs.
  if (port_.Backlog() > 0) state.stalled.store(true, std::memory_order_relaxed);
  return true;
}

uint64_t PortTurns::End(int error) {
  uint64_t ended = port_.Fail(error);
  while (first_ != nullptr) {
    RequestQueue* queue = first_;
    while (queue->first != nullptr) {
      Request* request = queue->first;
      queue->first = request->next;
      for (; request->assembled < request->nb_recipients; request->assembled++) {
        FailRecipient(request, request->assembled, error);
        request->finished++;
        ended++;
      }
      SharedPayload::Release(request->view);
      request->view = nullptr;
      port_.Complete(request);
    }
    Rotate();
  }
  return ended;
}

}  // namespace groupcast
