// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors

// What most files of a library include, compiled once for it. Nothing relies on this: a file
// includes what it uses, and builds with -Db_pch=false.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
