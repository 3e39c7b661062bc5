// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/port_plan.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace groupcast {
namespace {

struct Offload {
  const char* name;
  uint64_t capability;
  uint64_t mbuf_flag;
};
constexpr Offload kOffloads[] = {
    {"ipv4_cksum", RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, RTE_MBUF_F_TX_IP_CKSUM},
    {"udp_cksum", RTE_ETH_TX_OFFLOAD_UDP_CKSUM, RTE_MBUF_F_TX_UDP_CKSUM},
    {"vlan_insert", RTE_ETH_TX_OFFLOAD_VLAN_INSERT, RTE_MBUF_F_TX_VLAN},
};

// A head, the payload, and what is appended.
constexpr uint16_t kLeastChain = 3;

void PlanChains(const DriverProfile& profile, const rte_eth_dev_info& info, PortPlan* plan) {
  const bool advertised = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  if (advertised) plan->tx_offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  plan->max_segments = profile.max_segments;
  if (const uint16_t most = info.tx_desc_lim.nb_mtu_seg_max; most > 0 && most < kLeastChain) {
    plan->notes.push_back(absl::StrCat(info.driver_name, " takes ", most,
                                       " segments a packet at most; payloads are copied"));
    plan->max_segments = most;
  } else if (most > 0) {
    plan->max_segments = std::min(profile.max_segments, most);
  }
  // net_null and net_pcap take chains without advertising it.
  const bool wanted = profile.chains || profile.chains_if_advertised;
  plan->chains = plan->max_segments >= kLeastChain &&
                 (profile.chains || (profile.chains_if_advertised && advertised));
  if (wanted && !plan->chains && plan->notes.empty()) {
    plan->notes.push_back(
        absl::StrCat(info.driver_name, " does not take chains of mbufs; payloads are copied"));
  }
}

}  // namespace

PortPlan PlanPort(const DriverProfile& profile,
                  const std::optional<std::vector<std::string>>& tx_offloads,
                  const rte_eth_dev_info& info) {
  PortPlan plan;
  PlanChains(profile, info, &plan);
  const std::vector<std::string>& unusable = profile.tx_offloads_unusable;
  for (const std::string& wanted : tx_offloads.value_or(profile.tx_offloads)) {
    for (const Offload& offload : kOffloads) {
      if (wanted != offload.name) continue;
      if ((info.tx_offload_capa & offload.capability) == 0 ||
          std::find(unusable.begin(), unusable.end(), wanted) != unusable.end()) {
        plan.notes.push_back(
            absl::StrCat(info.driver_name, " does not do ", wanted, "; it is done in software"));
        continue;
      }
      plan.tx_offloads |= offload.capability;
      plan.mbuf_offloads |= offload.mbuf_flag;
    }
  }
  return plan;
}

}  // namespace groupcast
