// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/datapath/arena.h"
#include "engine/datapath/header_line.h"
#include "engine/datapath/shared_payload.h"

namespace groupcast {

// Written to Request::errors[i] for a recipient that a stopping engine never started: its caller
// sends it by the kernel instead.
inline constexpr uint8_t kNotStarted = 255;

// Recipients per request: enough to amortise posting, few enough that the first packets leave while
// the caller resolves the next ones, and far below what a 16-bit reference count can hold.
inline constexpr uint16_t kMaxRecipients = 64;

// Of a registered group, whose lines are not copied.
inline constexpr uint16_t kMaxGroupRecipients = 512;

// How many recipients failed, by errno.
struct ErrorCounts {
  std::array<std::atomic<uint64_t>, 256> by_errno{};  // lcore: w; any thread: r
};

// What an asynchronous send leaves for whoever asks how far it is.
struct SendProgress {
  std::atomic<uint32_t> requests_left{0};     // not yet accepted or failed
  std::atomic<uint32_t> requests_reading{0};  // whose payload may still be read
  std::atomic<uint64_t> failed{0};            // recipients
};

// Recipients of one groupcast that leave by one TX queue: everything that crosses from a caller's
// thread to an engine lcore. Lives in its channel's arena, with its arrays behind it.
struct alignas(64) Request {
  // caller: wo until posted; then lcore, caller: ro
  uint16_t nb_recipients;
  uint16_t port;         // index of the engine's port
  uint16_t payload_sum;  // folded, as if it started at an even place
  uint16_t nb_segments;  // of the payload; 0: it is empty
  Sharing sharing;
  // Most of the IPv4 time to live or the IPv6 hop limit, whatever the lines say; 0: as they say.
  uint8_t hop_limit;
  bool adopted;  // `view` is a received mbuf, whose data the payload is
  bool uniform;  // the private parts are of one length each, these:
  uint16_t prepend_len;
  uint16_t append_len;
  uint32_t payload_len;
  const PayloadSegment* segments;
  const HeaderLine* lines;
  const PrivatePart* privates;  // by recipient; null: nobody has private bytes
  const uint8_t* private_bytes;
  uint8_t* errors;            // errno per recipient; lcore: wo until done; caller: ro from then on
  ErrorCounts* error_counts;  // where failures are counted that nobody waits for; or null
  std::atomic<uint32_t>* payload_holds;  // of the segments' memory, one is this request's; or null
  std::atomic<uint32_t>* line_holds;  // of the lines' memory, one is this request's until done; or
                                      // null: they lie behind the request
  SendProgress* progress;             // of an asynchronous send, until done; or null
  // Of an asynchronous send that waits for that, until nobody reads the payload; or null.
  std::atomic<uint32_t>* requests_reading;
  PayloadSegment own_segment;  // a payload in one block

  // caller only
  HeaderLine* own_lines;       // to write `lines`, if they lie here
  PrivatePart* own_privates;   // to write `privates`
  uint8_t* own_private_bytes;  // to write `private_bytes`
  uint32_t* indices;           // place of each recipient in the call
  uint64_t socket_cookie;
  uint64_t bytes;        // of all datagrams, with their headers
  uint64_t call;         // number of the call that posted it
  Request* caller_next;  // its outstanding requests

  // lcore only, on a line of their own: nobody who waits takes it from the lcore that counts.
  alignas(64) Request* next;  // in its port's queue
  rte_mbuf* view;             // this request's mbufs on the payload, once one is needed
  uint16_t assembled;         // recipients [0, assembled) are in the port's burst or further
  uint16_t finished;          // recipients accepted or failed
  uint16_t failed;
  // The view's reference count; outlives the view's own mbufs.
  rte_mbuf_ext_shared_info shared_info;

  // Both, with atomics.
  // lcore: stores 1 with release when every recipient is accepted or failed; caller: acquire
  alignas(64) std::atomic<uint32_t> done;
  // caller: w, also after posting; lcore: r. Nobody waits: errors are counted, not reported
  std::atomic<bool> nobody_waits;
  // One hold each: the caller, the lcore until done, the view until its last mbuf is released.
  std::atomic<uint32_t> holds;
  // Who may still read the payload: the lcore until done, the view until its last mbuf is released.
  std::atomic<uint32_t> readers;
};

// All recipients' private parts are like this one.
inline void NoteUniform(const PrivatePart& part, Request* request) {
  request->uniform = true;
  request->prepend_len = part.prepend_len;
  request->append_len = part.append_len;
}

// Gives back one hold; with the last one, the request's place in its arena.
inline void ReleaseRequest(Request* request) {
  if (request->holds.fetch_sub(1, std::memory_order_acq_rel) == 1) Arena::Release(request);
}

// One reader less; with the last one the payload is given back.
inline void EndReading(Request* request) {
  if (request->readers.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  std::atomic<uint32_t>* requests_reading = request->requests_reading;
  // Both publish that nobody reads the payload for this request any more.
  if (request->payload_holds != nullptr) {
    request->payload_holds->fetch_sub(1, std::memory_order_release);
  }
  if (requests_reading != nullptr) requests_reading->fetch_sub(1, std::memory_order_release);
}

}  // namespace groupcast
