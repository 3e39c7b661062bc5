// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/test_stream.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace groupcast::test_stream {
namespace {

std::vector<uint8_t> Written(const Identity& identity, size_t shared_bytes) {
  std::vector<uint8_t> shared(shared_bytes);
  WriteShared(identity, shared);
  return shared;
}

TEST(TestStream, EveryLengthReadsBackWhatWasWritten) {
  for (size_t length = 0; length <= 1600; ++length) {
    const Identity written = {.stream = 200, .sequence = 70'000, .sent_ns = 5, .end = false};
    Identity read;
    ASSERT_EQ(ReadShared(Written(written, length), &read), Finding::kSound) << length;
    if (FormOf(length) == Form::kAnonymous) continue;
    EXPECT_EQ(read.stream, 200u) << length;
    EXPECT_EQ(read.sequence, 70'000u) << length;
    EXPECT_FALSE(read.end);
    EXPECT_EQ(read.sent_ns, FormOf(length) == Form::kFull ? 5u : 0u);
  }
}

TEST(TestStream, ShortFormKeepsItsOwnBitsOnly) {
  Identity read;
  ASSERT_EQ(ReadShared(Written({.stream = 0x1234, .sequence = 0x1'0000'0007}, 8), &read),
            Finding::kSound);
  EXPECT_EQ(read.stream, 0x34u);
  EXPECT_EQ(read.sequence, 7u);
}

TEST(TestStream, EndMarkersAreKnown) {
  for (const size_t length : {8u, 31u, 32u, 1000u}) {
    Identity read;
    ASSERT_EQ(ReadShared(Written({.sequence = 9, .end = true}, length), &read), Finding::kSound);
    EXPECT_TRUE(read.end) << length;
    EXPECT_EQ(read.sequence, 9u) << length;
  }
}

TEST(TestStream, EveryChangedBitIsFound) {
  for (const size_t length : {1u, 7u, 8u, 9u, 15u, 31u, 32u, 33u, 39u, 40u, 47u, 257u}) {
    std::vector<uint8_t> shared = Written({.stream = 3, .sequence = 77, .sent_ns = 9}, length);
    for (size_t bit = 0; bit < 8 * length; ++bit) {
      shared[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
      Identity read;
      ASSERT_NE(ReadShared(shared, &read), Finding::kSound) << length << " bytes, bit " << bit;
      shared[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    }
  }
}

TEST(TestStream, CutAndShiftedDatagramsAreFound) {
  const std::vector<uint8_t> shared = Written({.stream = 3, .sequence = 77}, 500);
  Identity read;
  for (size_t length = 1; length < shared.size(); ++length) {
    EXPECT_NE(ReadShared(std::span(shared).first(length), &read), Finding::kSound) << length;
    EXPECT_NE(ReadShared(std::span(shared).subspan(length), &read), Finding::kSound) << length;
  }
  std::vector<uint8_t> longer = shared;
  longer.push_back(0);
  EXPECT_EQ(ReadShared(longer, &read), Finding::kLength);
}

TEST(TestStream, ContentOfAnotherDatagramIsFoundEvenWithAGoodChecksum) {
  std::vector<uint8_t> shared = Written({.stream = 3, .sequence = 77}, 500);
  const std::vector<uint8_t> other = Written({.stream = 3, .sequence = 78}, 500);
  std::copy(other.begin() + kFullHeaderBytes, other.end(), shared.begin() + kFullHeaderBytes);
  Store(std::span(shared), kChecksumAt, Checksum(shared, kChecksumAt, 4));
  Identity read;
  EXPECT_EQ(ReadShared(shared, &read), Finding::kContent);
  EXPECT_EQ(read.sequence, 77u);
}

TEST(TestStream, PrivatePartsBelongToOneRecipientSequenceAndSide) {
  for (const size_t length : {1u, 7u, 8u, 12u, 13u}) {
    std::vector<uint8_t> bytes(length);
    WritePrivate(PrivatePart::kPrepend, 0x0a000001, 5004, 6, bytes);
    EXPECT_TRUE(IsPrivateSound(PrivatePart::kPrepend, 0x0a000001, 5004, 6, bytes));
    EXPECT_FALSE(IsPrivateSound(PrivatePart::kAppend, 0x0a000001, 5004, 6, bytes));
    EXPECT_FALSE(IsPrivateSound(PrivatePart::kPrepend, 0x0a000002, 5004, 6, bytes));
    EXPECT_FALSE(IsPrivateSound(PrivatePart::kPrepend, 0x0a000001, 5005, 6, bytes));
    EXPECT_FALSE(IsPrivateSound(PrivatePart::kPrepend, 0x0a000001, 5004, 7, bytes));
  }
  EXPECT_TRUE(IsPrivateSound(PrivatePart::kAppend, 1, 1, 1, {}));
}

}  // namespace
}  // namespace groupcast::test_stream
