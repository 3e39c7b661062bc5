// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <atomic>
#include <optional>

#include "engine/control/netlink.h"

namespace groupcast {

// Whether this network namespace has an xfrm (IPsec) output policy. Control thread only, but for
// present(). Where the kernel has no xfrm, or does not permit the question, there is none.
class XfrmWatch {
 public:
  XfrmWatch();  // in the calling thread's network namespace

  int fd() const { return events_ ? events_->fd() : -1; }
  // Takes notifications and asks again if there were any.
  void Read();
  const std::atomic<bool>& present() const { return present_; }

 private:
  void Ask();

  std::optional<NetlinkSocket> events_;
  std::optional<NetlinkSocket> questions_;
  std::atomic<bool> present_{false};  // control: w; callers: r
};

}  // namespace groupcast
