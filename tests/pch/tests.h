// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors

// As engine/pch/engine.h, for programs of many tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/pch/engine.h"
