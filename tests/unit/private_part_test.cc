// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/private_part.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "api/private_rows.h"
#include "engine/datapath/request_memory.h"

namespace groupcast {
namespace {

// In memory of its own, where a sanitizer sees what is read beyond the end.
std::unique_ptr<uint8_t[]> Exactly(const std::string& bytes) {
  std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  return copy;
}

TEST(CopyAndSum, IsACopyAndItsSum) {
  std::mt19937 random{20080528};
  for (int round = 0; round < 2000; round++) {
    std::string bytes(static_cast<size_t>(round % 50), '\0');
    // All ones and all zeros are the sums that carry, and the two zeros.
    const int fill = round / 50;
    for (char& byte : bytes) byte = static_cast<char>(fill == 0 ? 0xff : fill == 1 ? 0 : random());
    const auto from = Exactly(bytes);
    uint8_t to[50 + kPrivateSlack] = {};
    const uint16_t sum = CopyAndSum(to, from.get(), bytes.size());
    ASSERT_EQ(std::string(reinterpret_cast<char*>(to), bytes.size()), bytes);
    ASSERT_EQ(sum, SumBytes(bytes.data(), bytes.size())) << bytes.size() << " bytes";
  }
}

TEST(PutPrivate, SumsEachPartAtItsPlace) {
  std::mt19937 random{1};
  for (int round = 0; round < 2000; round++) {
    const size_t payload_len = random() % 30;
    std::string prepend(random() % 20, '\0'), append(random() % 20, '\0');
    for (char& byte : prepend) byte = static_cast<char>(random());
    for (char& byte : append) byte = static_cast<char>(random());
    uint8_t bytes[64 + kPrivateSlack];
    const uint32_t offset = random() % 5;
    const PrivatePart part = PutPrivate({prepend.data(), prepend.size()},
                                        {append.data(), append.size()}, payload_len, bytes, offset);
    const std::string whole = prepend + std::string(payload_len, '\0') + append;
    EXPECT_EQ(part.offset, offset);
    EXPECT_EQ(part.prepend_len, prepend.size());
    EXPECT_EQ(part.append_len, append.size());
    EXPECT_EQ(part.sum, SumBytes(whole.data(), whole.size()));
    EXPECT_EQ(std::string(reinterpret_cast<char*>(bytes) + offset, prepend.size() + append.size()),
              prepend + append);
  }
}

// Whose lengths differ from the first one's on: from `mixed_from` on; none: all are alike.
void PutAll(uint16_t recipients, uint16_t mixed_from) {
  std::vector<std::string> prepends, appends;
  size_t len = 0;
  for (uint16_t i = 0; i < recipients; i++) {
    prepends.emplace_back(i < mixed_from ? 12 : 3 + i % 20, static_cast<char>('a' + i % 26));
    appends.emplace_back(i < mixed_from ? 5 : i % 7, static_cast<char>('A' + i % 26));
    len += prepends.back().size() + appends.back().size();
  }
  alignas(64) static uint8_t memory[1 << 16];
  Arena arena(memory, sizeof(memory), 0);
  Request* request = AllocateRequest(&arena, {recipients, false, true, len}, true);
  ASSERT_NE(request, nullptr);
  PrivateParts parts(request, 1);
  for (uint16_t i = 0; i < recipients; i++) {
    parts.Put({prepends[i].data(), prepends[i].size()}, {appends[i].data(), appends[i].size()});
  }
  EXPECT_EQ(parts.count(), recipients);
  EXPECT_EQ(parts.len(), len);
  parts.Finish(request);
  EXPECT_EQ(request->privates != nullptr, mixed_from < recipients);
  for (uint16_t i = 0; i < recipients; i++) {
    const PrivatePart part = PartOf(*request, i);
    const auto* at = reinterpret_cast<const char*>(request->private_bytes) + part.offset;
    EXPECT_EQ(std::string(at, part.prepend_len), prepends[i]);
    EXPECT_EQ(std::string(at + part.prepend_len, part.append_len), appends[i]);
    const std::string whole = prepends[i] + '\0' + appends[i];
    EXPECT_EQ(part.sum, SumBytes(whole.data(), whole.size())) << i;
    EXPECT_EQ(request->errors[i], 0);
  }
}

TEST(PrivateParts, AreOfOneLengthUntilOneIsNot) {
  PutAll(1, 1);
  PutAll(64, 64);
  for (const uint16_t mixed_from : {1, 2, 40, 63}) PutAll(64, mixed_from);
  PutAll(2, 1);
}

TEST(FoldWords, IsTheSumOfTheirBytes) {
  std::mt19937_64 random{42};
  for (int round = 0; round < 4000; round++) {
    uint64_t words[2];
    // All ones and all zeros are the sums that carry, and the two zeros.
    for (uint64_t& word : words) word = round % 7 == 0 ? UINT64_MAX : round % 5 == 0 ? 0 : random();
    if (round % 3 == 0) words[1] = ~words[0];
    ASSERT_EQ(FoldWords(words[0], words[1]), SumBytes(words, sizeof(words))) << round;
  }
}

// All rows lie in memory of their own, the last one at its end.
void CopyRows(size_t prepend_len, size_t append_len, size_t stride, size_t payload_len) {
  constexpr uint16_t kMembers = 70, kRows = 40;
  std::mt19937 random{static_cast<uint32_t>(prepend_len * 1000 + append_len)};
  const size_t len = prepend_len + append_len;
  std::string bytes((kRows - 1) * stride + len, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  const auto memory = Exactly(bytes);
  std::vector<uint64_t> tags;
  for (uint16_t i = 0; i < kMembers; i++) tags.push_back(random() % kRows);
  tags[kMembers - 1] = kRows;
  alignas(64) static uint8_t arena_memory[1 << 16];
  Arena arena(arena_memory, sizeof(arena_memory), 0);
  Request* request =
      AllocateRequest(&arena, {kMembers, false, true, kMembers * len, /*one_length=*/true}, true);
  ASSERT_NE(request, nullptr);
  const PrivateTable table{memory.get(), kRows, stride, prepend_len, append_len};
  ASSERT_EQ(PrivateRows(table, payload_len, request).Copy(tags.data(), kMembers), kMembers - 1);
  request->prepend_len = static_cast<uint16_t>(prepend_len);
  request->append_len = static_cast<uint16_t>(append_len);
  for (uint16_t i = 0; i + 1 < kMembers; i++) {
    const PrivatePart part = PartOf(*request, i);
    const std::string row = bytes.substr(tags[i] * stride, len);
    EXPECT_EQ(row,
              std::string(reinterpret_cast<const char*>(request->private_bytes) + i * len, len));
    const std::string whole =
        row.substr(0, prepend_len) + std::string(payload_len, '\0') + row.substr(prepend_len);
    EXPECT_EQ(part.sum, SumBytes(whole.data(), whole.size())) << prepend_len << " " << append_len;
    EXPECT_EQ(request->errors[i], 0);
  }
  Arena::Release(request);
  EXPECT_EQ(arena.Used(), 0U);
}

TEST(PrivateRows, AreThoseOfTheTags) {
  for (size_t prepend_len = 0; prepend_len < 20; prepend_len++) {
    for (const size_t append_len : {0, 1, 7, 8, 16, 33}) {
      CopyRows(prepend_len, append_len, prepend_len + append_len, prepend_len % 2);
      CopyRows(prepend_len, append_len, 64, append_len % 3);
    }
  }
  CopyRows(200, 0, 3, 1);  // rows that overlap
  CopyRows(12, 0, 0, 1);   // one for all
}

}  // namespace
}  // namespace groupcast
