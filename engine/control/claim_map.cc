// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/claim_map.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace groupcast {
namespace {

ingress_key KeyOf(const IngressClaim::Key& key) {
  ingress_key made{};
  std::memcpy(made.address, key.address.bytes.data(), sizeof(made.address));
  made.udp_port = key.udp_port;
  return made;
}

}  // namespace

ClaimMap::~ClaimMap() { close(descriptor_); }

absl::Status ClaimMap::Add(const IngressClaim::Key& key) {
  const ingress_key made = KeyOf(key);
  const ingress_claim claim{};
  if (bpf_map_update_elem(descriptor_, &made, &claim, BPF_NOEXIST) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  if (errno == E2BIG) {
    return absl::ResourceExhaustedError(
        "the kernel's programs know 8192 claimed addresses already");
  }
  return absl::ErrnoToStatus(errno, "BPF map of claimed addresses");
}

void ClaimMap::Remove(const IngressClaim::Key& key) {
  const ingress_key made = KeyOf(key);
  bpf_map_delete_elem(descriptor_, &made);
}

std::array<uint64_t, INGRESS_COUNTS> ClaimMap::Counts(const IngressClaim::Key& key) const {
  const ingress_key made = KeyOf(key);
  ingress_claim claim{};
  bpf_map_lookup_elem(descriptor_, &made, &claim);
  std::array<uint64_t, INGRESS_COUNTS> counts;
  std::copy(std::begin(claim.counts), std::end(claim.counts), counts.begin());
  return counts;
}

}  // namespace groupcast
