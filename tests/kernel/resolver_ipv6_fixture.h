// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <string>

#include "tests/kernel/resolver_fixture.h"

namespace groupcast {

// The same two hosts with IPv6: fd77::1/64 and fe80::1 here, fd77::2/64 and fe80::2 on the peer.
class ResolverIpv6Test : public ResolverTest {
 protected:
  void SetUp() override;
};

// A UDP socket connected to `to`, and what the kernel says of it: what its datagrams would have.
class ConnectedSocket {
 public:
  explicit ConnectedSocket(const char* to);
  ~ConnectedSocket();
  ConnectedSocket(const ConnectedSocket&) = delete;
  ConnectedSocket& operator=(const ConnectedSocket&) = delete;

  IpAddress Source() const;
  uint32_t PathMtu() const;
  uint8_t HopLimit() const;

 private:
  int sd_;
};

// For failure messages.
std::string Text(const IpAddress& address);

}  // namespace groupcast
