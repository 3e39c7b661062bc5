// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/egress_filters.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <optional>
#include <set>

#include "engine/control/netlink.h"

namespace groupcast {
namespace {

constexpr size_t kReceiveBufferBytes = 1 << 20;

std::string Text(std::string_view text) { return std::string(text); }

bool IsPort(std::span<const uint32_t> interfaces, uint32_t interface) {
  return std::ranges::find(interfaces, interface) != interfaces.end();
}

std::string InterfaceName(uint32_t interface) {
  char name[IF_NAMESIZE];
  return if_indextoname(interface, name) != nullptr ? name : absl::StrCat("interface ", interface);
}

// Whether a netdev chain is hooked to one of the ports' interfaces.
bool HookedToPort(const NetlinkAttributes& hook, std::span<const uint32_t> interfaces) {
  const auto is_port = [interfaces](std::string_view name) {
    return !name.empty() && IsPort(interfaces, if_nametoindex(Text(name).c_str()));
  };
  if (is_port(hook.String(NFTA_HOOK_DEV))) return true;
  const nlattr* devices = hook.Get(NFTA_HOOK_DEVS);
  if (devices == nullptr) return false;
  bool found = false;
  const auto* device = static_cast<const nlattr*>(mnl_attr_get_payload(devices));
  const char* end = reinterpret_cast<const char*>(device) + mnl_attr_get_payload_len(devices);
  while (mnl_attr_ok(device, static_cast<int>(end - reinterpret_cast<const char*>(device)))) {
    found |= is_port(mnl_attr_get_str(device));
    device = mnl_attr_next(device);
  }
  return found;
}

// "inet filter output", for a base chain that datagrams of this host pass on their way out.
std::optional<std::string> EgressChain(const nlmsghdr* message,
                                       std::span<const uint32_t> interfaces) {
  if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
      message->nlmsg_len < NLMSG_LENGTH(sizeof(nfgenmsg))) {
    return {};
  }
  const auto* body = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
  const NetlinkAttributes attributes(message, sizeof(nfgenmsg));
  const NetlinkAttributes hook(attributes.Get(NFTA_CHAIN_HOOK));
  const std::optional<uint32_t> number_be = hook.U32(NFTA_HOOK_HOOKNUM);
  if (!number_be) return {};
  const uint32_t number = ntohl(*number_be);
  const bool output = number == NF_INET_LOCAL_OUT || number == NF_INET_POST_ROUTING;
  std::string family;
  if (body->nfgen_family == NFPROTO_INET && output) family = "inet";
  if (body->nfgen_family == NFPROTO_IPV4 && output) family = "ip";
  if (body->nfgen_family == NFPROTO_IPV6 && output) family = "ip6";
  if (body->nfgen_family == NFPROTO_NETDEV && number == NF_NETDEV_EGRESS &&
      HookedToPort(hook, interfaces)) {
    family = "netdev";
  }
  if (family.empty()) return {};
  return absl::StrCat(family, " ", Text(attributes.String(NFTA_CHAIN_TABLE)), " ",
                      Text(attributes.String(NFTA_CHAIN_NAME)));
}

void FindChains(std::span<const uint32_t> interfaces, std::set<std::string>* found) {
  absl::StatusOr<NetlinkSocket> socket =
      NetlinkSocket::Open(NETLINK_NETFILTER, kReceiveBufferBytes);
  if (!socket.ok()) return;
  NetlinkRoom<256> room;
  nfgenmsg* body;
  nlmsghdr* request =
      PutNetlinkMessage(room.bytes.data(), NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN,
                        NLM_F_REQUEST | NLM_F_DUMP, &body);
  body->nfgen_family = NFPROTO_UNSPEC;
  body->version = NFNETLINK_V0;
  const absl::Status status = socket->Dump(request, [&](const nlmsghdr* message) {
    const std::optional<std::string> chain = EgressChain(message, interfaces);
    if (chain) found->insert(absl::StrCat("nftables chain ", *chain));
  });
  status.IgnoreError();
}

void FindQdiscs(std::span<const uint32_t> interfaces, std::set<std::string>* found) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_ROUTE, kReceiveBufferBytes);
  if (!socket.ok()) return;
  NetlinkRoom<256> room;
  tcmsg* body;
  nlmsghdr* request =
      PutNetlinkMessage(room.bytes.data(), RTM_GETQDISC, NLM_F_REQUEST | NLM_F_DUMP, &body);
  const absl::Status status = socket->Dump(request, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWQDISC || message->nlmsg_len < NLMSG_LENGTH(sizeof(tcmsg))) {
      return;
    }
    const auto* qdisc = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
    const auto interface = static_cast<uint32_t>(qdisc->tcm_ifindex);
    const NetlinkAttributes attributes(message, sizeof(tcmsg));
    if (attributes.String(TCA_KIND) == "clsact" && IsPort(interfaces, interface)) {
      found->insert(absl::StrCat("qdisc clsact on ", InterfaceName(interface)));
    }
  });
  status.IgnoreError();
}

}  // namespace

std::vector<std::string> FindEgressFilters(std::span<const uint32_t> interfaces) {
  std::set<std::string> found;
  FindChains(interfaces, &found);
  FindQdiscs(interfaces, &found);
  return {found.begin(), found.end()};
}

}  // namespace groupcast
