// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <memory>

#include "engine/control/bpf/ingress_maps.h"
#include "engine/datapath/ingress.h"

struct bpf_object;

namespace groupcast {

// The programs that share datagrams for claimed addresses out between the engine's packet sockets
// and the kernel's UDP sockets (bpf/ingress.bpf.c). In the kernel as long as this object, or a
// socket that one is attached to. One thread at a time.
class IngressPrograms {
 public:
  // kPermissionDenied: CAP_BPF (or root) is missing; others: the kernel refuses them.
  static absl::StatusOr<std::unique_ptr<IngressPrograms>> Load();
  ~IngressPrograms();
  IngressPrograms(const IngressPrograms&) = delete;
  IngressPrograms& operator=(const IngressPrograms&) = delete;

  // On a packet socket: it gets what the engine takes, and nothing else.
  absl::Status AttachTake(int packet_socket);
  // On the UDP socket of a claim: it gets all the rest.
  absl::Status AttachLeave(int udp_socket);

  // IP packets of up to `longest` bytes are taken from this interface.
  absl::Status SetPort(uint32_t interface, uint32_t longest);
  absl::Status Claim(const IngressClaim::Key& key);
  void Unclaim(const IngressClaim::Key& key);
  // What was counted of it, by ingress_count.
  std::array<uint64_t, INGRESS_COUNTS> Counts(const IngressClaim::Key& key) const;

 private:
  explicit IngressPrograms(bpf_object* object);

  bpf_object* object_;
  int take_, leave_;    // descriptors of programs,
  int claims_, ports_;  // and of maps; all the object's
};

}  // namespace groupcast
