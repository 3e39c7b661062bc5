// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_common.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace groupcast {

// A ring of variable-size blocks in memory that devices may read.
//
// Allocate(): the owning thread only. A block is free again when all its holds were released, by
// whichever threads; the space is reused in the order of the addresses, around and around. A full
// arena is "no room". While little is in use, it is the beginning that is used again and again,
// which the cores have in their caches.
class Arena {
 public:
  // Does not own `base`, which is 64-byte aligned and outlives the arena.
  Arena(void* base, size_t size_bytes, rte_iova_t iova);

  // A 64-byte aligned block with one hold, or null when there is no room now.
  void* Allocate(size_t len_bytes);
  // The largest block that a wholly free arena is sure to give.
  size_t LargestBlock() const { return size_ / 2 - sizeof(Block); }
  // Bytes not yet free. Owning thread; reclaims first.
  size_t Used();
  // What the next block is likely to get, which others had last: so many bytes at least; or null.
  const uint8_t* Next(size_t least_bytes) const {
    return size_ - head_ >= least_bytes ? base_ + head_ : nullptr;
  }
  // Bytes in front of a block that Next() tells, too.
  static constexpr size_t kHeader = 64;

  // Publishes all that this thread read or wrote of the block to the allocation that reuses it.
  static void Release(void* block) {
    std::atomic<uint32_t>& holds = Header(block)->holds;
    // Acquire: others that released it did so before. Nobody but who has the last one changes it.
    if (holds.load(std::memory_order_acquire) == 1) {
      holds.store(0, std::memory_order_release);
    } else {
      holds.fetch_sub(1, std::memory_order_release);
    }
  }

  // A block's holds, for those who give one back without knowing of arenas.
  static std::atomic<uint32_t>* Holds(void* block) { return &Header(block)->holds; }

  rte_iova_t Iova(const void* p) const {
    return iova_ + static_cast<rte_iova_t>(static_cast<const uint8_t*>(p) - base_);
  }

 private:
  struct alignas(64) Block {
    std::atomic<uint32_t> holds;  // allocator: sets; any thread: rw
    uint32_t size;                // allocator only; with this header
  };
  static_assert(sizeof(Block) == kHeader);
  static Block* Header(void* block) { return static_cast<Block*>(block) - 1; }

  Block* At(size_t offset) { return reinterpret_cast<Block*>(base_ + offset); }
  void Reclaim();
  size_t* HeadFor(size_t need);
  void LeaveFree(size_t at);
  void EndRest();

  uint8_t* base_;
  size_t size_;
  rte_iova_t iova_;
  size_t head_ = 0;  // next allocation
  size_t tail_ = 0;  // oldest block
  size_t used_ = 0;
  size_t rest_ = 0;       // where an early turn left free what is behind; or size_
  bool in_rest_ = false;  // blocks go there
};

}  // namespace groupcast
