// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_common.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/datapath/shared_payload.h"

namespace groupcast {

class PortSetup;

// Whole pages of the application, and by which addresses devices read them.
struct MappedMemory {
  uint32_t instance = 0;  // RunningEngine::instance()
  uint8_t* begin = nullptr;
  size_t len = 0;
  size_t page = 0;
  std::vector<rte_iova_t> iovas;  // by page; empty: the process's own addresses

  // Adds [data, data + len), which lies inside, cut where its pages may lie apart. With an IOMMU,
  // too: a card would follow it over the boundary, but those that QEMU emulates drop such a packet
  // (net_tx_pkt_add_raw_fragment() maps as much as is contiguous behind the IOMMU).
  void PutSegments(const uint8_t* data, uint32_t len, std::vector<PayloadSegment>* segments) const;
};

// What of the application's memory the engine's devices read by themselves. Any thread.
class DeviceMemory {
 public:
  // Of those `ports` that read such memory.
  DeviceMemory(const std::vector<std::unique_ptr<PortSetup>>& ports, uint32_t instance);

  bool wanted() const { return !ports_.empty(); }
  // Maps the pages that these bytes are in, until Unmap(). The kernel keeps them where they are.
  //   kFailedPrecondition  they are mapped already, for others, or DPDK's; or, where physical
  //                        addresses count, no huge pages that are shared, which alone stay there.
  //   kResourceExhausted   the kernel refuses.
  absl::StatusOr<std::shared_ptr<const MappedMemory>> Map(const void* data, size_t len);
  // No device reads it any more, and none will.
  void Unmap(const std::shared_ptr<const MappedMemory>& memory);
  // Before the devices are closed.
  void UnmapAll();

 private:
  absl::Status MapRuns(const MappedMemory& memory);
  void UnmapRuns(const MappedMemory& memory, size_t end);

  std::vector<const PortSetup*> ports_;
  bool by_vfio_ = false;  // some of them: else nothing has to be told
  const uint32_t instance_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const MappedMemory>> mapped_;
};

}  // namespace groupcast
