// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "tools/groupcast-perf/tally.h"
#include "tools/groupcast-perf/workload.h"

namespace groupcast::perf {

// The bytes of the shared payload, the same for everybody, so that a receiver may check them.
std::vector<uint8_t> PayloadBytes(uint32_t len);

// One producer's calls of one mode, with all they need made beforehand. One thread at a time.
class GroupcastSource {
 public:
  virtual ~GroupcastSource() = default;
  // On the thread that sends, before all others and after them.
  virtual void Begin() {}
  virtual void End() {}
  // Sends one groupcast; when it has ended, it is counted in `tally` (null: in none).
  virtual void Send(Tally* tally) = 0;
  // Waits for what is under way, at most two seconds.
  virtual void Finish() {}
  // Groupcasts that were under way at most, after what there was no room for.
  virtual uint32_t Outstanding() const { return 1; }
};

struct SourceOptions {
  Workload workload;
  Flow flow;
  uint32_t burst = 1;
};

[[nodiscard]] absl::StatusOr<std::unique_ptr<GroupcastSource>> MakeSource(
    const SourceOptions& options);

// The parts of it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<GroupcastSource>> MakeSendgroupSource(
    const SourceOptions& options);
[[nodiscard]] absl::StatusOr<std::unique_ptr<GroupcastSource>> MakeGroupSource(
    const SourceOptions& options);

class DirectPort;
// Mode direct. `port` has to outlive it.
std::unique_ptr<GroupcastSource> MakeDirectSource(DirectPort* port);

// A UDP socket bound to the flow's source port, which all producers share.
[[nodiscard]] absl::StatusOr<int> BoundSocket(const Flow& flow);
sockaddr_in AddressOf(const Flow& flow, uint32_t recipient);

}  // namespace groupcast::perf
