// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace groupcast {
namespace {

// What a driver opens behind a look is told from what was open before, its first descriptor too.
TEST(Descriptors, TheNextOneIsNotAmongThem) {
  const int earlier = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const auto before = OpenDescriptors();
  const int later = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_TRUE(before.contains(earlier));
  EXPECT_FALSE(before.contains(later)) << later;
  EXPECT_TRUE(OpenDescriptors().contains(later));
  close(earlier);
  close(later);
}

}  // namespace
}  // namespace groupcast
