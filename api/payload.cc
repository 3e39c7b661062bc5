// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/payload.h"

#include <absl/strings/str_cat.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "api/left_behind.h"
#include "api/payload_body.h"
#include "api/seat.h"
#include "engine/control/sigpipe.h"
#include "engine/datapath/header_line.h"

namespace groupcast {
namespace {

// Cuts DPDK memory where it is not contiguous for devices.
void PutSegments(uint8_t* memory, uint32_t len, std::vector<PayloadSegment>* segments) {
  if (rte_eal_iova_mode() != RTE_IOVA_PA) {
    segments->push_back({memory, rte_mem_virt2iova(memory), len});
    return;
  }
  for (uint32_t offset = 0; offset < len;) {
    const rte_memseg* page = rte_mem_virt2memseg(memory + offset, nullptr);
    const auto page_end = static_cast<uint8_t*>(page->addr) + page->hugepage_sz;
    const auto n = static_cast<uint32_t>(
        std::min<uint64_t>(len - offset, static_cast<uint64_t>(page_end - (memory + offset))));
    const rte_iova_t iova = rte_mem_virt2iova(memory + offset);
    if (!segments->empty() && segments->back().iova + segments->back().len == iova) {
      segments->back().len += n;
    } else {
      segments->push_back({memory + offset, iova, n});
    }
    offset += n;
  }
}

absl::Status TooLong(size_t len) {
  return absl::InvalidArgumentError(absl::StrCat("a payload of ", len, " bytes is longer than ",
                                                 kLongestPayload, ", the most a datagram holds"));
}

absl::Status NoMemory(size_t len) {
  return absl::ResourceExhaustedError(absl::StrCat("no memory for a payload of ", len, " bytes"));
}

}  // namespace

Payload::Body* Payload::Body::Make(Form form, size_t len) {
  auto* body = new (std::nothrow) Body;
  if (body == nullptr) return nullptr;
  body->form_ = form;
  body->len_ = static_cast<uint32_t>(len);
  body->owner_ = getpid();
  {
    const EngineUse use(EngineUse::Need::kEngineOnly);
    const bool engine = use.engine() != nullptr;
    const SigpipeBlocked blocked;  // drivers tell their peers of new memory
    void* memory = engine ? rte_zmalloc(nullptr, std::max<size_t>(len, 1), 0) : nullptr;
    body->for_devices_ = memory != nullptr;
    if (memory == nullptr) memory = std::calloc(1, std::max<size_t>(len, 1));
    body->memory_ = static_cast<uint8_t*>(memory);
    if (memory == nullptr) {
      delete body;
      return nullptr;
    }
  }
  if (len == 0) return body;
  if (body->for_devices_) {
    PutSegments(body->memory_, body->len_, &body->segments_);
  } else {
    body->segments_ = {{body->memory_, reinterpret_cast<uintptr_t>(body->memory_), body->len_}};
  }
  return body;
}

Payload::Body* Payload::Body::Borrow(std::shared_ptr<Memory::Region> region,
                                     std::span<const iovec> pieces) {
  auto* body = new (std::nothrow) Body;
  if (body == nullptr) return nullptr;
  body->form_ = Form::kBorrowed;
  body->owner_ = getpid();
  const std::shared_ptr<const MappedMemory> mapped = region->mapped();
  for (const iovec& piece : pieces) {
    if (piece.iov_len == 0) continue;
    const auto* data = static_cast<const uint8_t*>(piece.iov_base);
    const auto len = static_cast<uint32_t>(piece.iov_len);
    if (mapped != nullptr) {
      mapped->PutSegments(data, len, &body->segments_);
    } else {
      body->segments_.push_back({data, reinterpret_cast<uintptr_t>(data), len});
    }
    body->len_ += len;
  }
  body->mapped_for_ = mapped != nullptr ? mapped->instance : 0;
  body->region_ = std::move(region);
  body->region_->Add(body);
  return body;
}

Payload::Body::~Body() {
  if (region_ != nullptr) region_->Remove(this);
  if (!for_devices_) {
    std::free(memory_);
  } else if (owner_ == getpid()) {
    const SigpipeBlocked blocked;
    rte_free(memory_);
  }
}

uint16_t Payload::Body::Sum() const {
  if (summed_) return sum_;
  uint32_t sum = 0;
  size_t offset = 0;
  for (const PayloadSegment& segment : segments_) {
    sum += SumAt(SumBytes(segment.data, segment.len), offset);
    offset += segment.len;
  }
  return FoldSum(sum);
}

void Payload::Body::SetSum() {
  sum_ = Sum();
  summed_ = true;
}

absl::StatusOr<Payload> Payload::Copy(absl::Span<const uint8_t> bytes) {
  if (bytes.size() > kLongestPayload) return TooLong(bytes.size());
  LeftBehind<Body>::Reap();
  Body* body = Body::Make(Body::Form::kCopied, bytes.size());
  if (body == nullptr) return NoMemory(bytes.size());
  if (!bytes.empty()) std::memcpy(body->memory(), bytes.data(), bytes.size());
  body->SetSum();
  return Payload(body);
}

absl::StatusOr<Payload> Payload::Allocate(size_t len) {
  if (len > kLongestPayload) return TooLong(len);
  LeftBehind<Body>::Reap();
  Body* body = Body::Make(Body::Form::kWritten, len);
  if (body == nullptr) return NoMemory(len);
  return Payload(body);
}

absl::StatusOr<Payload> Payload::Borrow(const Memory& memory, absl::Span<const iovec> pieces) try {
  if (memory.region_ == nullptr) {
    return absl::InvalidArgumentError("Payload::Borrow: the memory was moved from");
  }
  if (pieces.size() > kMostPieces) {
    return absl::InvalidArgumentError(
        absl::StrCat("Payload::Borrow: ", pieces.size(), " pieces are more than ", kMostPieces));
  }
  size_t len = 0;
  for (size_t i = 0; i < pieces.size(); i++) {
    if (pieces[i].iov_len == 0) continue;
    if (!memory.region_->Contains(pieces[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat("Payload::Borrow: piece ", i, " (", pieces[i].iov_len, " bytes at 0x",
                       absl::Hex(reinterpret_cast<uintptr_t>(pieces[i].iov_base)),
                       ") does not lie in the registered memory"));
    }
    len += pieces[i].iov_len;
    if (len > kLongestPayload) return TooLong(len);
  }
  LeftBehind<Body>::Reap();
  Body* body = Body::Borrow(memory.region_, {pieces.data(), pieces.size()});
  if (body == nullptr) return NoMemory(len);
  return Payload(body);
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("no memory for a payload");
}

uint8_t* Payload::data() {
  return body_ != nullptr && body_->form() == Body::Form::kWritten ? body_->memory() : nullptr;
}

size_t Payload::size() const { return body_ != nullptr ? body_->len() : 0; }

bool Payload::in_use() const { return body_ != nullptr && body_->in_use(); }

absl::Status Payload::Release() {
  if (body_ == nullptr) {
    return absl::FailedPreconditionError("Payload::Release: the payload is released already");
  }
  LeftBehind<Body>::Leave(std::unique_ptr<Body>(std::exchange(body_, nullptr)));
  return absl::OkStatus();
}

Payload::Payload(Payload&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}

Payload& Payload::operator=(Payload&& other) noexcept {
  if (this != &other) {
    if (body_ != nullptr) LeftBehind<Body>::Leave(std::unique_ptr<Body>(body_));
    body_ = std::exchange(other.body_, nullptr);
  }
  return *this;
}

Payload::~Payload() {
  if (body_ != nullptr) LeftBehind<Body>::Leave(std::unique_ptr<Body>(body_));
}

}  // namespace groupcast
