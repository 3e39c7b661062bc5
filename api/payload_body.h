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
#include "engine/datapath/holds.h"
#include "engine/datapath/shared_payload.h"

namespace groupcast {

// Registered memory of the application, and who reads it.
class Memory::Region {
 public:
  Region(const uint8_t* data, size_t len) : data_(data), len_(len) {}
  bool Contains(const iovec& piece) const;

  void Add(const Payload::Body* body);
  void Remove(const Payload::Body* body);
  bool in_use() const;

 private:
  const uint8_t* data_;
  size_t len_;
  mutable std::mutex mutex_;
  std::vector<const Payload::Body*> bodies_;
};

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
  // Whether a device that reads by itself may read it: it lies in DPDK's memory.
  bool for_devices() const { return for_devices_; }
  bool in_use() const { return holds.Any(); }
  // Folded sum of the bytes; of a copied one made once.
  uint16_t Sum() const;
  void SetSum();

  Holds holds;  // of whoever sends it or reads it

 private:
  Body() = default;

  alignas(64) Form form_ = Form::kCopied;
  bool for_devices_ = false;
  bool summed_ = false;
  uint16_t sum_ = 0;
  uint32_t len_ = 0;
  uint8_t* memory_ = nullptr;
  pid_t owner_ = 0;  // who may free it: a forked child shares DPDK's memory
  std::vector<PayloadSegment> segments_;
  std::shared_ptr<Memory::Region> region_;
};

}  // namespace groupcast
