// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/arena.h"

#include <new>

#include "engine/datapath/prefetch.h"

namespace groupcast {
namespace {

constexpr size_t kAhead = 512;  // bytes

}  // namespace

Arena::Arena(void* base, size_t size_bytes, rte_iova_t iova)
    : base_(static_cast<uint8_t*>(base)), size_(size_bytes & ~size_t{63}), iova_(iova) {}

void Arena::Reclaim() {
  while (used_ > 0) {
    Block* block = At(tail_);
    // Acquire: what the releasing threads did with the block happened before it is reused.
    if (block->holds.load(std::memory_order_acquire) != 0) return;
    used_ -= block->size;
    tail_ += block->size;
    if (tail_ == size_) tail_ = 0;
  }
  head_ = tail_ = 0;
}

size_t Arena::Used() {
  Reclaim();
  return used_;
}

void Arena::PrefetchNext() {
  Reclaim();
  PrefetchAhead();
}

void Arena::PrefetchAhead() const {
  if (size_ - head_ <= kAhead) return;
  for (size_t at = 0; at < kAhead; at += sizeof(Block)) PrefetchToWrite(base_ + head_ + at);
}

void* Arena::Allocate(size_t len_bytes) {
  const size_t need = RTE_ALIGN_CEIL(len_bytes, size_t{64}) + sizeof(Block);
  Reclaim();
  if (need > size_ - used_) return nullptr;
  if (head_ >= tail_ && need > size_ - head_) {
    // The block does not fit behind head_: what is left there becomes a block that is free already.
    const size_t rest = size_ - head_;
    if (used_ + rest + need > size_) return nullptr;
    if (rest > 0) {
      Block* pad = new (At(head_)) Block;
      pad->holds.store(0, std::memory_order_relaxed);
      pad->size = static_cast<uint32_t>(rest);
      used_ += rest;
    }
    head_ = 0;
  }
  if (used_ > 0 && head_ < tail_ && need > tail_ - head_) return nullptr;
  Block* block = new (At(head_)) Block;
  block->holds.store(1, std::memory_order_relaxed);
  block->size = static_cast<uint32_t>(need);
  head_ += need;
  if (head_ == size_) head_ = 0;
  used_ += need;
  PrefetchAhead();
  return block + 1;
}

}  // namespace groupcast
