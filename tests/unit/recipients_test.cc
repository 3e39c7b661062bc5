// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/recipients.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace groupcast {
namespace {

using ::testing::TempDir;

TEST(Recipients, RangesMakeEveryAddressWithEveryPort) {
  const auto recipients = ParseRecipientRange("10.0.0.255-10.0.1.1:5000-5001");
  ASSERT_TRUE(recipients.ok()) << recipients.status();
  ASSERT_EQ(recipients->size(), 6u);
  EXPECT_EQ(ToString(recipients->front()), "10.0.0.255:5000");
  EXPECT_EQ(ToString((*recipients)[1]), "10.0.0.255:5001");
  EXPECT_EQ(ToString((*recipients)[2]), "10.0.1.0:5000");
  EXPECT_EQ(ToString(recipients->back()), "10.0.1.1:5001");
}

TEST(Recipients, TheHighestAddressAndPortEndARange) {
  const auto recipients = ParseRecipientRange("255.255.255.254-255.255.255.255:65534-65535");
  ASSERT_TRUE(recipients.ok()) << recipients.status();
  EXPECT_EQ(recipients->size(), 4u);
}

TEST(Recipients, BadTextIsRefusedWithItself) {
  for (const char* text :
       {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0:1", "a:1",
        "10.0.0.2-10.0.0.1:5", "10.0.0.1:9-8", "10.0.0.1-:5", "10.0.0.1:5-", "10.0.0.1:5:6",
        "0.0.0.0-255.255.255.255:1-65535", "10.0.0.1:-5"}) {
    const auto recipients = ParseRecipientRange(text);
    ASSERT_FALSE(recipients.ok()) << text;
    EXPECT_NE(recipients.status().message().find(std::string("\"") + text + "\""),
              absl::string_view::npos)
        << recipients.status();
  }
}

TEST(Recipients, OneIsNotARange) {
  EXPECT_TRUE(ParseRecipient("10.0.0.1:5004").ok());
  EXPECT_FALSE(ParseRecipient("10.0.0.1-10.0.0.2:5004").ok());
}

TEST(Recipients, TwiceOrNoneIsAnError) {
  EXPECT_FALSE(CollectRecipients({}, "").ok());
  const auto twice = CollectRecipients({"10.0.0.1-10.0.0.9:5004", "10.0.0.9:5004"}, "");
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.status().message().find("10.0.0.9:5004"), absl::string_view::npos);
}

TEST(Recipients, AFileNamesItsWrongLine) {
  const std::string file = std::filesystem::path(TempDir()) / "recipients_test.txt";
  std::ofstream(file) << "# header\n\n10.0.0.1:5004\n 10.0.0.2:5004  # second\n";
  const auto recipients = CollectRecipients({"10.0.0.9:1"}, file);
  ASSERT_TRUE(recipients.ok()) << recipients.status();
  EXPECT_EQ(recipients->size(), 3u);
  std::ofstream(file, std::ios::app) << "10.0.0.3\n";
  const auto wrong = CollectRecipients({}, file);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find(file + ":5:"), absl::string_view::npos) << wrong.status();
  std::filesystem::remove(file);
  EXPECT_FALSE(CollectRecipients({}, file).ok());
}

}  // namespace
}  // namespace groupcast
