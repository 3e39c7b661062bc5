// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "api/caller_buffer.h"
#include "api/seat.h"
#include "api/udp_socket.h"
#include "engine/datapath/line_chunk.h"
#include "engine/datapath/prefetch.h"

namespace groupcast {

// Recipients in a row of a call, with the lines that an earlier one made of them.
struct KnownChunk {
  bool in_use() const { return holds.load(std::memory_order_acquire) != 0; }

  std::atomic<uint32_t> holds{0};  // requests that read the lines. owner, lcore: rw
  // The owning thread's from here on; not changed while it is in use.
  uint32_t looked_s = 0;   // when the routes were last looked up (CLOCK_MONOTONIC_COARSE, seconds)
  uint16_t n = 0;          // 0: nothing is known
  uint32_t least_mtu = 0;  // of the lines' path MTUs
  bool alike = false;      // all lines leave alike
  uint64_t usable_at = UINT64_MAX;  // Resolver::UsableChanges() for which all next hops were usable
  std::vector<LineChunk::Hop> hops;  // the different ones
  std::array<HeaderLine, kMaxRecipients> lines;
  std::array<uint64_t, kMaxRecipients> to;       // the beginnings of their sockaddr_in
  std::array<uint32_t, kMaxRecipients> indices;  // in the call
};

// What one thread's earlier calls resolved, for engines with one port and one lcore: a stream sent
// with sendgroup() has the same recipients in the same places each time, so that their lines are
// used as they are, like a registered group's. Once a second all are looked up as ever, which keeps
// the routes and next hops in use.
class KnownRecipients {
 public:
  static constexpr size_t kMost = 65536;  // recipients of a call

  // The recipients of calls of one shape.
  class Call {
   public:
    // [first, first + n) of a call, if they are who they were; null: to be resolved.
    KnownChunk* Find(const CallerBuffer& buf, size_t first, size_t n, uint32_t now_s);
    // The next ones will be asked for.
    void PrefetchNext(size_t first) const {
      const size_t place = first / kMaxRecipients + 1;
      if (place < chunks_.size() && chunks_[place] != nullptr)
        PrefetchToWrite(chunks_[place].get());
    }
    // They have these lines.
    void Learn(const CallerBuffer& buf, size_t first, size_t n, const HeaderLine* lines,
               uint32_t now_s);

   private:
    friend class KnownRecipients;
    bool IsOf(const EngineUse& use, const UdpSocket& socket, size_t recnum) const;
    uint64_t cookie_ = 0;
    size_t recnum_ = 0;
    uint32_t engine_ = 0;    // RunningEngine::instance()
    uint64_t revision_ = 0;  // Resolver::Revision()
    UdpSocket socket_;
    std::vector<std::unique_ptr<KnownChunk>> chunks_;
  };

  ~KnownRecipients();

  // What is known of calls like this one; null: it is the first one of its kind.
  Call* Begin(const EngineUse& use, const UdpSocket& socket, size_t recnum);

 private:
  std::array<Call, 4> calls_;
  size_t oldest_ = 0;
};

}  // namespace groupcast
