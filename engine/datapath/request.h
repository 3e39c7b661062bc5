// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>

#include "engine/datapath/arena.h"
#include "engine/datapath/header_line.h"

namespace groupcast {

// Written to Request::errors[i] for a recipient that a stopping engine never started: its caller
// sends it by the kernel instead.
inline constexpr uint8_t kNotStarted = 255;

// Recipients per request: enough to amortise posting, few enough that the first packets leave while
// the caller resolves the next ones, and far below what a 16-bit reference count can hold.
inline constexpr uint16_t kMaxRecipients = 64;

// Recipients of one groupcast that leave by one TX queue: everything that crosses from a caller's
// thread to an engine lcore. Lives in its channel's arena, with lines, errors, indices and private
// bytes behind it.
struct Request {
  // caller: wo until posted; then lcore, caller: ro
  uint16_t nb_recipients;
  uint16_t port;  // index of the engine's port
  uint16_t payload_sum;
  uint32_t payload_len;
  uint8_t* payload;  // arena block with a hold of this request; null if empty
  rte_iova_t payload_iova;
  HeaderLine* lines;
  uint8_t* private_bytes;
  uint32_t* indices;       // caller only: place of each recipient in the call
  uint64_t socket_cookie;  // caller only
  uint64_t bytes;          // caller only: of all datagrams, with their headers
  uint64_t call;           // caller only: number of the call that posted it
  Request* caller_next;    // caller only: its outstanding requests

  // lcore only
  Request* next;       // in its port's queue
  rte_mbuf* view;      // this request's mbuf on the payload, once one is needed
  uint16_t assembled;  // recipients [0, assembled) are in the port's burst or further
  uint16_t finished;   // recipients accepted or failed
  uint16_t failed;

  // lcore: wo until done; caller: ro from then on
  uint8_t* errors;  // errno per recipient
  // caller: w, also after posting; lcore: r. Nobody waits: errors are counted, not reported
  std::atomic<bool> nobody_waits;
  // lcore: stores 1 with release when every recipient is accepted or failed; caller: acquire
  std::atomic<uint32_t> done;
  // One hold each: the caller, the lcore until done, the view until its last mbuf is released.
  std::atomic<uint32_t> holds;
  // The view's reference count for append segments; outlives the view's own mbuf.
  rte_mbuf_ext_shared_info shared_info;
};

// Gives back one hold; with the last one, the payload's and the request's places in their arenas.
inline void ReleaseRequest(Request* request) {
  if (request->holds.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (request->payload != nullptr) Arena::Release(request->payload);
  Arena::Release(request);
}

}  // namespace groupcast
