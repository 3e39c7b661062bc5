// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/send_plan.h"

#include <absl/strings/str_cat.h>

namespace groupcast {
namespace {

std::string Payloads(const TxPlan& plan) {
  if (!plan.chains) return "payloads are copied to each packet: the driver takes no chains";
  if (plan.copybreak == 0) return "payloads are chained";
  return absl::StrCat("payloads above ", plan.copybreak, " bytes are chained, smaller ones copied");
}

std::string Checksums(const TxPlan& plan) {
  const bool ip = (plan.offloads & RTE_MBUF_F_TX_IP_CKSUM) != 0;
  const bool udp = (plan.offloads & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
  if (ip && udp) return "checksums by the device";
  if (!ip && !udp) return "checksums in software";
  return ip ? "IPv4 checksums by the device, UDP checksums in software"
            : "UDP checksums by the device, IPv4 checksums in software";
}

// What becomes of memory that the application hands over without a copy.
std::string Memory(const TxPlan& plan, const DriverProfile& profile) {
  if (!plan.chains) return "copied, too";
  if (profile.memory == PayloadMemory::kDpdk) return "copied: the device reads DPDK's memory only";
  switch (profile.completion) {
    case Completion::kEager:
      return "handed back when the driver has taken the packets";
    case Completion::kConsumer:
      return "handed back when the last packet's consumer frees it";
    case Completion::kDescriptors:
      return "handed back when the device has read it";
    case Completion::kSilent:
      return "copied: the driver does not tell when it was read";
  }
  return "";
}

}  // namespace

std::string DescribeSendPlan(const TxPlan& plan, const DriverProfile& profile) {
  return absl::StrCat(Payloads(plan), "; ", Checksums(plan),
                      plan.vlan != 0 ? "; VLAN tags by the device" : "",
                      "; application memory: ", Memory(plan, profile));
}

}  // namespace groupcast
