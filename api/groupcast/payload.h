// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What is shared by all packets of a groupcast: bytes that are sent as often as one wants, from one
// place in memory. Three forms:
//   Payload::Copy()      copied once, here; the source is free at once.
//   Payload::Allocate()  memory that packets are sent from, written by the application itself.
//   Payload::Borrow()    the application's own registered memory, without any copy.
#ifndef GROUPCAST_PAYLOAD_H_
#define GROUPCAST_PAYLOAD_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "groupcast/export.h"

namespace groupcast {

class Payload;

// The longest payload of any form, in bytes: what a UDP datagram holds over IPv6. (Over IPv4 it is
// 65,507; both less a recipient's private bytes.)
inline constexpr size_t kLongestPayload = 65527;

// Memory of the application that payloads may be borrowed from. The registration ends when this
// object and every payload borrowed from it are gone and nothing of them is being read any more.
// Movable. Threads: any.
class GROUPCAST_API Memory {
 public:
  // Registers [data, data + len). The memory stays the application's: it must stay mapped until
  // in_use() is false for good, and is unmapped only after this object and the payloads are gone.
  // Does not block, but where a port's device reads it by itself (see the port's line at start):
  // with an engine open its pages are then pinned and mapped for the device, here or when an engine
  // is opened. What can't be mapped is copied, and a notice says why: VFIO's limit of memory
  // (RLIMIT_MEMLOCK); pages that other registered memory has a part of; without an IOMMU, memory
  // that is not of shared huge pages. (DPDK Programmer's Guide, "Support for Externally Allocated
  // Memory".) Errors:
  //   kInvalidArgument  `data` is null, `len` is 0, or a page of it is not mapped.
  [[nodiscard]] static absl::StatusOr<Memory> Register(const void* data, size_t len);

  // Whether something of it is still being read, by whichever payload: then it must not be
  // unmapped.
  bool in_use() const;

  Memory(Memory&&) noexcept;
  Memory& operator=(Memory&&) noexcept;
  ~Memory();

  class Region;

 private:
  friend class Payload;
  explicit Memory(std::shared_ptr<Region> region);
  std::shared_ptr<Region> region_;
};

// Threads: a payload may be sent by any number of threads at once. Moving, releasing and writing
// are one thread's at a time. Valid with and without an engine, before and after its opening.
class GROUPCAST_API Payload {
 public:
  // Copies `bytes`. kInvalidArgument: longer than kLongestPayload. kResourceExhausted: no memory.
  [[nodiscard]] static absl::StatusOr<Payload> Copy(absl::Span<const uint8_t> bytes);

  // `len` bytes, zero at first, to be written through data(). They may be written again whenever
  // in_use() is false; written meanwhile, receivers get the one or the other, with a checksum that
  // may not fit. Errors as Copy().
  [[nodiscard]] static absl::StatusOr<Payload> Allocate(size_t len);

  // The bytes of `pieces`, one behind the other, which lie in `memory`; at most kMostPieces of
  // them. Nothing is copied where the port's driver can tell when it has read them (see the port's
  // line at start) and, where a device reads by itself, the engine was opened before; the bytes
  // must not change until they are handed back: in_use() is false, or a send with Stage::kDone has
  // completed. Errors:
  //   kInvalidArgument  a piece is not inside of `memory` (or has a null base), there are too many,
  //                     or all together are longer than kLongestPayload.
  [[nodiscard]] static absl::StatusOr<Payload> Borrow(const Memory& memory,
                                                      absl::Span<const iovec> pieces);
  static constexpr size_t kMostPieces = 8;

  // Allocate()'s memory; null for the other forms, and once released.
  uint8_t* data();
  size_t size() const;

  // Whether a send is under way that still reads it: accepted or not, by a device or by the
  // engine. Drivers that can't be asked give memory back with later traffic only; for those
  // application memory is copied, so that this becomes false all the same.
  bool in_use() const;

  // Gives the payload up before the object's end: it can't be sent any more; sends under way are
  // not touched. kFailedPrecondition: it is released already (or was moved from).
  absl::Status Release();

  Payload(Payload&&) noexcept;
  Payload& operator=(Payload&&) noexcept;
  ~Payload();  // sends under way are not touched

  class Body;

 private:
  friend class GroupSender;
  explicit Payload(Body* body) : body_(body) {}
  Body* body_;
};

}  // namespace groupcast

#endif  // GROUPCAST_PAYLOAD_H_
