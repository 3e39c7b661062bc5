// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "api/call_requests.h"
#include "api/caller_buffer.h"
#include "api/known_recipients.h"
#include "api/seat.h"
#include "api/udp_socket.h"

namespace groupcast {

// ROOM 1: one groupcast on the caller's thread: recipients are resolved, given header lines and
// posted to their lcores, and waited for. What the engine can't send ends in by_kernel().
class EnginePath {
 public:
  // `call`: an earlier call of this thread that this one belongs to; 0: none.
  EnginePath(const EngineUse& use, const UdpSocket& socket, const CallerBuffer& buf, size_t recnum,
             bool nonblocking, uint64_t call, int* gerrno);
  EnginePath(const EnginePath&) = delete;
  EnginePath& operator=(const EnginePath&) = delete;

  // Returns how many recipients the engine sent to.
  size_t Send();
  // Waits until the ports took what this thread's earlier calls on this socket posted, so that a
  // datagram by the kernel does not overtake one by the engine. False: it may not wait for that, or
  // not any longer.
  bool AwaitEarlier() { return requests_.AwaitEarlier(); }
  // The recipients left for the kernel, in the order of the call.
  std::span<const uint32_t> by_kernel();
  // Ends these recipients with EAGAIN.
  void WouldBlock(std::span<const uint32_t> indices);

 private:
  struct Recipient {
    uint32_t index;  // in the call
    Destination to;
  };
  // The recipients of the next request to one port and lcore. Their lines are written here and then
  // copied in one run: those of the request the lcore had last.
  struct Staged {
    std::array<HeaderLine, kMaxRecipients> lines;
    std::array<uint32_t, kMaxRecipients> indices;
    size_t n = 0;
  };
  // Of this thread, reused between calls.
  struct Buffers {
    std::vector<Staged> staged;  // by port and lcore
    std::vector<Recipient> unresolved;
    std::vector<uint32_t> kernel;
    // For the kernel as well, but earlier datagrams to these may have gone by the engine.
    std::vector<uint32_t> switched;
    KnownRecipients known;
    ~Buffers();
  };
  static Buffers& ThreadBuffers();

  void SendWindow(uint32_t first, uint32_t end);
  bool SendKnown(KnownChunk* chunk, uint32_t first);
  void Resolve(std::span<const Recipient> recipients);
  void Place(const Recipient& recipient, const Route& route);
  void Stage(const Recipient& recipient, const Route& route);
  void Flush();
  void Post(uint16_t port, size_t lcore, Staged* staged);
  // Of `n` staged ones from `first` on.
  Request* Build(uint16_t port, size_t lcore, const Staged& staged, size_t first, size_t n,
                 size_t private_len);
  // What differs between requests with lines of their own and those with known ones.
  Request* BuildFor(uint16_t port, size_t lcore, const Channel::Shape& shape);
  bool Finish(Request* request, size_t lcore, size_t private_len);
  void PutPrivateParts(Request* request, uint32_t payload_len);
  // These end with EAGAIN, or by the kernel where the engine stops.
  void NoRoomFor(std::span<const uint32_t> indices);
  void AwaitNextHops();
  int64_t StillWaiting(std::vector<Recipient>* waiting, int64_t now_ns, int64_t resolve_wait_ns);
  // `engine_before`: earlier datagrams to it may have gone by the engine.
  void ToKernel(uint32_t index, Counter reason, bool engine_before);
  void Fail(uint32_t index, int error);
  void Gather(const Request& request);
  size_t DatagramLen(uint32_t index) const;
  // False where the engine can't send as the kernel would: whatever is wrong with a recipient, the
  // kernel is asked to say so in its own words.
  bool DestinationOf(uint32_t index, Destination* to) const;

  const EngineUse& use_;
  const UdpSocket& socket_;
  const CallerBuffer& buf_;
  size_t recnum_;
  bool nonblocking_;
  int* gerrno_;
  Buffers& buffers_;
  CallRequests requests_;
  KnownRecipients::Call* known_ = nullptr;
  uint32_t now_s_ = 0;        // with known_
  size_t staged_so_far_ = 0;  // recipients
  size_t engine_recipients_ = 0;
  size_t failed_ = 0;
};

}  // namespace groupcast
