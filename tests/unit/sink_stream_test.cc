// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tools/groupcast-sink/sequence_window.h"
#include "tools/groupcast-sink/stream_verifier.h"
#include "tools/test_stream.h"

namespace groupcast {
namespace {

using test_stream::Identity;
using test_stream::PrivatePart;

const std::vector<Recipient> kRecipients = {{0x0a000001, 5004}, {0x0a000002, 5004}, {3, 9}};

std::vector<uint8_t> Datagram(const Recipient& to, const Identity& identity, size_t shared_bytes,
                              size_t prepend_bytes = 0, size_t append_bytes = 0) {
  std::vector<uint8_t> bytes(prepend_bytes + shared_bytes + append_bytes);
  const std::span<uint8_t> all(bytes);
  test_stream::WriteShared(identity, all.subspan(prepend_bytes, shared_bytes));
  test_stream::WritePrivate(PrivatePart::kPrepend, to.address, to.udp_port, identity.sequence,
                            all.first(prepend_bytes));
  test_stream::WritePrivate(PrivatePart::kAppend, to.address, to.udp_port, identity.sequence,
                            all.last(append_bytes));
  return bytes;
}

// A run that ends in the middle of a groupcast waits for the rest of it, and for nothing newer.
TEST(StreamVerifier, TheEndOfARunCutsNoGroupcastInTwo) {
  StreamVerifier verifier(kRecipients, {});
  for (uint32_t i = 0; i < 3; ++i) verifier.Datagram(i, Datagram(kRecipients[i], {1, 0}, 100), 0);
  verifier.Datagram(0, Datagram(kRecipients[0], {1, 1}, 100), 0);
  verifier.Close();
  EXPECT_EQ(verifier.Missing(), 2u);
  verifier.Datagram(1, Datagram(kRecipients[1], {1, 1}, 100), 0);
  verifier.Datagram(0, Datagram(kRecipients[0], {1, 2}, 100), 0);
  verifier.Datagram(2, Datagram(kRecipients[2], {1, 1}, 100), 0);
  verifier.Finish();
  for (const RecipientCounts& counts : verifier.counts()) {
    EXPECT_TRUE(counts.Sound());
    EXPECT_EQ(counts.received, 2u);
  }
}

TEST(SequenceWindow, AgreesWithASetOnRandomOrder) {
  std::mt19937_64 random(1);
  SequenceWindow window;
  std::set<uint64_t> seen;
  uint64_t base = 0;
  for (int i = 0; i < 200'000; ++i) {
    base += random() % 3;
    if (random() % 1000 == 0) base += random() % 5000;
    const uint64_t sequence = base + random() % (SequenceWindow::kWidth / 2);
    const uint64_t newest = seen.empty() ? 0 : *seen.rbegin();
    const auto arrival = window.Note(sequence);
    if (!seen.empty() && newest >= SequenceWindow::kWidth &&
        sequence <= newest - SequenceWindow::kWidth) {
      EXPECT_EQ(arrival, SequenceWindow::Arrival::kDuplicate);
      continue;
    }
    const bool first = seen.empty() || sequence > newest;
    const bool fresh = seen.insert(sequence).second;
    ASSERT_EQ(arrival, !fresh  ? SequenceWindow::Arrival::kDuplicate
                       : first ? SequenceWindow::Arrival::kFresh
                               : SequenceWindow::Arrival::kReordered)
        << i;
  }
  EXPECT_EQ(window.distinct(), seen.size());
}

TEST(StreamVerifier, SoundStreamsOfEveryFormPass) {
  for (const size_t shared_bytes : {0u, 1u, 7u, 8u, 31u, 32u, 1000u}) {
    StreamVerifier verifier(kRecipients, {.prepend_bytes = 5, .append_bytes = 3, .datagrams = 50});
    for (uint64_t sequence = 0; sequence < 50; ++sequence) {
      const bool anonymous = shared_bytes < test_stream::kShortHeaderBytes;
      for (uint32_t i = 0; i < kRecipients.size(); ++i) {
        verifier.Datagram(
            i, Datagram(kRecipients[i], {.sequence = anonymous ? 0 : sequence}, shared_bytes, 5, 3),
            0);
      }
    }
    verifier.Finish();
    for (const RecipientCounts& counts : verifier.counts()) {
      EXPECT_TRUE(counts.Sound()) << shared_bytes;
      EXPECT_EQ(counts.received, 50u);
      EXPECT_EQ(counts.distinct, 50u);
    }
  }
}

TEST(StreamVerifier, LossDuplicatesAndReorderingAreTold) {
  StreamVerifier verifier(kRecipients, {});
  // Recipient 0: 0..9. Recipient 1: without 0 and 5, 3 twice, 8 before 7. Recipient 2: nothing.
  for (uint64_t s = 0; s < 10; ++s) {
    verifier.Datagram(0, Datagram(kRecipients[0], {.sequence = s}, 100), 0);
  }
  for (const uint64_t s : {1u, 2u, 3u, 3u, 4u, 6u, 8u, 7u, 9u}) {
    verifier.Datagram(1, Datagram(kRecipients[1], {.sequence = s}, 100), 0);
  }
  EXPECT_EQ(verifier.Missing(), 12u);
  verifier.Finish();
  EXPECT_TRUE(verifier.counts()[0].Sound());
  EXPECT_EQ(verifier.counts()[1].lost, 2u);
  EXPECT_EQ(verifier.counts()[1].duplicate, 1u);
  EXPECT_EQ(verifier.counts()[1].reordered, 1u);
  EXPECT_EQ(verifier.counts()[2].lost, 10u);
}

TEST(StreamVerifier, WhatAllRecipientsLostIsLost) {
  // The first two by the sequence that follows, the last three by a marker.
  StreamVerifier verifier(kRecipients, {});
  for (uint32_t i = 0; i < kRecipients.size(); ++i) {
    for (uint64_t s = 2; s < 10; ++s) {
      verifier.Datagram(i, Datagram(kRecipients[i], {.sequence = s}, 100), 0);
    }
  }
  verifier.Datagram(1, Datagram(kRecipients[1], {.sequence = 13, .end = true}, 100), 0);
  verifier.Finish();
  for (const RecipientCounts& counts : verifier.counts()) {
    EXPECT_EQ(counts.lost, 5u);
    EXPECT_EQ(counts.received, 8u);
  }
  ASSERT_EQ(verifier.Streams().size(), 1u);
  EXPECT_EQ(verifier.Streams()[0].datagrams, 13u);
  EXPECT_TRUE(verifier.Streams()[0].end_known);
}

TEST(StreamVerifier, JoinLateAndPartialLowerTheExpectation) {
  StreamVerifier verifier(kRecipients, {.join_late = true, .partial = true});
  verifier.Datagram(0, Datagram(kRecipients[0], {.sequence = 100}, 100), 0);
  verifier.Datagram(0, Datagram(kRecipients[0], {.sequence = 102}, 100), 0);
  verifier.Finish();
  EXPECT_EQ(verifier.counts()[0].lost, 1u);
  EXPECT_EQ(verifier.counts()[1].lost, 0u);
}

TEST(StreamVerifier, ExpectedCountMakesAShortStreamLost) {
  StreamVerifier verifier({kRecipients[0]}, {.datagrams = 7});
  for (uint64_t s = 0; s < 5; ++s) {
    verifier.Datagram(0, Datagram(kRecipients[0], {.sequence = s}, 100), 0);
  }
  verifier.Finish();
  EXPECT_EQ(verifier.counts()[0].lost, 2u);
}

TEST(StreamVerifier, AnotherRecipientsPrivateBytesAreCorrupt) {
  StreamVerifier verifier(kRecipients, {.prepend_bytes = 12});
  verifier.Datagram(0, Datagram(kRecipients[1], {.sequence = 0}, 100, 12), 0);
  verifier.Finish();
  EXPECT_EQ(verifier.counts()[0].corrupt, 1u);
  EXPECT_EQ(verifier.counts()[0].lost, 0u);
}

TEST(StreamVerifier, ChangedBytesAreFoundBehindASoundCopy) {
  // The second recipient's copy is compared with the first one's.
  StreamVerifier verifier(kRecipients, {});
  std::vector<uint8_t> bytes = Datagram(kRecipients[0], {.sequence = 0}, 700);
  verifier.Datagram(0, bytes, 0);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= 0x40;
    verifier.Datagram(1, bytes, 0);
    bytes[i] ^= 0x40;
  }
  EXPECT_EQ(verifier.counts()[0].corrupt, 0u);
  EXPECT_EQ(verifier.counts()[1].corrupt, bytes.size());
}

TEST(StreamVerifier, StreamsAreCountedApart) {
  StreamVerifier verifier({kRecipients[0]}, {});
  for (uint64_t s = 0; s < 10; ++s) {
    for (const uint32_t stream : {1u, 2u}) {
      verifier.Datagram(0, Datagram(kRecipients[0], {.stream = stream, .sequence = s}, 100), 0);
    }
  }
  verifier.Finish();
  EXPECT_TRUE(verifier.counts()[0].Sound());
  EXPECT_EQ(verifier.counts()[0].distinct, 20u);
  EXPECT_EQ(verifier.Streams().size(), 2u);
}

TEST(StreamVerifier, ForeignAndShortDatagramsAreCorruptAndNothingElse) {
  StreamVerifier verifier({kRecipients[0]}, {.prepend_bytes = 4});
  std::mt19937 random(2);
  for (size_t length = 0; length < 300; ++length) {
    std::vector<uint8_t> bytes(length);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    verifier.Datagram(0, bytes, 0);
  }
  verifier.Finish();
  EXPECT_EQ(verifier.counts()[0].received, 300u);
  EXPECT_EQ(verifier.counts()[0].corrupt, 300u);
  EXPECT_EQ(verifier.counts()[0].lost, 0u);
}

}  // namespace
}  // namespace groupcast
