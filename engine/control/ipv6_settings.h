// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

namespace groupcast {

// What /proc/sys/net/ipv6 says to all sockets of a network namespace. The kernel announces no
// change, so each is read anew: a system call of less than a microsecond.
class Ipv6Settings {
 public:
  // Those of the calling thread's network namespace, for good.
  Ipv6Settings();
  ~Ipv6Settings();
  Ipv6Settings(const Ipv6Settings&) = delete;
  Ipv6Settings& operator=(const Ipv6Settings&) = delete;

  int AutoFlowLabels() const;         // auto_flowlabels: 0 to 3
  bool FlowLabelStateRanges() const;  // flowlabel_state_ranges
  int HopLimit() const;               // conf/all/hop_limit

 private:
  // Without IPv6 in the kernel there are none.
  int auto_flow_labels_;
  int flow_label_state_ranges_;
  int hop_limit_;
};

}  // namespace groupcast
