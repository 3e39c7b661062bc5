// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/recipient.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <net/if.h>

#include <array>
#include <cstring>

namespace groupcast {
namespace {

absl::Status NotOne(const std::string& text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no recipient: ADDRESS:PORT as in 192.0.2.1:5004, ",
                   "[2001:db8::1]:5004 or [fe80::1%eth0]:5004"));
}

}  // namespace

Recipient::Recipient(const sockaddr_in6& to, uint64_t tag) : tag_(tag) {
  address_.sin6_family = AF_INET6;
  address_.sin6_port = to.sin6_port;
  address_.sin6_addr = to.sin6_addr;
  if (IN6_IS_ADDR_LINKLOCAL(&to.sin6_addr)) address_.sin6_scope_id = to.sin6_scope_id;
}

bool Recipient::is_ipv4() const { return IN6_IS_ADDR_V4MAPPED(&address_.sin6_addr); }

sockaddr_in Recipient::ipv4() const {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = address_.sin6_port;
  std::memcpy(&to.sin_addr, address_.sin6_addr.s6_addr + 12, sizeof(to.sin_addr));
  return to;
}

absl::StatusOr<Recipient> Recipient::Parse(const std::string& text, uint64_t tag) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return NotOne(text);
  uint32_t udp_port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &udp_port) || udp_port == 0 || udp_port > 65535) {
    return NotOne(text);
  }
  const std::string host = text.substr(0, colon);
  sockaddr_in to{};
  to.sin_port = htons(static_cast<uint16_t>(udp_port));
  if (inet_pton(AF_INET, host.c_str(), &to.sin_addr) == 1) return Recipient(to, tag);
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return NotOne(text);
  const std::string inside = host.substr(1, host.size() - 2);
  const size_t percent = inside.find('%');
  sockaddr_in6 to6{};
  to6.sin6_port = to.sin_port;
  if (inet_pton(AF_INET6, inside.substr(0, percent).c_str(), &to6.sin6_addr) != 1) {
    return NotOne(text);
  }
  if (percent != std::string::npos) {
    const std::string interface = inside.substr(percent + 1);
    to6.sin6_scope_id = if_nametoindex(interface.c_str());
    if (to6.sin6_scope_id == 0) {
      return absl::NotFoundError(
          absl::StrCat("recipient '", text, "': there is no interface '", interface, "'"));
    }
  }
  return Recipient(to6, tag);
}

std::string Recipient::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const uint16_t udp_port = ntohs(address_.sin6_port);
  if (is_ipv4()) {
    inet_ntop(AF_INET, address_.sin6_addr.s6_addr + 12, text.data(), text.size());
    return absl::StrCat(text.data(), ":", udp_port);
  }
  inet_ntop(AF_INET6, &address_.sin6_addr, text.data(), text.size());
  std::string scope;
  if (address_.sin6_scope_id != 0) {
    std::array<char, IF_NAMESIZE> name{};
    const bool named = if_indextoname(address_.sin6_scope_id, name.data()) != nullptr;
    scope = named ? absl::StrCat("%", name.data()) : absl::StrCat("%", address_.sin6_scope_id);
  }
  return absl::StrCat("[", text.data(), scope, "]:", udp_port);
}

}  // namespace groupcast
