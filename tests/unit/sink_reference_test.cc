// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tools/groupcast-sink/reference_verifier.h"

namespace groupcast {
namespace {

constexpr size_t kWindow = 256;
constexpr size_t kRecipients = 3;

// RFC 3550, section 5.1, payload type 96; the content follows from the position in the stream.
std::vector<uint8_t> Rtp(uint64_t position, uint32_t ssrc = 0xcafe0001) {
  std::vector<uint8_t> bytes(12 + 100 + position % 50);
  for (size_t i = 12; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(position * 31 + i * 7);
  bytes[0] = 0x80;
  bytes[1] = 96;
  bytes[2] = static_cast<uint8_t>(position >> 8);
  bytes[3] = static_cast<uint8_t>(position);
  for (size_t i = 0; i < 4; ++i) {
    bytes[4 + i] = static_cast<uint8_t>(position * 3000 >> (24 - 8 * i));
    bytes[8 + i] = static_cast<uint8_t>(ssrc >> (24 - 8 * i));
  }
  return bytes;
}

void ToAll(Verifier* verifier, const std::vector<uint8_t>& bytes) {
  for (uint32_t i = 0; i < kRecipients; ++i) verifier->Datagram(i, bytes, 0);
}

TEST(ReferenceVerifier, ASoundStreamPassesOverSequenceWraps) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  // Two wraps of 16 bits; the reference first, last, and between.
  for (uint64_t position = 65'000; position < 200'000; ++position) {
    if (position % 3 == 0) verifier.Reference(Rtp(position));
    verifier.Datagram(0, Rtp(position), 0);
    if (position % 3 == 1) verifier.Reference(Rtp(position));
    verifier.Datagram(1, Rtp(position), 0);
    verifier.Datagram(2, Rtp(position), 0);
    if (position % 3 == 2) verifier.Reference(Rtp(position));
  }
  EXPECT_EQ(verifier.Missing(), 0u);
  verifier.Finish();
  for (const RecipientCounts& counts : verifier.counts()) {
    EXPECT_TRUE(counts.Sound());
    EXPECT_EQ(counts.received, 135'000u);
    EXPECT_EQ(counts.distinct, 135'000u);
    EXPECT_EQ(counts.reordered, 0u);
  }
  EXPECT_EQ(verifier.references(), 135'000u);
}

TEST(ReferenceVerifier, TheEndOfARunCutsNoGroupcastInTwo) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  verifier.Reference(Rtp(0));
  ToAll(&verifier, Rtp(0));
  verifier.Reference(Rtp(1));
  verifier.Datagram(0, Rtp(1), 0);
  verifier.Datagram(0, Rtp(2), 0);  // before its reference
  verifier.Close();
  for (uint64_t position : {2, 3}) verifier.Reference(Rtp(position));
  for (uint64_t position : {1, 2, 3}) {
    for (uint32_t i : {1, 2}) verifier.Datagram(i, Rtp(position), 0);
  }
  verifier.Finish();
  for (const RecipientCounts& counts : verifier.counts()) {
    EXPECT_TRUE(counts.Sound());
    EXPECT_EQ(counts.received, 3u);
  }
}

TEST(ReferenceVerifier, DamagedHeadersTakeNoPlaceOfTheReference) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  for (uint32_t i = 0; i < 2 * ReferenceVerifier::kMaxStreams; ++i) {
    verifier.Datagram(0, Rtp(0, 0xbad00000 + i), 0);
  }
  for (uint64_t position = 0; position < 10; ++position) {
    verifier.Reference(Rtp(position));
    ToAll(&verifier, Rtp(position));
  }
  verifier.Finish();
  EXPECT_EQ(verifier.references(), 10u);
  EXPECT_EQ(verifier.counts()[0].unknown, 2 * ReferenceVerifier::kMaxStreams);
  EXPECT_EQ(verifier.counts()[0].distinct, 10u);
  EXPECT_TRUE(verifier.counts()[1].Sound());
}

TEST(ReferenceVerifier, FewerThanExpectedAreLost) {
  ReferenceVerifier verifier(kRecipients, kWindow, 12);
  for (uint64_t position = 0; position < 10; ++position) {
    verifier.Reference(Rtp(position));
    ToAll(&verifier, Rtp(position));
  }
  verifier.Finish();
  for (const RecipientCounts& counts : verifier.counts()) EXPECT_EQ(counts.lost, 2u);
}

TEST(ReferenceVerifier, LossDuplicatesCorruptionAndTheUnknownAreTold) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  for (uint64_t position = 0; position < 100; ++position) {
    if (position != 50) verifier.Reference(Rtp(position));
    verifier.Datagram(0, Rtp(position), 0);
    if (position % 10 != 9) verifier.Datagram(1, Rtp(position), 0);
    if (position == 20) verifier.Datagram(1, Rtp(position), 0);
    if (position == 30) {
      std::vector<uint8_t> changed = Rtp(31);
      changed.back() ^= 1;
      verifier.Datagram(1, changed, 0);
    }
  }
  verifier.Finish();
  EXPECT_EQ(verifier.counts()[0].lost, 0u);
  EXPECT_EQ(verifier.counts()[0].unknown, 1u);  // 50 is not in the reference
  EXPECT_EQ(verifier.counts()[1].lost, 10u);
  EXPECT_EQ(verifier.counts()[1].corrupt, 1u);
  EXPECT_EQ(verifier.counts()[1].duplicate, 2u);  // 20, and 31 again after its changed copy
  EXPECT_EQ(verifier.counts()[2].lost, 99u);
}

TEST(ReferenceVerifier, EarlyDatagramsAreJudgedWhenTheReferenceComes) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  std::vector<uint8_t> changed = Rtp(7);
  changed[40] ^= 0x80;
  verifier.Datagram(0, Rtp(7), 0);
  verifier.Datagram(1, changed, 0);
  verifier.Datagram(2, Rtp(7), 0);
  verifier.Datagram(2, Rtp(7), 0);
  verifier.Reference(Rtp(7));
  verifier.Finish();
  EXPECT_TRUE(verifier.counts()[0].Sound());
  EXPECT_EQ(verifier.counts()[1].corrupt, 1u);
  EXPECT_EQ(verifier.counts()[2].duplicate, 1u);
  EXPECT_EQ(verifier.counts()[2].lost, 0u);
}

TEST(ReferenceVerifier, WithoutAReferenceEverythingIsUnknown) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  for (uint64_t position = 0; position < 3000; ++position) ToAll(&verifier, Rtp(position));
  verifier.Finish();
  for (const RecipientCounts& counts : verifier.counts()) EXPECT_EQ(counts.unknown, 3000u);
}

TEST(ReferenceVerifier, StartsInTheMiddleOfAWrapAndOutOfOrder) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  for (const uint64_t position : {65'536u, 65'534u, 65'535u, 65'538u, 65'537u}) {
    ToAll(&verifier, Rtp(position));
    verifier.Reference(Rtp(position));
  }
  verifier.Finish();
  for (const RecipientCounts& counts : verifier.counts()) {
    EXPECT_TRUE(counts.Sound());
    EXPECT_EQ(counts.distinct, 5u);
    EXPECT_EQ(counts.reordered, 3u);
  }
}

TEST(ReferenceVerifier, DamagedSequencesDoNotMoveTheWindow) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  verifier.Reference(Rtp(1000));
  for (uint64_t position = 1001; position < 1100; ++position) {
    std::vector<uint8_t> damaged = Rtp(position);
    damaged[2] ^= 0x20;  // 8192 away
    verifier.Datagram(0, damaged, 0);
    verifier.Reference(Rtp(position));
    verifier.Datagram(1, Rtp(position), 0);
  }
  verifier.Finish();
  EXPECT_EQ(verifier.counts()[0].unknown, 99u);
  EXPECT_EQ(verifier.counts()[0].lost, 100u);
  EXPECT_EQ(verifier.counts()[1].lost, 1u);
  EXPECT_EQ(verifier.counts()[1].corrupt, 0u);
}

TEST(ReferenceVerifier, AJumpOfTheReferenceIsFollowed) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  for (const uint64_t start : {0u, 20'000u, 50'000u}) {
    for (uint64_t position = start; position < start + 500; ++position) {
      verifier.Reference(Rtp(position));
      ToAll(&verifier, Rtp(position));
    }
  }
  verifier.Finish();
  EXPECT_TRUE(verifier.counts()[0].Sound());
  EXPECT_EQ(verifier.bad_references(), 0u);
}

TEST(ReferenceVerifier, RtcpPassesAndOtherThingsAreCorrupt) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  verifier.Datagram(0, std::vector<uint8_t>{0x80, 200, 0, 6, 1, 2, 3, 4}, 0);
  EXPECT_EQ(verifier.rtcp(), 1u);
  EXPECT_EQ(verifier.counts()[0].received, 0u);
  verifier.Datagram(0, {}, 0);
  verifier.Datagram(0, std::vector<uint8_t>(11, 0x80), 0);
  verifier.Datagram(0, std::vector<uint8_t>(100, 0x00), 0);
  verifier.Reference(std::vector<uint8_t>(100, 0x00));
  EXPECT_EQ(verifier.counts()[0].corrupt, 3u);
  EXPECT_EQ(verifier.bad_references(), 1u);
}

TEST(ReferenceVerifier, StreamsBySsrcAndNoMoreThanItsLimit) {
  ReferenceVerifier verifier(kRecipients, kWindow);
  for (uint32_t ssrc = 0; ssrc < ReferenceVerifier::kMaxStreams + 5; ++ssrc) {
    verifier.Reference(Rtp(3, ssrc));
    ToAll(&verifier, Rtp(3, ssrc));
  }
  verifier.Finish();
  EXPECT_EQ(verifier.Streams().size(), ReferenceVerifier::kMaxStreams);
  EXPECT_EQ(verifier.counts()[0].unknown, 5u);
  EXPECT_EQ(verifier.counts()[0].lost, 0u);
}

}  // namespace
}  // namespace groupcast
