// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "api/groupcast/payload.h"
#include "engine/control/device_memory.h"
#include "engine/control/driver_profile.h"

namespace groupcast {

class RunningEngine;

// Registered memory of the application: who reads it, and how the devices of an engine do.
class Memory::Region {
 public:
  // With an engine whose devices read it by themselves it is mapped for them.
  static std::shared_ptr<Region> Make(const uint8_t* data, size_t len);
  // When nobody reads it any more.
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  bool Contains(const iovec& piece) const;
  void Add(const Payload::Body* body);
  void Remove(const Payload::Body* body);
  bool in_use() const;

  // For devices of the engine that it tells of, while that runs; null: for none.
  std::shared_ptr<const MappedMemory> mapped() const;
  // All that is registered, for an engine that was attached.
  static void MapAll(RunningEngine* engine);

 private:
  Region(const uint8_t* data, size_t len) : data_(data), len_(len) {}
  void MapFor(RunningEngine* engine);

  const uint8_t* const data_;
  const size_t len_;
  mutable std::mutex mutex_;  // of all below
  std::vector<const Payload::Body*> bodies_;
  std::shared_ptr<const MappedMemory> mapped_;
};

}  // namespace groupcast
