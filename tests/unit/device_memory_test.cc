// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/device_memory.h"

#include <gtest/gtest.h>

namespace groupcast {
namespace {

constexpr size_t kPage = 1 << 21;

class MappedMemoryTest : public testing::Test {
 protected:
  // Never touched.
  uint8_t* const begin_ = reinterpret_cast<uint8_t*>(uintptr_t{0x4000'0000});

  std::vector<PayloadSegment> Cut(const std::vector<rte_iova_t>& iovas, size_t offset,
                                  uint32_t len) {
    const MappedMemory memory = {1, begin_, 4 * kPage, kPage, iovas};
    std::vector<PayloadSegment> segments;
    memory.PutSegments(begin_ + offset, len, &segments);
    return segments;
  }
  void Expect(const PayloadSegment& segment, size_t offset, rte_iova_t iova, uint32_t len) {
    EXPECT_EQ(segment.data, begin_ + offset);
    EXPECT_EQ(segment.iova, iova);
    EXPECT_EQ(segment.len, len);
  }
};

TEST_F(MappedMemoryTest, IsCutByPagesByItsOwnAddresses) {
  auto segments = Cut({}, kPage - 100, 60'000);
  ASSERT_EQ(segments.size(), 2U);
  Expect(segments[0], kPage - 100, 0x4000'0000 + kPage - 100, 100);
  Expect(segments[1], kPage, 0x4000'0000 + kPage, 59'900);
  segments = Cut({}, kPage, 60'000);
  ASSERT_EQ(segments.size(), 1U);
  Expect(segments[0], kPage, 0x4000'0000 + kPage, 60'000);
}

TEST_F(MappedMemoryTest, IsCutWhereItsPagesLieApart) {
  const std::vector<rte_iova_t> iovas = {9 * kPage, 8 * kPage, 3 * kPage, 4 * kPage};
  auto segments = Cut(iovas, 10, 1000);
  ASSERT_EQ(segments.size(), 1U);
  Expect(segments[0], 10, 9 * kPage + 10, 1000);
  segments = Cut(iovas, kPage - 1, 1000);
  ASSERT_EQ(segments.size(), 2U);
  Expect(segments[0], kPage - 1, 10 * kPage - 1, 1);
  Expect(segments[1], kPage, 8 * kPage, 999);
  segments = Cut(iovas, kPage, 1000);
  ASSERT_EQ(segments.size(), 1U);
  Expect(segments[0], kPage, 8 * kPage, 1000);
}

TEST_F(MappedMemoryTest, IsNotCutWhereTheyFollowEachOther) {
  const std::vector<rte_iova_t> iovas = {9 * kPage, 8 * kPage, 3 * kPage, 4 * kPage};
  const auto segments = Cut(iovas, 3 * kPage - 500, 1000);
  ASSERT_EQ(segments.size(), 1U);
  Expect(segments[0], 3 * kPage - 500, 4 * kPage - 500, 1000);
}

}  // namespace
}  // namespace groupcast
