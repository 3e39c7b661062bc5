// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "engine/control/config.h"

namespace groupcast {

inline IpAddress Ipv4(const char* text) { return IpAddress::FromIpv4(inet_addr(text)); }

inline IpAddress Ipv6(const char* text) {
  in6_addr address{};
  EXPECT_EQ(inet_pton(AF_INET6, text, &address), 1);
  return IpAddress::FromIpv6(address);
}

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(setenv("GROUPCAST_DRIVERS", TEST_DRIVERS_CONFIG, 1), 0);
    std::string pattern = testing::TempDir() + "/groupcast-config-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/relay.yaml";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }

  absl::StatusOr<EngineConfig> Load(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return LoadEngineConfig(path_);
  }

  // The message of a wrong file, without the folder.
  std::string ErrorOf(const std::string& text) {
    const absl::StatusOr<EngineConfig> config = Load(text);
    if (config.ok()) return "accepted";
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    std::string message(config.status().message());
    for (size_t at = message.find(folder_); at != std::string::npos; at = message.find(folder_)) {
      message.erase(at, folder_.size() + 1);
    }
    return message;
  }

  std::string folder_;
  std::string path_;
};

}  // namespace groupcast
