// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "groupcast/sendgroup.h"
#include "tests/kernel/namespaces.h"

namespace groupcast {

sockaddr_in Endpoint(uint32_t address, uint16_t udp_port);

// A descriptor that closes itself.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();
  operator int() const { return fd_; }
  void Set(int level, int option, int value) const;

 private:
  int fd_;
};

// A bound UDP socket in the calling thread's namespace.
Socket BoundSocket(uint32_t address = 0, uint16_t udp_port = 0);

// Bytes that differ along the payload and between payloads.
std::string Pattern(size_t length, unsigned seed = 1);

// What differs between sendgroup() and sendgroup6().
struct Ipv4Call {
  using Buffer = giobuf;
  using Recipient = giovec;
  using Address = sockaddr_in;
  static constexpr auto kSend = sendgroup;
};
struct Ipv6Call {
  using Buffer = giobuf6;
  using Recipient = giovec6;
  using Address = sockaddr_in6;
  static constexpr auto kSend = sendgroup6;
};

// One sendgroup() call with everything it needs, which may be made again.
template <typename Call>
class BasicGroupcast {
 public:
  using Address = typename Call::Address;
  using Buffer = typename Call::Buffer;
  using Recipient = typename Call::Recipient;

  explicit BasicGroupcast(std::string shared) : shared_(std::move(shared)) {}

  BasicGroupcast& Add(const Address& to, std::string prepend = {}, std::string append = {});
  // IPv4 recipients first, first + 1, …, all at one UDP port.
  BasicGroupcast& AddRange(uint32_t first, size_t count, uint16_t udp_port);

  // The structures that Send() passes, for tests that spoil them.
  Buffer* buf();
  size_t size() const { return recipients_.size(); }

  // What the call returns. `error` is its errno, which is kUntouched if it did not set one, and
  // `errnos` what it said of each recipient.
  int Send(int sd, int flags = 0);
  // sendmsg() of the same datagram on the same socket; returns its errno, 0 where sent.
  int KernelSend(int sd, size_t recipient, int flags = 0);

  static constexpr int kUntouched = 12345;
  std::vector<int> errnos;
  int error = kUntouched;

 private:
  struct Kept {
    Address to;
    std::string prepend, append;
  };
  std::string shared_;
  std::deque<Kept> recipients_;
  std::vector<char> storage_;
};
extern template class BasicGroupcast<Ipv4Call>;
extern template class BasicGroupcast<Ipv6Call>;
using Groupcast = BasicGroupcast<Ipv4Call>;
using Groupcast6 = BasicGroupcast<Ipv6Call>;

struct Datagram {
  uint32_t to;  // the address it was sent to
  sockaddr_in from;
  std::string payload;
};

// A receiver with room for tens of thousands of datagrams, which tells if it lost any itself.
class Sink {
 public:
  Sink(const NetworkNamespace& where, uint16_t udp_port, uint32_t address = 0);

  // In the order of arrival: waits until `count` are there or nothing came for `patience_ms`, and
  // then takes what came too many.
  std::vector<Datagram> Receive(size_t count, int patience_ms = 10000);
  // The same without waiting for what may come too many: what is there by then is taken.
  std::vector<Datagram> ReceiveSoFar(size_t count, int patience_ms = 10000);

 private:
  bool ReceiveOne(int timeout_ms, std::vector<Datagram>* received);

  Socket sd_{-1};
};

// Each address of [first, first + count) exactly once, each with this payload.
void ExpectExactlyOnce(const std::vector<Datagram>& received, uint32_t first, size_t count,
                       const std::string& payload);

// Whole frames of UDP (fragments included) as they arrive at a device, of one family.
class Capture {
 public:
  Capture(const NetworkNamespace& where, const std::string& device, int family = AF_INET);
  // Waits for `count` frames, and a moment more for those that should not come.
  std::vector<std::string> Take(size_t count);

 private:
  Socket sd_{-1};
  int family_;
};

// A router's ICMP message to kTxAddress about an IPv4 frame that was too large for the next wire.
void TellFragmentationNeeded(const NetworkNamespace& router, const std::string& frame,
                             uint16_t mtu);

// Waits for an entry of a socket's error queue, and returns its errno; 0 if none comes.
int QueuedErrno(int sd);

// The first bytes of a frame, for messages.
inline constexpr size_t kHexBytes = 70;
std::string Hex(const std::string& bytes);

// How many packets the receiving kernel's per-CPU backlogs lost since boot, for the message of a
// test that misses some: then the host was too busy, and neither sender nor wire is to blame.
std::string SoftnetDrops();

// How much a counter has grown since this object was made.
class Counted {
 public:
  Counted();
  int64_t operator()(const char* name) const;

 private:
  std::vector<std::pair<std::string, uint64_t>> before_;
};

}  // namespace groupcast
