// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/path_mtu_watch.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace groupcast {
namespace {

constexpr int64_t kAgainNs = 10'000'000;
// A flood of such messages costs one walk through the routes in so long a time.
constexpr int64_t kApartNs = 10'000'000;
constexpr size_t kNoticedAtOnce = 4096;
constexpr int kMessagesAtOnce = 256;
constexpr uint8_t kIcmpDestUnreachable = ICMP_DEST_UNREACH;

}  // namespace

std::optional<IpAddress> QuotedDestination(std::span<const uint8_t> packet) {
  iphdr outer, quoted;
  icmphdr icmp;
  if (packet.size() < sizeof(outer)) return {};
  std::memcpy(&outer, packet.data(), sizeof(outer));
  const size_t outer_bytes = size_t{outer.ihl} * 4;
  if (outer.version != 4 || outer.protocol != IPPROTO_ICMP || outer_bytes < sizeof(outer)) {
    return {};
  }
  if (packet.size() < outer_bytes + sizeof(icmp) + sizeof(quoted)) return {};
  std::memcpy(&icmp, packet.data() + outer_bytes, sizeof(icmp));
  if (icmp.type != kIcmpDestUnreachable || icmp.code != ICMP_FRAG_NEEDED) return {};
  std::memcpy(&quoted, packet.data() + outer_bytes + sizeof(icmp), sizeof(quoted));
  if (quoted.version != 4) return {};
  return IpAddress::FromIpv4(quoted.daddr);
}

std::optional<IpAddress> QuotedDestination6(std::span<const uint8_t> message) {
  icmp6_hdr icmp;
  ip6_hdr quoted;
  if (message.size() < sizeof(icmp) + sizeof(quoted)) return {};
  std::memcpy(&icmp, message.data(), sizeof(icmp));
  if (icmp.icmp6_type != ICMP6_PACKET_TOO_BIG) return {};
  std::memcpy(&quoted, message.data() + sizeof(icmp), sizeof(quoted));
  if (quoted.ip6_vfc >> 4 != 6) return {};
  return IpAddress::FromIpv6(quoted.ip6_dst);
}

PathMtuWatch::PathMtuWatch()
    : fd_(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP)),
      fd6_(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6)) {
  if (fd_ >= 0) {
    icmp_filter filter = {.data = ~(1u << kIcmpDestUnreachable)};
    setsockopt(fd_, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
  }
  if (fd6_ >= 0) {
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
    setsockopt(fd6_, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
  }
}

PathMtuWatch::~PathMtuWatch() {
  if (fd_ >= 0) close(fd_);
  if (fd6_ >= 0) close(fd6_);
}

void PathMtuWatch::Read(int64_t now_ns) {
  if (fd_ >= 0) ReadFrom(fd_, QuotedDestination, now_ns);
  if (fd6_ >= 0) ReadFrom(fd6_, QuotedDestination6, now_ns);
}

void PathMtuWatch::ReadFrom(int fd, Parse parse, int64_t now_ns) {
  std::array<uint8_t, 576> packet;
  for (int i = 0; i < kMessagesAtOnce; i++) {
    const ssize_t length = recv(fd, packet.data(), packet.size(), MSG_DONTWAIT);
    if (length <= 0) return;
    const std::optional<IpAddress> address = parse({packet.data(), static_cast<size_t>(length)});
    if (!address || later_.size() >= kNoticedAtOnce) continue;
    if (now_.insert(*address).second) later_.push_back({now_ns + kAgainNs, *address});
  }
}

int64_t PathMtuWatch::DueNs() const {
  int64_t due_ns = std::numeric_limits<int64_t>::max();
  if (!now_.empty()) due_ns = taken_ns_ + kApartNs;
  if (!later_.empty()) due_ns = std::min(due_ns, later_.front().at_ns);
  return due_ns;
}

void PathMtuWatch::Take(int64_t now_ns, absl::flat_hash_set<IpAddress>* addresses) {
  if (!now_.empty() && now_ns >= taken_ns_ + kApartNs) {
    addresses->insert(now_.begin(), now_.end());
    now_.clear();
    taken_ns_ = now_ns;
  }
  while (!later_.empty() && later_.front().at_ns <= now_ns) {
    addresses->insert(later_.front().address);
    later_.pop_front();
  }
}

}  // namespace groupcast
