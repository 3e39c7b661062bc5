// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/device_memory.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_vfio.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "engine/control/log.h"
#include "engine/control/port_setup.h"

namespace groupcast {
namespace {

// The kernel's account of a process's memory, proc_pid_smaps(5).
constexpr char kSmaps[] = "/proc/self/smaps";

bool ByAddress() { return rte_eal_iova_mode() != RTE_IOVA_PA; }

absl::Status NotThere(const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("devices read by physical addresses here: ", why,
                   "; memory that they are to read has to be of shared huge pages (mmap() with "
                   "MAP_SHARED | MAP_HUGETLB)"));
}

// The size of the pages that [begin, end) is in; an error where a device would not find them by
// physical addresses for sure.
absl::StatusOr<size_t> PageSize(uintptr_t begin, uintptr_t end) {
  std::ifstream smaps(kSmaps);
  size_t page = 0, page_here = 0;
  uintptr_t from = 0, to = 0, covered = begin;
  for (std::string line; covered < end && std::getline(smaps, line);) {
    uintptr_t a, b;
    size_t kib;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &a, &b) == 2) {
      from = a;
      to = b;
    } else if (std::sscanf(line.c_str(), "KernelPageSize: %zu kB", &kib) == 1) {
      page_here = kib * 1024;
    } else if (absl::StartsWith(line, "VmFlags:") && from <= covered && covered < to) {
      if (!ByAddress()) {
        if (!absl::StrContains(line, " ht")) return NotThere("these pages may be moved");
        if (!absl::StrContains(line, " sh")) return NotThere("these pages are copied with a fork");
        if (page != 0 && page != page_here) return NotThere("these are pages of two sizes");
      }
      page = page == 0 ? page_here : std::min(page, page_here);
      covered = to;
    }
  }
  if (covered < end) {
    return absl::FailedPreconditionError(absl::StrCat(kSmaps, " does not tell of these pages"));
  }
  return page;
}

// Where they are not by the process's addresses.
absl::Status FindIovas(MappedMemory* memory) {
  for (size_t offset = 0; offset < memory->len; offset += memory->page) {
    // Now it has a page.
    static_cast<void>(*static_cast<volatile const uint8_t*>(memory->begin + offset));
    const phys_addr_t iova = rte_mem_virt2phy(memory->begin + offset);
    if (iova == RTE_BAD_IOVA || iova == 0) {
      return NotThere("the kernel does not tell the addresses (CAP_SYS_ADMIN is needed)");
    }
    memory->iovas.push_back(iova);
  }
  return absl::OkStatus();
}

struct Run {
  uint8_t* memory;
  size_t len;
  rte_iova_t iova;
};

// From `offset` on what is contiguous.
Run RunAt(const MappedMemory& memory, size_t offset) {
  if (memory.iovas.empty()) {
    return {memory.begin, memory.len, reinterpret_cast<uintptr_t>(memory.begin)};
  }
  const size_t first = offset / memory.page;
  size_t next = first + 1;
  while (next < memory.iovas.size() && memory.iovas[next] == memory.iovas[next - 1] + memory.page) {
    next++;
  }
  return {memory.begin + offset, (next - first) * memory.page, memory.iovas[first]};
}

}  // namespace

void MappedMemory::PutSegments(const uint8_t* data, uint32_t length,
                               std::vector<PayloadSegment>* segments) const {
  const PayloadSegment* before = nullptr;
  for (uint32_t done = 0; done < length;) {
    const auto offset = static_cast<size_t>(data + done - begin);
    const auto n = static_cast<uint32_t>(std::min<size_t>(length - done, page - offset % page));
    const rte_iova_t iova = iovas.empty() ? reinterpret_cast<uintptr_t>(data + done)
                                          : iovas[offset / page] + offset % page;
    if (before != nullptr && !iovas.empty() && before->iova + before->len == iova) {
      segments->back().len += n;
    } else {
      segments->push_back({data + done, iova, n});
    }
    before = &segments->back();
    done += n;
  }
}

DeviceMemory::DeviceMemory(const std::vector<std::unique_ptr<PortSetup>>& ports, uint32_t instance)
    : instance_(instance) {
  for (const auto& port : ports) {
    if (!port->ReadsMappedMemory()) continue;
    ports_.push_back(port.get());
    by_vfio_ = by_vfio_ || port->BoundToVfio();
  }
}

absl::StatusOr<std::shared_ptr<const MappedMemory>> DeviceMemory::Map(const void* data,
                                                                      size_t len) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  auto memory = std::make_shared<MappedMemory>();
  memory->instance = instance_;
  const auto page = PageSize(address, address + len);
  if (!page.ok()) return page.status();
  memory->page = *page;
  const uintptr_t begin = RTE_ALIGN_FLOOR(address, memory->page);
  memory->begin = reinterpret_cast<uint8_t*>(begin);
  memory->len = RTE_ALIGN_CEIL(address + len, memory->page) - begin;
  if (rte_mem_virt2memseg_list(memory->begin) != nullptr ||
      rte_mem_virt2memseg_list(memory->begin + memory->len - 1) != nullptr) {
    return absl::FailedPreconditionError("it is DPDK's own memory");
  }
  if (!ByAddress()) {
    if (absl::Status status = FindIovas(memory.get()); !status.ok()) return status;
  }
  const std::lock_guard lock(mutex_);
  // VFIO takes what it has a part of already for all of it.
  for (const auto& other : mapped_) {
    if (memory->begin < other->begin + other->len && other->begin < memory->begin + memory->len) {
      return absl::FailedPreconditionError(
          "a page of it is that of other registered memory, too; register whole pages, or all "
          "that a page has at once");
    }
  }
  if (absl::Status status = MapRuns(*memory); !status.ok()) return status;
  mapped_.push_back(memory);
  return memory;
}

absl::Status DeviceMemory::MapRuns(const MappedMemory& memory) {
  if (!by_vfio_) return absl::OkStatus();
  for (size_t offset = 0; offset < memory.len;) {
    const Run run = RunAt(memory, offset);
    if (rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD,
                                   reinterpret_cast<uintptr_t>(run.memory), run.iova,
                                   run.len) != 0) {
      UnmapRuns(memory, offset);
      return absl::ResourceExhaustedError(absl::StrCat(
          "VFIO does not map ", run.len,
          " bytes of it; a process without CAP_IPC_LOCK needs as much of RLIMIT_MEMLOCK "
          "(ulimit -l), there can be 256 pieces at most, and a card has to be there"));
    }
    offset += run.len;
  }
  return absl::OkStatus();
}

void DeviceMemory::UnmapRuns(const MappedMemory& memory, size_t end) {
  if (!by_vfio_) return;
  const bool any_present = std::any_of(ports_.begin(), ports_.end(), [](const PortSetup* port) {
    return port->state()->present.load(std::memory_order_acquire);
  });
  for (size_t offset = 0; offset < end;) {
    const Run run = RunAt(memory, offset);
    // VFIO can't be told while all cards are out. By this EAL knows, and does not map it again
    // when one is back (eal_vfio.c, container_dma_unmap()).
    rte_errno = any_present ? 0 : ENODEV;
    if (rte_vfio_container_dma_unmap(RTE_VFIO_DEFAULT_CONTAINER_FD,
                                     reinterpret_cast<uintptr_t>(run.memory), run.iova,
                                     run.len) != 0) {
      LogWarning(absl::StrCat("VFIO does not unmap ", run.len, " bytes at 0x",
                              absl::Hex(reinterpret_cast<uintptr_t>(run.memory))));
    }
    offset += run.len;
  }
}

void DeviceMemory::Unmap(const std::shared_ptr<const MappedMemory>& memory) {
  const std::lock_guard lock(mutex_);
  if (std::erase(mapped_, memory) > 0) UnmapRuns(*memory, memory->len);
}

void DeviceMemory::UnmapAll() {
  const std::lock_guard lock(mutex_);
  for (const auto& memory : mapped_) UnmapRuns(*memory, memory->len);
  mapped_.clear();
}

}  // namespace groupcast
