// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/groupcast-sink/sockets.h"
#include "tools/groupcast-sink/verifier.h"
#include "tools/recipients.h"

namespace groupcast {

struct ReceiverConfig {
  std::vector<Recipient> recipients;  // verifier's indices 0, 1, …
  std::vector<Recipient> watched;     // and on from there: another program receives these
  std::optional<Recipient> reference;
  size_t receive_buffer_bytes = 0;  // per socket; 0: so that all together have room for a groupcast
  size_t max_datagram_bytes = 0;
};

// The sockets of all recipients: one per UDP port, and what is read from them goes to a verifier.
class Receiver {
 public:
  static absl::StatusOr<std::unique_ptr<Receiver>> Create(const ReceiverConfig& config,
                                                          Verifier* verifier);

  // Waits at most `timeout_ms` and reads once from each socket that has something; the reference
  // first. Returns the number of datagrams read.
  size_t Poll(int timeout_ms);

  // Dropped by our own sockets: because one was full, or for a wrong UDP checksum.
  uint64_t OwnBufferDrops() const;
  uint64_t ReferenceDrops() const;
  // Since Create(), in the whole network namespace.
  uint64_t ChecksumErrors() const;
  // Arrived on one of our ports for an address that is no recipient.
  uint64_t unexpected() const { return unexpected_; }
  size_t sockets() const { return sockets_.size(); }

 private:
  enum class Kind : uint8_t { kOneRecipient, kManyRecipients, kWatched, kReference };

  struct Socket {
    FileDescriptor fd;
    Kind kind;
    uint16_t udp_port;
    uint32_t recipient;  // kOneRecipient, kWatched
  };

  static constexpr size_t kBatch = 64;
  // In place of a recipient's index: the reference.
  static constexpr uint32_t kReferenceIndex = UINT32_MAX;
  // Read in a row from one busy socket before the others have their turn.
  static constexpr int kBatchesPerTurn = 4;

  Receiver(const ReceiverConfig& config, Verifier* verifier);
  absl::Status Open(const ReceiverConfig& config);
  absl::Status Add(absl::StatusOr<FileDescriptor> fd, Kind kind, uint16_t udp_port,
                   uint32_t recipient);
  size_t Read(const Socket& socket);
  size_t ReadBatch(const Socket& socket);
  void Deliver(const Socket& socket, const mmsghdr& message, const uint8_t* bytes, uint64_t now_ns);
  void DeliverWatched(const Socket& socket, const mmsghdr& message, const uint8_t* packet,
                      uint64_t now_ns);

  Verifier* const verifier_;
  const size_t max_datagram_bytes_;
  const size_t buffer_bytes_;
  std::vector<Socket> sockets_;
  std::optional<size_t> reference_;                         // its own socket's index in sockets_
  absl::flat_hash_map<uint64_t, uint32_t> by_destination_;  // of kManyRecipients
  FileDescriptor epoll_;
  std::vector<epoll_event> events_;
  std::vector<uint8_t> buffers_;
  std::vector<mmsghdr> messages_;
  std::vector<iovec> iovecs_;
  std::vector<uint8_t> controls_;
  uint64_t unexpected_ = 0;
  uint64_t checksum_errors_before_ = 0;
};

}  // namespace groupcast
