// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bench/peers/load.h"

namespace groupcast {

// One of the kernel's ways to send the same to many.
class Peer {
 public:
  virtual ~Peer() = default;

  // One groupcast, to every recipient. Afterwards the load may change.
  virtual void Send() = 0;
  // Waits for what is still on its way.
  virtual void Finish() {}

  // Datagrams that the kernel did not take, by errno.
  const std::map<int, uint64_t>& errors() const { return errors_; }
  void ForgetErrors() { errors_.clear(); }

 protected:
  void CountError(int error) { errors_[error]++; }

 private:
  std::map<int, uint64_t> errors_;
};

struct PeerOptions {
  std::string name;  // one of kPeerNames
  // io_uring: how many may be on their way at once. af_packet_ring: frames a system call sends.
  unsigned batch = 256;
  // Of af_packet_ring only, which has neither routes nor neighbours.
  std::string device;
  std::string next_hop_mac;
  bool qdisc_bypass = false;
};

inline constexpr const char* kPeerNames[] = {"sendmsg", "sendmmsg", "io_uring", "io_uring_zc",
                                             "af_packet_ring"};

// `load` has to outlive the peer. A way that this kernel or the library lacks, or that is forbidden
// here, is absl::StatusCode::kUnimplemented, with the reason.
absl::StatusOr<std::unique_ptr<Peer>> MakePeer(const PeerOptions& options, Load* load);

// In the files of their names.
absl::StatusOr<std::unique_ptr<Peer>> MakeIoUringPeer(const PeerOptions& options, Load* load);
absl::StatusOr<std::unique_ptr<Peer>> MakePacketRingPeer(const PeerOptions& options, Load* load);

}  // namespace groupcast
