// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#ifndef GROUPCAST_RECIPIENT_H_
#define GROUPCAST_RECIPIENT_H_

#include <absl/status/statusor.h>
#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "groupcast/export.h"

namespace groupcast {

// Whom a datagram is for: an address of either family, a UDP port, and a number of the
// application's own. An IPv4 address is held as IPv4-mapped (RFC 4291, 2.5.5.2).
class GROUPCAST_API Recipient {
 public:
  Recipient() = default;
  explicit Recipient(const sockaddr_in& to, uint64_t tag = 0) : tag_(tag) {
    address_.sin6_family = AF_INET6;
    address_.sin6_port = to.sin_port;
    address_.sin6_addr.s6_addr32[2] = htonl(0xffff);
    address_.sin6_addr.s6_addr32[3] = to.sin_addr.s_addr;
  }
  // sin6_scope_id counts for link-local addresses only; sin6_flowinfo is not used.
  explicit Recipient(const sockaddr_in6& to, uint64_t tag = 0);

  // "192.0.2.1:5004", "[2001:db8::1]:5004", "[fe80::1%eth0]:5004"; a port from 1 to 65535, no
  // host names. kInvalidArgument: is none of these; kNotFound: no interface has the name behind the
  // '%'.
  [[nodiscard]] static absl::StatusOr<Recipient> Parse(const std::string& text, uint64_t tag = 0);
  std::string ToString() const;

  bool is_ipv4() const;
  // IPv4 as IPv4-mapped.
  const sockaddr_in6& address() const { return address_; }
  // Of an IPv4 address only.
  sockaddr_in ipv4() const;
  uint64_t tag() const { return tag_; }

 private:
  sockaddr_in6 address_{};
  uint64_t tag_ = 0;
};

// A member that a send failed for.
struct MemberError {
  Recipient member;
  int error;  // errno, as sendgroup() gives it
};

}  // namespace groupcast

#endif  // GROUPCAST_RECIPIENT_H_
