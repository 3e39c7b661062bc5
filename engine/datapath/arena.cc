// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/arena.h"

#include <new>

namespace groupcast {
namespace {

// Where there is room at the beginning, more than this is not gone on with while little is in use.
constexpr size_t kWarm = 16384;  // bytes
// But not from further on: blocks that are put behind such a turn are younger than those in front
// of it, which then wait for them. So much memory at most is out of use meanwhile.
constexpr size_t kMostBeforeTurn = 4 * kWarm;

}  // namespace

Arena::Arena(void* base, size_t size_bytes, rte_iova_t iova)
    : base_(static_cast<uint8_t*>(base)),
      size_(size_bytes & ~size_t{63}),
      iova_(iova),
      rest_(size_) {}

void Arena::Reclaim() {
  while (used_ > 0) {
    Block* block = At(tail_);
    // Acquire: what the releasing threads did with the block happened before it is reused.
    if (block->holds.load(std::memory_order_acquire) != 0) return;
    used_ -= block->size;
    tail_ += block->size;
    if (tail_ == size_) {
      tail_ = 0;
      EndRest();
    }
  }
  head_ = tail_ = 0;
  EndRest();
}

void Arena::EndRest() {
  rest_ = size_;
  in_rest_ = false;
}

size_t Arena::Used() {
  Reclaim();
  return used_;
}

// What is left from there to the end becomes a block that is free already.
void Arena::LeaveFree(size_t at) {
  if (at == size_) return;
  Block* pad = new (At(at)) Block;
  pad->holds.store(0, std::memory_order_relaxed);
  pad->size = static_cast<uint32_t>(size_ - at);
}

// Where such a block has room: head_, or rest_; null: nowhere.
size_t* Arena::HeadFor(size_t need) {
  if (used_ > 0 && head_ <= tail_) {
    // Before the oldest block, then where an early turn left some, all of it in a row: blocks there
    // that are in turn younger and older than those here would come to wait for each other.
    const bool fits = need <= tail_ - head_;
    if (fits && !in_rest_) return &head_;
    if (need <= size_ - rest_) {
      in_rest_ = true;
      return &rest_;
    }
    EndRest();
    return fits ? &head_ : nullptr;
  }
  const bool fits = need <= size_ - head_;
  const bool early =
      head_ >= kWarm && head_ <= kMostBeforeTurn && used_ <= 2 * kWarm && tail_ >= head_ / 2;
  if (need > tail_ || (fits && !early)) return fits ? &head_ : nullptr;
  LeaveFree(head_);
  used_ += size_ - head_;
  EndRest();
  if (fits) rest_ = head_;
  head_ = 0;
  return &head_;
}

void* Arena::Allocate(size_t len_bytes) {
  const size_t need = RTE_ALIGN_CEIL(len_bytes, size_t{64}) + sizeof(Block);
  Reclaim();
  size_t* head = HeadFor(need);
  if (head == nullptr) return nullptr;
  Block* block = new (At(*head)) Block;
  block->holds.store(1, std::memory_order_relaxed);
  block->size = static_cast<uint32_t>(need);
  *head += need;
  if (head == &rest_) {
    LeaveFree(rest_);  // which counts as used since the turn
  } else {
    used_ += need;
    if (head_ == size_) head_ = 0;
  }
  return block + 1;
}

}  // namespace groupcast
