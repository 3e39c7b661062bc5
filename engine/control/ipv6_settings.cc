// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/ipv6_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace groupcast {
namespace {

constexpr int kDefaultHopLimit = 64;

int Open(const char* path) { return open(path, O_RDONLY | O_CLOEXEC); }

int Value(int descriptor, int absent) {
  std::array<char, 16> text{};
  if (pread(descriptor, text.data(), text.size() - 1, 0) <= 0) return absent;
  return std::atoi(text.data());
}

}  // namespace

Ipv6Settings::Ipv6Settings()
    : auto_flow_labels_(Open("/proc/sys/net/ipv6/auto_flowlabels")),
      flow_label_state_ranges_(Open("/proc/sys/net/ipv6/flowlabel_state_ranges")),
      hop_limit_(Open("/proc/sys/net/ipv6/conf/all/hop_limit")) {}

Ipv6Settings::~Ipv6Settings() {
  for (const int descriptor : {auto_flow_labels_, flow_label_state_ranges_, hop_limit_}) {
    if (descriptor >= 0) close(descriptor);
  }
}

int Ipv6Settings::AutoFlowLabels() const { return Value(auto_flow_labels_, 0); }
bool Ipv6Settings::FlowLabelStateRanges() const { return Value(flow_label_state_ranges_, 0) != 0; }
int Ipv6Settings::HopLimit() const { return Value(hop_limit_, kDefaultHopLimit); }

}  // namespace groupcast
