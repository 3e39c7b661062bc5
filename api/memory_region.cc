// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/memory_region.h"

#include <absl/strings/str_cat.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "api/payload_body.h"
#include "api/seat.h"
#include "engine/control/engine.h"
#include "engine/control/log.h"

namespace groupcast {
namespace {

// Never destroyed: payloads may be left behind to the process's end.
struct Registered {
  std::mutex mutex;
  std::vector<std::weak_ptr<Memory::Region>> regions;
};
Registered& AllRegistered() {
  static auto* registered = new Registered;
  return *registered;
}

}  // namespace

std::shared_ptr<Memory::Region> Memory::Region::Make(const uint8_t* data, size_t len) {
  std::shared_ptr<Region> region(new Region(data, len));
  Registered& all = AllRegistered();
  {
    const std::lock_guard lock(all.mutex);
    std::erase_if(all.regions, [](const auto& other) { return other.expired(); });
    all.regions.push_back(region);
  }
  // An engine that is attached only now finds it there.
  const EngineUse use(EngineUse::Need::kEngineOnly);
  if (use.engine() != nullptr) region->MapFor(use.engine());
  return region;
}

Memory::Region::~Region() {
  if (mapped_ == nullptr) return;
  const EngineUse use(EngineUse::Need::kEngineOnly);
  if (use.engine() != nullptr && use.engine()->instance() == mapped_->instance) {
    use.engine()->device_memory().Unmap(mapped_);
  }
}

void Memory::Region::MapAll(RunningEngine* engine) try {
  if (!engine->device_memory().wanted()) return;
  std::vector<std::shared_ptr<Region>> regions;
  {
    Registered& all = AllRegistered();
    const std::lock_guard lock(all.mutex);
    for (const auto& region : all.regions) {
      if (auto registered = region.lock()) regions.push_back(std::move(registered));
    }
  }
  for (const auto& region : regions) region->MapFor(engine);
} catch (const std::bad_alloc&) {
  // What was not mapped is copied.
}

void Memory::Region::MapFor(RunningEngine* engine) {
  if (!engine->device_memory().wanted()) return;
  const std::lock_guard lock(mutex_);
  if (mapped_ != nullptr && mapped_->instance == engine->instance()) return;
  auto mapped = engine->device_memory().Map(data_, len_);
  if (mapped.ok()) {
    mapped_ = *std::move(mapped);
    return;
  }
  LogNotice(absl::StrCat("registered memory of ", len_, " bytes at 0x",
                         absl::Hex(reinterpret_cast<uintptr_t>(data_)),
                         " is not mapped for devices: ", mapped.status().message(),
                         ". Payloads borrowed from it are copied"));
}

bool Memory::Region::Contains(const iovec& piece) const {
  const auto* base = static_cast<const uint8_t*>(piece.iov_base);
  return base >= data_ && piece.iov_len <= len_ &&
         static_cast<size_t>(base - data_) <= len_ - piece.iov_len;
}

void Memory::Region::Add(const Payload::Body* body) {
  const std::lock_guard lock(mutex_);
  bodies_.push_back(body);
}

void Memory::Region::Remove(const Payload::Body* body) {
  const std::lock_guard lock(mutex_);
  bodies_.erase(std::find(bodies_.begin(), bodies_.end(), body));
}

bool Memory::Region::in_use() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(bodies_.begin(), bodies_.end(),
                     [](const Payload::Body* body) { return body->in_use(); });
}

std::shared_ptr<const MappedMemory> Memory::Region::mapped() const {
  const std::lock_guard lock(mutex_);
  return mapped_;
}

absl::StatusOr<Memory> Memory::Register(const void* data, size_t len) {
  if (data == nullptr || len == 0) {
    return absl::InvalidArgumentError(data == nullptr ? "Memory::Register: data is null"
                                                      : "Memory::Register: len is 0");
  }
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(data) & ~(page - 1);
  if (len > UINTPTR_MAX - reinterpret_cast<uintptr_t>(data) - page) {
    return absl::InvalidArgumentError(
        absl::StrCat("Memory::Register: ", len, " bytes end behind the address space"));
  }
  const size_t whole = (reinterpret_cast<uintptr_t>(data) + len + page - 1 - begin) & ~(page - 1);
  std::vector<uint8_t> resident(whole / page);
  if (mincore(reinterpret_cast<void*>(begin), whole, resident.data()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Memory::Register: not all of the ", len, " bytes at 0x",
                     absl::Hex(reinterpret_cast<uintptr_t>(data)), " are mapped"));
  }
  return Memory(Region::Make(static_cast<const uint8_t*>(data), len));
}

Memory::Memory(std::shared_ptr<Region> region) : region_(std::move(region)) {}
Memory::Memory(Memory&&) noexcept = default;
Memory& Memory::operator=(Memory&&) noexcept = default;
Memory::~Memory() = default;
bool Memory::in_use() const { return region_ != nullptr && region_->in_use(); }

}  // namespace groupcast
