// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/status.h>

#include <array>
#include <cstdint>

#include "engine/control/bpf/ingress_maps.h"
#include "engine/datapath/ingress.h"

namespace groupcast {

// The claimed addresses as one of our BPF programs knows them: a map that the kernel reads with
// each frame, so that changes count at once. Empty at first: all datagrams stay with the kernel.
// Any thread.
class ClaimMap {
 public:
  explicit ClaimMap(int descriptor) : descriptor_(descriptor) {}  // owned from here on
  ~ClaimMap();
  ClaimMap(const ClaimMap&) = delete;
  ClaimMap& operator=(const ClaimMap&) = delete;

  // Of a claim that is there already nothing changes. kResourceExhausted: the map is full.
  absl::Status Add(const IngressClaim::Key& key);
  void Remove(const IngressClaim::Key& key);
  // What was counted of a claim since it was added, by ingress_count; zeros if it is not there.
  std::array<uint64_t, INGRESS_COUNTS> Counts(const IngressClaim::Key& key) const;

 private:
  int descriptor_;
};

}  // namespace groupcast
