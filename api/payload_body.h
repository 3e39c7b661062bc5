// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "api/groupcast/payload.h"
#include "api/memory_region.h"
#include "engine/datapath/holds.h"
#include "engine/datapath/shared_payload.h"

namespace groupcast {

// What a Payload stands for; outlives it as long as somebody reads.
class Payload::Body {
 public:
  enum class Form : uint8_t { kCopied, kWritten, kBorrowed };

  // Null without memory. kCopied and kWritten: `len` bytes of the engine's where there is one.
  static Body* Make(Form form, size_t len);
  static Body* Borrow(std::shared_ptr<Memory::Region> region, std::span<const iovec> pieces);
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  Form form() const { return form_; }
  uint32_t len() const { return len_; }
  uint8_t* memory() { return memory_; }
  std::span<const PayloadSegment> segments() const { return segments_; }
  // What a device of this engine has to read for it.
  PayloadMemory memory(uint32_t engine_instance) const {
    if (for_devices_) return PayloadMemory::kDpdk;
    return mapped_for_ == engine_instance ? PayloadMemory::kMapped : PayloadMemory::kAny;
  }
  bool in_use() const { return holds.Any(); }
  // Folded sum of the bytes; of a copied one made once.
  uint16_t Sum() const;
  void SetSum();

  Holds holds;  // of whoever sends it or reads it

 private:
  Body() = default;

  alignas(64) Form form_ = Form::kCopied;
  bool for_devices_ = false;  // it lies in DPDK's memory
  bool summed_ = false;
  uint16_t sum_ = 0;
  uint32_t len_ = 0;
  uint8_t* memory_ = nullptr;
  uint32_t mapped_for_ = 0;  // the engine instance; 0: none
  pid_t owner_ = 0;          // who may free it: a forked child shares DPDK's memory
  std::vector<PayloadSegment> segments_;
  std::shared_ptr<Memory::Region> region_;
};

}  // namespace groupcast
