// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/known_recipients.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "api/left_behind.h"
#include "api/seat.h"

namespace groupcast {
namespace {

// Family, port and address of a sockaddr_in; what else one may have is of other families.
uint64_t BeginningOf(const sockaddr* address) {
  static_assert(offsetof(sockaddr_in, sin_zero) == sizeof(uint64_t));
  uint64_t beginning;
  std::memcpy(&beginning, address, sizeof(beginning));
  return beginning;
}

// Whether lines of IPv4 destinations come out the same.
bool SendAlike(const UdpSocket& one, const UdpSocket& other) {
  return one.profile == other.profile && one.source == other.source &&
         one.source_port == other.source_port && one.mtu_discover == other.mtu_discover &&
         one.ttl == other.ttl && one.tos == other.tos && one.ipv4 == other.ipv4;
}

}  // namespace

bool KnownRecipients::Call::IsOf(const EngineUse& use, const UdpSocket& socket,
                                 size_t recnum) const {
  return recnum == recnum_ && socket.cookie == cookie_ && use.engine()->instance() == engine_ &&
         use.engine()->resolver().Revision() == revision_ && SendAlike(socket, socket_);
}

KnownRecipients::~KnownRecipients() {
  LeftBehind<KnownChunk>::Reap();
  // A signal handler has called exit(): what the interrupted call has posted has no hold on them.
  const bool amid_call = InCallHere();
  for (Call& call : calls_) {
    for (auto& chunk : call.chunks_) {
      if (chunk == nullptr) continue;
      if (amid_call) {
        LeftBehind<KnownChunk>::Keep(std::move(chunk));
      } else {
        LeftBehind<KnownChunk>::Leave(std::move(chunk));
      }
    }
  }
}

KnownRecipients::Call* KnownRecipients::Begin(const EngineUse& use, const UdpSocket& socket,
                                              size_t recnum) {
  if (recnum > kMost || use.engine()->ports() * use.engine()->lcores() != 1) return nullptr;
  const auto same = std::find_if(calls_.begin(), calls_.end(), [&](const Call& call) {
    return call.recnum_ == recnum && call.cookie_ == socket.cookie;
  });
  if (same != calls_.end() && same->IsOf(use, socket, recnum)) return &*same;
  Call& call = same != calls_.end() ? *same : calls_[oldest_++ % calls_.size()];
  call.cookie_ = socket.cookie;
  call.recnum_ = recnum;
  call.engine_ = use.engine()->instance();
  call.revision_ = use.engine()->resolver().Revision();
  call.socket_ = socket;
  for (auto& chunk : call.chunks_) {
    if (chunk != nullptr) chunk->n = 0;
  }
  return nullptr;
}

KnownChunk* KnownRecipients::Call::Find(const CallerBuffer& buf, size_t first, size_t n,
                                        uint32_t now_s) {
  const size_t place = first / kMaxRecipients;
  if (place >= chunks_.size() || chunks_[place] == nullptr) return nullptr;
  KnownChunk* chunk = chunks_[place].get();
  if (chunk->n != n || chunk->looked_s != now_s) return nullptr;
  for (size_t i = 0; i < n; i++) {
    if (BeginningOf(buf.Address(first + i)) != chunk->to[i]) return nullptr;
  }
  return chunk;
}

void KnownRecipients::Call::Learn(const CallerBuffer& buf, size_t first, size_t n,
                                  const HeaderLine* lines, uint32_t now_s) {
  const size_t place = first / kMaxRecipients;
  if (place >= chunks_.size()) chunks_.resize(place + 1);
  auto& chunk = chunks_[place];
  if (chunk == nullptr) chunk = std::make_unique<KnownChunk>();
  chunk->n = 0;
  if (chunk->in_use()) return;
  chunk->hops.clear();
  chunk->least_mtu = UINT32_MAX;
  for (size_t i = 0; i < n; i++) {
    const sockaddr* address = buf.Address(first + i);
    if (address->sa_family != AF_INET) return;
    const HeaderLine& line = lines[i];
    chunk->to[i] = BeginningOf(address);
    chunk->indices[i] = static_cast<uint32_t>(first + i);
    chunk->lines[i] = line;
    chunk->least_mtu = std::min<uint32_t>(chunk->least_mtu, line.path_mtu);
    const auto is_its = [&line](const LineChunk::Hop& hop) { return hop.index == line.next_hop; };
    if (std::find_if(chunk->hops.rbegin(), chunk->hops.rend(), is_its) == chunk->hops.rend()) {
      chunk->hops.push_back({line.next_hop, line.next_hop_tag});
    }
  }
  chunk->alike = LeaveAlike(lines, n);
  chunk->usable_at = UINT64_MAX;
  chunk->looked_s = now_s;
  chunk->n = static_cast<uint16_t>(n);
}

}  // namespace groupcast
