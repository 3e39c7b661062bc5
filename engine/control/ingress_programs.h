// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "engine/control/claim_map.h"

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
  ClaimMap& claims() { return claims_; }

 private:
  explicit IngressPrograms(bpf_object* object);

  bpf_object* object_;
  int take_, leave_, ports_;  // descriptors of programs and of a map, all the object's
  ClaimMap claims_;
};

}  // namespace groupcast
