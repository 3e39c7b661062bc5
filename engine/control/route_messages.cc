// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/route_messages.h"

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "engine/control/netlink.h"

namespace groupcast {
namespace {

constexpr uint8_t kEcnBits = 0x03;     // of the TOS byte: no part of a route question
constexpr uint32_t kUserTicksMs = 10;  // rta_expires counts USER_HZ, 100 a second on every machine

// A MAC attribute; zero where it is absent or of another length.
rte_ether_addr Mac(const NetlinkAttributes& attributes, uint16_t type) {
  rte_ether_addr mac{};
  const nlattr* attribute = attributes.Get(type);
  if (attribute != nullptr && mnl_attr_get_payload_len(attribute) == sizeof(mac)) {
    std::memcpy(&mac, mnl_attr_get_payload(attribute), sizeof(mac));
  }
  return mac;
}

void PutAddress(nlmsghdr* message, uint16_t type, const IpAddress& address) {
  const in6_addr ipv6 = address.Ipv6();
  if (address.IsIpv4()) {
    mnl_attr_put_u32(message, type, address.Ipv4());
  } else {
    mnl_attr_put(message, type, sizeof(ipv6), &ipv6);
  }
}

// An address attribute of a message of `family`; empty where it is absent or of another length.
std::optional<IpAddress> Address(const NetlinkAttributes& attributes, uint16_t type,
                                 uint8_t family) {
  const nlattr* attribute = attributes.Get(type);
  if (attribute == nullptr) return {};
  const uint16_t length = mnl_attr_get_payload_len(attribute);
  if (family == AF_INET && length == sizeof(in_addr)) {
    return IpAddress::FromIpv4(mnl_attr_get_u32(attribute));
  }
  in6_addr ipv6;
  if (family != AF_INET6 || length != sizeof(ipv6)) return {};
  std::memcpy(&ipv6, mnl_attr_get_payload(attribute), sizeof(ipv6));
  return IpAddress::FromIpv6(ipv6);
}

// One of the values of IFLA_INET6_CONF; 0 where it is absent.
uint32_t Ipv6Setting(const nlattr* settings, size_t index) {
  int32_t value = 0;
  if (settings == nullptr || mnl_attr_get_payload_len(settings) < (index + 1) * sizeof(value)) {
    return 0;
  }
  const auto* values = static_cast<const char*>(mnl_attr_get_payload(settings));
  std::memcpy(&value, values + index * sizeof(value), sizeof(value));
  return static_cast<uint32_t>(std::max(value, 0));
}

std::optional<VlanTag> Vlan(const NetlinkAttributes& attributes) {
  const NetlinkAttributes info(attributes.Get(IFLA_LINKINFO));
  if (info.String(IFLA_INFO_KIND) != "vlan") return {};
  const NetlinkAttributes data(info.Get(IFLA_INFO_DATA));
  const std::optional<uint16_t> id = data.U16(IFLA_VLAN_ID);
  if (!id) return {};
  // Kernels before 3.10 know no other than 802.1Q.
  return VlanTag{.protocol = data.U16(IFLA_VLAN_PROTOCOL).value_or(htons(ETH_P_8021Q)), .id = *id};
}

}  // namespace

uint32_t AskedInterface(const RouteProfile& profile, const Destination& destination) {
  // udpv6_sendmsg(): the scope counts for addresses that need one only, and before the socket's.
  const bool scoped = destination.address.IsLinkLocal() && destination.scope != 0;
  return scoped ? destination.scope : profile.interface;
}

nlmsghdr* PutRouteQuestion(void* room, uint32_t sequence, const RouteProfile& profile,
                           const Destination& destination) {
  const bool ipv4 = destination.address.IsIpv4();
  const auto bits = static_cast<uint8_t>(ipv4 ? 32 : 128);
  rtmsg* body;
  nlmsghdr* message = PutNetlinkMessage(room, RTM_GETROUTE, NLM_F_REQUEST, &body);
  message->nlmsg_seq = sequence;
  body->rtm_family = ipv4 ? AF_INET : AF_INET6;
  body->rtm_dst_len = bits;
  body->rtm_tos = (ipv4 ? profile.tos : profile.traffic_class) & ~kEcnBits;
  PutAddress(message, RTA_DST, destination.address);
  if (!profile.source.IsUnspecified()) {
    body->rtm_src_len = bits;
    PutAddress(message, RTA_SRC, profile.source);
  }
  const uint32_t interface = AskedInterface(profile, destination);
  if (interface != 0) mnl_attr_put_u32(message, RTA_OIF, interface);
  if (profile.mark != 0) mnl_attr_put_u32(message, RTA_MARK, profile.mark);
  mnl_attr_put_u32(message, RTA_UID, profile.uid);
  mnl_attr_put_u8(message, RTA_IP_PROTO, IPPROTO_UDP);
  if (profile.source_port != 0) mnl_attr_put_u16(message, RTA_SPORT, profile.source_port);
  if (destination.udp_port != 0) mnl_attr_put_u16(message, RTA_DPORT, destination.udp_port);
  return message;
}

nlmsghdr* PutNeighbourUse(void* room, uint32_t interface, const IpAddress& address) {
  ndmsg* body;
  nlmsghdr* message = PutNetlinkMessage(room, RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE, &body);
  body->ndm_family = address.IsIpv4() ? AF_INET : AF_INET6;
  body->ndm_ifindex = static_cast<int>(interface);
  body->ndm_flags = NTF_USE;
  PutAddress(message, NDA_DST, address);
  return message;
}

nlmsghdr* PutLinkQuestion(void* room, uint32_t sequence, uint32_t interface) {
  ifinfomsg* body;
  nlmsghdr* message = PutNetlinkMessage(room, RTM_GETLINK, NLM_F_REQUEST, &body);
  message->nlmsg_seq = sequence;
  body->ifi_index = static_cast<int>(interface);
  return message;
}

nlmsghdr* PutLinkDump(void* room) {
  ifinfomsg* body;
  return PutNetlinkMessage(room, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &body);
}

nlmsghdr* PutNeighbourDump(void* room) {
  ndmsg* body;
  return PutNetlinkMessage(room, RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, &body);
}

RouteAnswer ParseRouteAnswer(const nlmsghdr* message) {
  RouteAnswer answer;
  answer.answered = true;
  if (message->nlmsg_type == NLMSG_ERROR) {
    answer.error = NetlinkError(message);
    return answer;
  }
  if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) {
    answer.error = EBADMSG;
    return answer;
  }
  const auto* body = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  const NetlinkAttributes attributes(message, sizeof(rtmsg));
  answer.type = body->rtm_type;
  answer.interface = attributes.U32(RTA_OIF).value_or(0);
  answer.gateway = Address(attributes, RTA_GATEWAY, body->rtm_family).value_or(IpAddress{});
  answer.source = Address(attributes, RTA_PREFSRC, body->rtm_family).value_or(IpAddress{});
  answer.foreign_next_hop = attributes.Get(RTA_VIA) != nullptr;
  answer.encapsulated = attributes.Get(RTA_ENCAP) != nullptr;
  const NetlinkAttributes metrics(attributes.Get(RTA_METRICS));
  answer.mtu = metrics.U32(RTAX_MTU).value_or(0);
  answer.mtu_locked = (metrics.U32(RTAX_LOCK).value_or(0) & (1u << RTAX_MTU)) != 0;
  answer.hop_limit = metrics.U32(RTAX_HOPLIMIT).value_or(0);
  const nlattr* cache = attributes.Get(RTA_CACHEINFO);
  if (cache != nullptr && mnl_attr_get_payload_len(cache) >= sizeof(rta_cacheinfo)) {
    rta_cacheinfo info;
    std::memcpy(&info, mnl_attr_get_payload(cache), sizeof(info));
    if (info.rta_expires > 0) {
      answer.expires_ms = static_cast<uint32_t>(info.rta_expires) * kUserTicksMs;
    }
  }
  return answer;
}

std::optional<LinkMessage> ParseLink(const nlmsghdr* message) {
  if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) return {};
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return {};
  const auto* body = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  // A bridge tells of its ports, too, in messages of its own family.
  if (body->ifi_family != AF_UNSPEC) return {};
  const NetlinkAttributes attributes(message, sizeof(ifinfomsg));
  // A wireless event has neither MAC nor MTU: it tells nothing of the link.
  if (message->nlmsg_type == RTM_NEWLINK && !attributes.U32(IFLA_MTU)) return {};
  LinkMessage link;
  link.gone = message->nlmsg_type == RTM_DELLINK;
  link.interface = static_cast<uint32_t>(body->ifi_index);
  link.up = (body->ifi_flags & IFF_UP) != 0;
  link.running = (body->ifi_flags & IFF_RUNNING) != 0;
  link.no_arp = (body->ifi_flags & IFF_NOARP) != 0;
  link.mtu = attributes.U32(IFLA_MTU).value_or(0);
  const NetlinkAttributes families(attributes.Get(IFLA_AF_SPEC));
  const NetlinkAttributes ipv6(families.Get(AF_INET6));
  link.mtu6 = Ipv6Setting(ipv6.Get(IFLA_INET6_CONF), DEVCONF_MTU6);
  link.hop_limit6 = static_cast<uint8_t>(Ipv6Setting(ipv6.Get(IFLA_INET6_CONF), DEVCONF_HOPLIMIT));
  link.mac = Mac(attributes, IFLA_ADDRESS);
  // One in another namespace has a number of that namespace.
  if (attributes.Get(IFLA_LINK_NETNSID) == nullptr) {
    link.lower = attributes.U32(IFLA_LINK).value_or(0);
  }
  link.vlan = Vlan(attributes);
  return link;
}

std::optional<NeighbourMessage> ParseNeighbour(const nlmsghdr* message) {
  if (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH) return {};
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ndmsg))) return {};
  const auto* body = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  const NetlinkAttributes attributes(message, sizeof(ndmsg));
  const std::optional<IpAddress> address = Address(attributes, NDA_DST, body->ndm_family);
  if ((body->ndm_flags & NTF_PROXY) || !address) return {};
  NeighbourMessage neighbour;
  neighbour.gone = message->nlmsg_type == RTM_DELNEIGH;
  neighbour.interface = static_cast<uint32_t>(body->ndm_ifindex);
  neighbour.address = *address;
  neighbour.state = body->ndm_state;
  neighbour.mac = Mac(attributes, NDA_LLADDR);
  return neighbour;
}

}  // namespace groupcast
