// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Any bytes as what the resolver reads: a datagram of netlink messages, and an ICMP message from
// its IP header on. An input is a text of hexadecimal bytes, with comments behind '#'.
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/control/netlink.h"
#include "engine/control/path_mtu_watch.h"
#include "engine/control/route_messages.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace groupcast {
namespace {

constexpr size_t kBytesPerLine = 16;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

std::vector<uint8_t> FromHex(std::string_view text) {
  std::vector<uint8_t> bytes;
  bool comment = false;
  int high = -1;
  for (const char c : text) {
    if (c == '#') comment = true;
    if (c == '\n') comment = false;
    if (comment || std::isxdigit(static_cast<unsigned char>(c)) == 0) continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high >= 0) bytes.push_back(static_cast<uint8_t>(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

std::string ToHex(std::span<const uint8_t> bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i++) {
    char hex[4];
    std::snprintf(hex, sizeof(hex), "%02x%c", bytes[i], (i + 1) % kBytesPerLine == 0 ? '\n' : ' ');
    text += hex;
  }
  return text;
}

// Makes the first message, and with another draw its first attribute, as long as there are bytes.
void MendLengths(std::vector<uint8_t>* bytes, unsigned seed) {
  if (bytes->size() < sizeof(nlmsghdr) || seed % 4 == 0) return;
  const auto length = static_cast<uint32_t>(bytes->size());
  std::memcpy(bytes->data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
  constexpr uint16_t kTypes[] = {RTM_NEWROUTE, RTM_NEWLINK, RTM_DELLINK, RTM_NEWNEIGH,
                                 RTM_DELNEIGH};
  if (seed % 16 == 1) {
    const uint16_t type = kTypes[seed / 16 % std::size(kTypes)];
    std::memcpy(bytes->data() + offsetof(nlmsghdr, nlmsg_type), &type, sizeof(type));
  }
}

void ReadMessage(const nlmsghdr* message) {
  const RouteAnswer answer = ParseRouteAnswer(message);
  Check(answer.answered, "an answer that is none");
  Check(answer.error != 0 || message->nlmsg_type == RTM_NEWROUTE ||
            message->nlmsg_type == NLMSG_ERROR,
        "a route out of another message");
  if (const auto link = ParseLink(message)) {
    Check(link->gone == (message->nlmsg_type == RTM_DELLINK), "link: gone");
  }
  if (const auto neighbour = ParseNeighbour(message)) {
    Check(neighbour->gone == (message->nlmsg_type == RTM_DELNEIGH), "neighbour: gone");
  }
  const NetlinkAttributes attributes(message, sizeof(ifinfomsg));
  for (uint16_t type = 0; type < 80; type++) {
    Check(attributes.String(type).size() <= message->nlmsg_len, "text longer than its message");
  }
}

}  // namespace
}  // namespace groupcast

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace groupcast;
  const std::vector<uint8_t> bytes = FromHex({reinterpret_cast<const char*>(data), size});
  // Of its exact size, so that whatever is read behind it shows.
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), exact.get());
  ForEachNetlinkMessage({reinterpret_cast<const char*>(exact.get()), bytes.size()}, ReadMessage);
  const auto quoted = QuotedDestination({exact.get(), bytes.size()});
  Check(!quoted || bytes.size() >= 48, "a destination out of a short packet");
  const auto quoted6 = QuotedDestination6({exact.get(), bytes.size()});
  Check(!quoted6 || bytes.size() >= 48, "an IPv6 destination out of a short message");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace groupcast;
  std::vector<uint8_t> bytes = FromHex({reinterpret_cast<const char*>(data), size});
  const size_t before = bytes.size();
  bytes.resize(std::max(before, max_size / 3));
  bytes.resize(LLVMFuzzerMutate(bytes.data(), before, bytes.size()));
  MendLengths(&bytes, seed);
  const std::string text = ToHex(bytes);
  if (text.size() > max_size) return size;
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
