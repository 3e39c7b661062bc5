// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Relaying: what comes to UDP sockets goes to a group. With an engine, datagrams are taken from its
// ports' receive queues before the kernel hands them to the sockets, and the received memory itself
// is what the members' packets share: nothing is copied. What the engine can't take arrives at the
// sockets as ever, and is sent by whoever calls Forward(); without an engine everything does.
#ifndef GROUPCAST_INGRESS_H_
#define GROUPCAST_INGRESS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "groupcast/export.h"
#include "groupcast/group.h"

namespace groupcast {

// How fast a group's packets may leave by the engine: a token bucket, so that a large group does
// not overrun the first switch. Members that go by the kernel are not held back.
struct Pacing {
  // Of frames, from the Ethernet header on: 1e3 to 1e12; 0: no limit.
  double bits_per_s = 0;
  // That may leave at once after a pause; at least a frame of the ports' largest MTU counts.
  uint32_t burst_bytes = 65536;
};

// Each recipient gets an RTP header (RFC 3550) of its own, the packet's other bytes stay shared:
// its own SSRC, and offsets of sequence number and timestamp, all random and the same as long as
// the Ingress lives. Sequence numbers stay continuous for each recipient when the source restarts,
// or another takes its place; timestamps go on by the time that passed. (From one engine to the
// next, and where a new source's first datagrams come to the socket, they begin anew.)
struct Rtp {
  uint32_t clock_rate = 90000;  // ticks of the timestamp per second (RFC 3551)
};

struct IngressOptions {
  Strategy strategy = Strategy::kAuto;
  Pacing pacing{};
  std::optional<Rtp> rtp{};  // what is no RTP data packet (RTCP, too) is dropped, and counted
};

// Counted since the Ingress was made.
struct IngressStatistics {
  uint64_t engine_datagrams = 0;   // taken from the engine's ports
  uint64_t socket_datagrams = 0;   // received by Forward()
  uint64_t bytes = 0;              // of their payloads
  uint64_t sent = 0;               // recipients' datagrams without an error
  uint64_t sent_by_engine = 0;     // of these, straight from the receive queue
  std::map<int, uint64_t> errors;  // recipients' datagrams that failed, by errno
  // Datagrams that were not sent to anybody:
  uint64_t bad_checksum =
      0;                    // of UDP, told by the engine; the kernel counts its own (InCsumErrors)
  uint64_t filtered = 0;    // of a source that is none of the socket's
  uint64_t not_rtp = 0;     // in an RTP group
  uint64_t expired = 0;     // came with a time to live or hop limit of 1
  uint64_t queue_full = 0;  // came to the engine while 256 of the group waited
  uint64_t overflow = 0;    // came to a socket whose buffer was full
  uint64_t unsent = 0;      // received, and given up at the end, or without memory
  // And what is worth knowing:
  uint64_t late = 0;          // waited for more than 10 ms in the engine: too many, or the rate
  uint64_t rtp_restarts = 0;  // of the source
  // Datagrams that came to the engine's ports and were left to the sockets:
  uint64_t left_gso = 0;       // frames of several (UDP_SEGMENT, GRO)
  uint64_t left_fragment = 0;  // IP fragments
  uint64_t left_header = 0;    // IP options
  uint64_t left_long = 0;      // longer than the port's receive buffers
};

// Threads: any; Forward() by one at a time. Not in a child forked after its creation. Movable by
// one thread while no other uses it.
class GROUPCAST_API Ingress {
 public:
  // Relays to `group`, which may be changed and sent to by others all the time, and may be gone
  // before this is. At most one for a group.
  //   kInvalidArgument     an option is out of range.
  //   kFailedPrecondition  the group has one already.
  //   kResourceExhausted   no memory, or no descriptor is free.
  [[nodiscard]] static absl::StatusOr<Ingress> Create(const Group& group,
                                                      const IngressOptions& options = {});

  // Adds what comes to `sd`, a bound UDP socket: to its address, which may be a multicast group
  // that it has joined (bind that itself, so that the engine sees it), to its interface only if it
  // is bound to one (SO_BINDTOIFINDEX), and from `sources` only unless that is empty. The Ingress
  // keeps a descriptor of its own; nobody else should read from the socket, nor set a filter on it
  // (SO_ATTACH_FILTER). Where the engine takes its datagrams, Linux counts them as InErrors of UDP.
  // Packet filters (nftables' input hook) don't see those. It begins when what the socket had
  // received before is forwarded, so that nothing is overtaken, or a second later. The engine needs
  // CAP_BPF for it on net_af_packet and net_af_xdp; without, this is said once in the log, and all
  // come to the socket.
  //   kInvalidArgument    `sd` is not open, not UDP, not bound, or connected.
  //   kResourceExhausted  no descriptor is free.
  absl::Status Add(int sd, absl::Span<const in6_addr> sources = {});

  // A descriptor (epoll, eventfd) that is readable while there is something for Forward(). Owned by
  // the Ingress.
  int event_fd() const;

  // Sends what came to the sockets, up to `most` datagrams, and what the engine could not send by
  // itself, to members that do not answer ARP for instance. Blocks as Group::Send() does, and never
  // for datagrams to come. Errors of members are added to `errors` unless it is null. Returns how
  // many datagrams were dealt with; fewer than `most`: there were no more.
  size_t Forward(size_t most, std::vector<MemberError>* errors = nullptr);

  // Gives up what waits at the sockets and what the engine has left, for at most a quarter of a
  // second; returns how many datagrams that were. Threads: as Forward().
  uint64_t Discard();

  // Nothing is taken by the engine any more: all that comes from now on comes to the sockets.
  void Release();

  // Whether the engine still has to send of what it has received, or has left something for
  // Forward().
  bool busy() const;

  // Whether an attached engine receives for each of the sockets, or can't: false for a moment
  // behind groupcast_attach() and Add(), while what had come to the socket before is forwarded, and
  // while the next hops of the group's members are asked for. True without an engine.
  bool settled() const;

  IngressStatistics statistics() const;

  Ingress(Ingress&&) noexcept;
  Ingress& operator=(Ingress&&) noexcept;
  // Nothing is received any more; what the engine has received is still sent, for at most a second,
  // for which this blocks.
  ~Ingress();

  class State;

 private:
  explicit Ingress(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace groupcast

#endif  // GROUPCAST_INGRESS_H_
