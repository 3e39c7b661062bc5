// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>

#include "engine/control/resolver.h"

namespace groupcast {

// The numbers of route profiles. A number is never given to a second profile, so one that was
// forgotten while somebody still held it answers nothing instead of something wrong. Needs a mutex
// around it.
class RouteProfiles {
 public:
  uint32_t Intern(const RouteProfile& profile, uint32_t now_s) {
    const auto [item, added] = by_profile_.try_emplace(profile, next_);
    if (added) by_id_.emplace(next_++, Known{.profile = profile});
    by_id_.find(item->second)->second.used_s = now_s;
    return item->second;
  }

  std::optional<RouteProfile> Find(uint32_t id) const {
    const auto item = by_id_.find(id);
    if (item == by_id_.end()) return {};
    return item->second.profile;
  }

  // One more, or one less, route belongs to the profile.
  void AddRoute(uint32_t id) {
    if (const auto item = by_id_.find(id); item != by_id_.end()) item->second.routes++;
  }
  void RemoveRoute(uint32_t id, uint32_t now_s) {
    const auto item = by_id_.find(id);
    if (item == by_id_.end()) return;
    item->second.routes--;
    item->second.used_s = now_s;
  }

  // Forgets those without routes that were not used since `before_s`.
  void Expire(uint32_t before_s) {
    absl::erase_if(by_id_, [this, before_s](const auto& item) {
      if (item.second.routes != 0 || item.second.used_s >= before_s) return false;
      by_profile_.erase(item.second.profile);
      return true;
    });
  }

 private:
  struct Known {
    RouteProfile profile;
    uint32_t routes = 0;
    uint32_t used_s = 0;  // CLOCK_MONOTONIC_COARSE
  };

  absl::flat_hash_map<RouteProfile, uint32_t> by_profile_;
  absl::flat_hash_map<uint32_t, Known> by_id_;
  uint32_t next_ = 1;
};

}  // namespace groupcast
