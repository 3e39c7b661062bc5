// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/route_messages.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

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

}  // namespace

nlmsghdr* PutRouteQuestion(void* room, uint32_t sequence, const RouteProfile& profile,
                           const Destination& destination) {
  rtmsg* body;
  nlmsghdr* message = PutNetlinkMessage(room, RTM_GETROUTE, NLM_F_REQUEST, &body);
  message->nlmsg_seq = sequence;
  body->rtm_family = AF_INET;
  body->rtm_dst_len = 32;
  body->rtm_tos = profile.tos & ~kEcnBits;
  mnl_attr_put_u32(message, RTA_DST, destination.address);
  if (profile.source != 0) {
    body->rtm_src_len = 32;
    mnl_attr_put_u32(message, RTA_SRC, profile.source);
  }
  if (profile.interface != 0) mnl_attr_put_u32(message, RTA_OIF, profile.interface);
  if (profile.mark != 0) mnl_attr_put_u32(message, RTA_MARK, profile.mark);
  mnl_attr_put_u32(message, RTA_UID, profile.uid);
  mnl_attr_put_u8(message, RTA_IP_PROTO, IPPROTO_UDP);
  if (profile.source_port != 0) mnl_attr_put_u16(message, RTA_SPORT, profile.source_port);
  if (destination.udp_port != 0) mnl_attr_put_u16(message, RTA_DPORT, destination.udp_port);
  return message;
}

nlmsghdr* PutNeighbourUse(void* room, uint32_t interface, rte_be32_t address) {
  ndmsg* body;
  nlmsghdr* message = PutNetlinkMessage(room, RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE, &body);
  body->ndm_family = AF_INET;
  body->ndm_ifindex = static_cast<int>(interface);
  body->ndm_flags = NTF_USE;
  mnl_attr_put_u32(message, NDA_DST, address);
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
  nlmsghdr* message = PutNetlinkMessage(room, RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, &body);
  body->ndm_family = AF_INET;
  return message;
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
  answer.gateway = attributes.U32(RTA_GATEWAY).value_or(0);
  answer.source = attributes.U32(RTA_PREFSRC).value_or(0);
  answer.foreign_next_hop = attributes.Get(RTA_VIA) != nullptr;
  answer.encapsulated = attributes.Get(RTA_ENCAP) != nullptr;
  const NetlinkAttributes metrics(attributes.Get(RTA_METRICS));
  answer.mtu = metrics.U32(RTAX_MTU).value_or(0);
  answer.mtu_locked = (metrics.U32(RTAX_LOCK).value_or(0) & (1u << RTAX_MTU)) != 0;
  answer.hop_limit = metrics.U32(RTAX_HOPLIMIT).value_or(0) != 0;
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
  link.mac = Mac(attributes, IFLA_ADDRESS);
  return link;
}

std::optional<NeighbourMessage> ParseNeighbour(const nlmsghdr* message) {
  if (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH) return {};
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ndmsg))) return {};
  const auto* body = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  const NetlinkAttributes attributes(message, sizeof(ndmsg));
  const std::optional<uint32_t> address = attributes.U32(NDA_DST);
  if (body->ndm_family != AF_INET || (body->ndm_flags & NTF_PROXY) || !address) return {};
  NeighbourMessage neighbour;
  neighbour.gone = message->nlmsg_type == RTM_DELNEIGH;
  neighbour.interface = static_cast<uint32_t>(body->ndm_ifindex);
  neighbour.address = *address;
  neighbour.state = body->ndm_state;
  neighbour.mac = Mac(attributes, NDA_LLADDR);
  return neighbour;
}

}  // namespace groupcast
