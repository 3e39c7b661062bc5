// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_frames.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace groupcast {
namespace {

constexpr int kReceiveBufferBytes = 512 << 20;
constexpr size_t kIp = ETH_HLEN;
constexpr size_t kIdOffset = kIp + 4, kFragmentOffset = kIp + 6, kProtocolOffset = kIp + 9;
constexpr size_t kChecksumOffset = kIp + 10, kAddressesOffset = kIp + 12;
constexpr size_t kIpv6 = 40, kIpv6NextHeaderOffset = kIp + 6, kFragmentHeader = 8;
constexpr size_t kShownBytes = 160;

uint16_t Be16(const char* at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(at[0]) << 8 | static_cast<uint8_t>(at[1]));
}

size_t Ipv4HeaderLength(const std::string& frame) { return (frame[kIp] & 0xfu) * 4; }
bool IsIpv6(const char* frame) { return Be16(frame + 12) == ETHERTYPE_IPV6; }

bool ChecksumIsRight(const std::string& frame) {
  uint32_t sum = 0;
  for (size_t i = 0; i < Ipv4HeaderLength(frame); i += 2) sum += Be16(frame.data() + kIp + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

// Where the header of an IPv6 packet is that has this number, behind those that may precede it.
size_t FindIpv6Header(const char* bytes, size_t length, uint8_t wanted) {
  auto next = static_cast<uint8_t>(bytes[kIpv6NextHeaderOffset]);
  for (size_t at = kIp + kIpv6; at + 8 <= length;) {
    if (next == wanted) return at;
    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
        next != IPPROTO_FRAGMENT) {
      return 0;
    }
    const bool fragment = next == IPPROTO_FRAGMENT;
    // Of later fragments only what precedes the fragment header is there.
    if (fragment && (Be16(bytes + at + 2) & 0xfff8) != 0) return 0;
    next = static_cast<uint8_t>(bytes[at]);
    at += fragment ? kFragmentHeader : (static_cast<uint8_t>(bytes[at + 1]) + 1u) * 8;
  }
  return 0;
}

std::string Hex(const std::string& bytes, size_t from) {
  std::string text;
  char digits[32];
  const size_t end = std::min(bytes.size(), from + kShownBytes);
  for (size_t i = from; i < end; i++) {
    if ((i - from) % 32 == 0) {
      snprintf(digits, sizeof(digits), "\n    %5zu:", i);
      text += digits;
    }
    snprintf(digits, sizeof(digits), " %02x", static_cast<uint8_t>(bytes[i]));
    text += digits;
  }
  return text + (end < bytes.size() ? " …" : "");
}

std::string Show(const char* name, const Packet* packet, size_t frame, size_t from) {
  std::string text = std::string("  ") + name + ": ";
  if (packet == nullptr) return text + "no such datagram\n";
  text += std::to_string(packet->frames.size()) + " frame(s) at interface " +
          std::to_string(packet->interface) + ", of bytes";
  for (const std::string& one : packet->frames) text += " " + std::to_string(one.size());
  if (frame < packet->frames.size()) {
    text += "; frame " + std::to_string(frame) + Hex(packet->frames[frame], from);
  }
  return text + "\n";
}

}  // namespace

bool HasLabel(const std::string& frame) {
  return IsIpv6(frame.data()) &&
         ((frame[kIp + 1] & 0x0f) != 0 || Be16(frame.data() + kIp + 2) != 0);
}

std::string Comparable(const std::string& frame, Labels labels) {
  std::string masked = frame;
  if (IsIpv6(frame.data())) {
    const bool label = labels != Labels::kNothing && HasLabel(frame);
    masked[kIp + 1] = static_cast<char>(frame[kIp + 1] & (labels == Labels::kRange ? 0xf8 : 0xf0));
    masked.replace(kIp + 2, 2, 2, label ? '\1' : '\0');
    const size_t fragment = FindIpv6Header(frame.data(), frame.size(), IPPROTO_FRAGMENT);
    if (fragment != 0) masked.replace(fragment + 4, 4, 4, 0);
  } else {
    masked.replace(kIdOffset, 2, 2, 0);
    masked.replace(kChecksumOffset, 2, 2, 0);
  }
  return masked;
}

FrameCapture::FrameCapture(const NetworkNamespace& where, const std::string& device)
    : room_(kAtOnce * kFrameBytes) {
  where.Run([&] {
    sd_ = Socket(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    ASSERT_GE(sd_, 0) << std::strerror(errno);
    sd_.Set(SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes);
    // What leaves is somebody else's arrival.
    sd_.Set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    sockaddr_ll local = {};
    local.sll_family = AF_PACKET;
    local.sll_protocol = htons(ETH_P_ALL);
    if (!device.empty()) local.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
    ASSERT_EQ(bind(sd_, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
  });
  for (size_t i = 0; i < kAtOnce; i++) parts_[i] = {room_.data() + i * kFrameBytes, kFrameBytes};
}

void FrameCapture::Take(Packets* packets) {
  std::array<mmsghdr, kAtOnce> messages = {};
  std::array<sockaddr_ll, kAtOnce> from = {};
  for (size_t i = 0; i < kAtOnce; i++) {
    messages[i].msg_hdr.msg_iov = &parts_[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &from[i];
  }
  while (true) {
    for (mmsghdr& message : messages) message.msg_hdr.msg_namelen = sizeof(sockaddr_ll);
    const int n = recvmmsg(sd_, messages.data(), kAtOnce, MSG_DONTWAIT, nullptr);
    if (n <= 0) return;
    for (size_t i = 0; i < static_cast<size_t>(n); i++) {
      Take(static_cast<char*>(parts_[i].iov_base), messages[i].msg_len, from[i].sll_ifindex,
           packets);
    }
  }
}

void FrameCapture::Take(const char* bytes, size_t length, int interface, Packets* packets) {
  const uint16_t type = Be16(bytes + 12);
  std::string key(reinterpret_cast<const char*>(&interface), sizeof(interface));
  size_t udp;
  bool fragment, first = true;
  if (type == ETHERTYPE_IP && length >= kIp + 20) {
    if (bytes[kProtocolOffset] != IPPROTO_UDP) return;
    const uint16_t place = Be16(bytes + kFragmentOffset);
    fragment = (place & 0x3fff) != 0;
    first = (place & 0x1fff) == 0;
    udp = kIp + (bytes[kIp] & 0xfu) * 4;
    key.append(bytes + kAddressesOffset, 8).append(bytes + kIdOffset, 2);
  } else if (type == ETHERTYPE_IPV6 && length >= kIp + kIpv6) {
    udp = FindIpv6Header(bytes, length, IPPROTO_UDP);
    const size_t header = FindIpv6Header(bytes, length, IPPROTO_FRAGMENT);
    fragment = header != 0;
    if (fragment) first = (Be16(bytes + header + 2) & 0xfff8) == 0;
    if (first && udp == 0) return;
    key.append(bytes + kIp + 8, 32);
    if (fragment) key.append(bytes + header + 4, 4);
  } else {
    return;
  }
  frames++;
  std::string frame(bytes, length);
  if (type == ETHERTYPE_IP && !ChecksumIsRight(frame)) bad_checksums++;
  if (first) {
    const uint16_t udp_port = Be16(bytes + udp);
    std::vector<Packet>& list = (*packets)[udp_port];
    list.push_back({interface, {std::move(frame)}});
    if (fragment) fragmented_[key] = {udp_port, list.size() - 1};
    return;
  }
  const auto whose = fragmented_.find(key);
  if (whose == fragmented_.end()) {
    strays++;
    return;
  }
  const auto [udp_port, place] = whose->second;
  (*packets)[udp_port][place].frames.push_back(std::move(frame));
}

unsigned FrameCapture::Lost() {
  tpacket_stats statistics = {};
  socklen_t length = sizeof(statistics);
  EXPECT_EQ(getsockopt(sd_, SOL_PACKET, PACKET_STATISTICS, &statistics, &length), 0);
  fragmented_.clear();
  return statistics.tp_drops;
}

std::string Difference(const Packet* kernel, const Packet* ours, Labels labels) {
  size_t frame = 0, offset = 0;
  std::string where;
  if (kernel != nullptr && ours != nullptr) {
    const size_t frames = std::min(kernel->frames.size(), ours->frames.size());
    for (; frame < frames; frame++) {
      const std::string a = Comparable(kernel->frames[frame], labels),
                        b = Comparable(ours->frames[frame], labels);
      if (a == b) continue;
      offset = static_cast<size_t>(
          std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(std::min(a.size(), b.size())),
                        b.begin())
              .first -
          a.begin());
      break;
    }
    where = "  they differ first in frame " + std::to_string(frame) + " at offset " +
            std::to_string(offset) + "\n";
  }
  const size_t from = offset < kShownBytes / 2 ? 0 : (offset - kShownBytes / 2) / 32 * 32;
  return where + Show("sendmsg  ", kernel, frame, from) + Show("sendgroup", ours, frame, from);
}

}  // namespace groupcast
