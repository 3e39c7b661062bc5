// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/datapath/header_line.h"
#include "engine/datapath/prefetch.h"
#include "engine/datapath/send_progress.h"
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

struct Request;

// What a caller says of recipients of one groupcast that leave by one TX queue.
struct alignas(64) PostedRequest {
  // caller: wo until posted; then lcore, caller: ro
  uint16_t nb_recipients;
  uint16_t port;         // index of the engine's port
  uint16_t payload_sum;  // folded, as if it started at an even place
  uint16_t nb_segments;  // of the payload; 0: it is empty
  Sharing sharing;
  // Most of the IPv4 time to live or the IPv6 hop limit, whatever the lines say; 0: as they say.
  uint8_t hop_limit;
  bool adopted;  // `view` is a received mbuf, whose data the payload is
  bool alike;    // all lines are known to leave alike (LeaveAlike())
  // The caller keeps lines and payload until it is done, and has no holds for them, unless it
  // leaves before (LeaveRequest()).
  bool caller_keeps;
  // Somebody waits until the payload was read, which the driver tells only if it is asked.
  bool followed;
  // Whether line_holds and payload_holds are of Holds (GiveBack()).
  bool lines_have_places;
  bool payload_has_places;
  uint16_t prepend_len;  // bytes, of everybody, unless `privates` says otherwise
  uint16_t append_len;
  uint32_t payload_len;
  const PayloadSegment* segments;
  const HeaderLine* lines;
  const uint16_t* sums;          // as PrivatePart::sum, by recipient, if they have private bytes
  const uint8_t* private_bytes;  // of one recipient behind the other's
  std::atomic<uint32_t>* payload_holds;  // of the segments' memory, one is this request's; or null

  // On the second line.
  PayloadSegment own_segment;         // a payload in one block
  std::atomic<uint32_t>* line_holds;  // of the lines' memory, one is this request's until done; or
                                      // null: they lie behind the request, or its send has one
  SendProgress* progress;             // of an asynchronous send, until done; or null
  // Of an asynchronous send that waits for that, until nobody reads the payload; or null.
  SendProgress* reading;
  const PrivatePart* privates;  // by recipient, if they are not all of one length; or null
  ErrorCounts* error_counts;    // where failures are counted that nobody waits for; or null

  // On the third line.
  uint8_t* errors;  // errno per recipient; lcore: wo until done; caller: ro from then on
  // Callers only.
  HeaderLine* own_lines;       // to write `lines`, if they lie here
  uint16_t* own_sums;          // to write `sums`
  PrivatePart* own_privates;   // to write `privates`
  uint8_t* own_private_bytes;  // to write `private_bytes`
  uint32_t* indices;           // place of each recipient in the call
  Request* caller_next;        // its outstanding requests
};
static_assert(sizeof(PostedRequest) == 3 * 64);

// Everything that crosses from a caller's thread to an engine lcore. Lives in its channel's arena,
// with its arrays behind it.
struct Request : PostedRequest {
  // lcore only, set by StartRequest(), on a line of their own: nobody who waits takes it from the
  // lcore that counts, and nobody who posts writes it.
  alignas(64) Request* next;  // in its port's queue
  rte_mbuf* view;             // this request's mbufs on the payload, once one is needed
  uint16_t assembled;         // recipients [0, assembled) are in the port's burst or further
  uint16_t finished;          // recipients accepted or failed
  uint16_t failed;
  bool viewed;  // there is a view, with its share of `uses`
  bool complete;
  unsigned lcore;  // that made the view
  bool read;  // the driver has said so, and keeps the view; its share of readers is given back.
              // Its mbufs are freed by this lcore, or when that does not look any more
  // The view's reference count; outlives the view's own mbufs.
  rte_mbuf_ext_shared_info shared_info;

  // Both, with atomics.
  alignas(64) std::atomic<uint32_t> uses;  // RequestUses
  // caller: w, also after posting; lcore: r. Nobody waits: errors are counted, not reported
  std::atomic<bool> nobody_waits;

  // Callers only.
  uint64_t socket_cookie;
  uint64_t bytes;  // of all datagrams, with their headers
  uint64_t call;   // number of the call that posted it
  // Where LeaveRequest() takes holds for those who give them back at line_holds and payload_holds.
  std::atomic<uint32_t>* lines_taken;
  std::atomic<uint32_t>* payload_taken;
};
static_assert(sizeof(Request) == 5 * 64);

// The lcore, which will want what the caller wrote, and a place for its own.
inline void PrefetchRequest(const Request* request) {
  const auto* line = reinterpret_cast<const uint8_t*>(request);
  rte_prefetch0(line);
  rte_prefetch0(line + 64);
  PrefetchToWrite(&request->next);
  PrefetchToWrite(&request->uses);
}

// The lcore, before anything else.
inline void StartRequest(Request* request) {
  request->next = nullptr;
  request->view = nullptr;
  request->assembled = request->finished = request->failed = 0;
  request->viewed = request->complete = request->read = false;
  if (request->progress != nullptr) rte_prefetch0(request->progress);
  if (request->sums == nullptr) return;
  // And the first private bytes.
  const auto* sums = reinterpret_cast<const uint8_t*>(request->sums);
  for (size_t line = 0; line < 3; line++) rte_prefetch0(sums + 64 * line);
}

inline PrivatePart PartOf(const Request& request, uint16_t recipient) {
  if (request.privates != nullptr) return request.privates[recipient];
  const uint32_t len = uint32_t{request.prepend_len} + request.append_len;
  if (len == 0) return {};
  return {recipient * len, request.prepend_len, request.append_len, request.sums[recipient]};
}

}  // namespace groupcast
