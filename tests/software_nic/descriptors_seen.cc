// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/software_nic/descriptors_seen.h"

#include <rte_atomic.h>
#include <rte_vhost.h>

#include <climits>

namespace groupcast {
namespace {

constexpr int kMostDevices = 16;
constexpr uint16_t kWrap = 1 << 15;  // in rte_vhost_get_vring_base()'s index of a packed ring

// Virtio 1.1, 2.6.5 and 2.7.13. <linux/virtio_ring.h>, which has them, is no C++.
struct SplitDescriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
struct PackedDescriptor {
  uint64_t address;
  uint32_t length;
  uint16_t id;
  uint16_t flags;
};
constexpr uint16_t kNext = 1, kIndirect = 4, kAvailable = 1 << 7, kUsed = 1 << 15;
constexpr uint64_t kRingPacked = 1ULL << 34;  // a feature

// The device of the socket; -1 without a peer.
int DeviceOf(const std::string& socket_path) {
  for (int vid = 0; vid < kMostDevices; vid++) {
    char name[PATH_MAX];
    if (rte_vhost_get_ifname(vid, name, sizeof(name)) == 0 && socket_path == name) return vid;
  }
  return -1;
}

unsigned OfSplit(const rte_vhost_vring& ring, uint16_t at) {
  const auto* available =
      reinterpret_cast<const volatile uint16_t*>(ring.avail);  // flags, index, …
  if (available[1] == at) return 0;
  rte_smp_rmb();
  const auto* table = reinterpret_cast<const SplitDescriptor*>(ring.desc);
  const SplitDescriptor* descriptor = &table[available[2 + at % ring.size]];
  if ((descriptor->flags & kIndirect) != 0) {
    return descriptor->length / static_cast<unsigned>(sizeof(SplitDescriptor));
  }
  unsigned count = 1;
  for (; (descriptor->flags & kNext) != 0 && count <= ring.size; count++) {
    descriptor = &table[descriptor->next];
  }
  return count;
}

unsigned OfPacked(const rte_vhost_vring& ring, uint16_t base) {
  const uint16_t at = base & static_cast<uint16_t>(~kWrap);
  const bool wrap = (base & kWrap) != 0;
  const auto* table = reinterpret_cast<const volatile PackedDescriptor*>(ring.desc_packed);
  const uint16_t flags = table[at].flags;
  if (((flags & kAvailable) != 0) != wrap || ((flags & kUsed) != 0) == wrap) return 0;
  rte_smp_rmb();
  if ((flags & kIndirect) != 0) {
    return table[at].length / static_cast<unsigned>(sizeof(PackedDescriptor));
  }
  unsigned count = 1;
  while ((table[(at + count - 1) % ring.size].flags & kNext) != 0 && count <= ring.size) count++;
  return count;
}

}  // namespace

unsigned DescriptorsSeen::Next() {
  const int vid = DeviceOf(socket_path_);
  uint64_t features = 0;
  uint16_t base = 0, used = 0;
  rte_vhost_vring ring{};
  if (vid < 0 || rte_vhost_get_negotiated_features(vid, &features) != 0 ||
      rte_vhost_get_vring_base(vid, vring_, &base, &used) != 0 ||
      rte_vhost_get_vhost_vring(vid, vring_, &ring) != 0 || ring.desc == nullptr) {
    return 0;
  }
  return (features & kRingPacked) != 0 ? OfPacked(ring, base) : OfSplit(ring, base);
}

}  // namespace groupcast
