// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace groupcast {

// What sendgroup() is called with, as a text that people can read and libFuzzer can change:
//
//   call bound flags=0x40 payload=300
//   to 10.1.0.5:5000 prepend=3 append=4
//   to 10.1.0.6:5001 times=200
//   call unbound recnum=0
//   call ipv6 six=1
//   to 10.1.0.5:5000 kind=1
//
// One line for each call, and behind it one for each of its recipients. What is not given is as
// below; what makes no sense is passed over, so that any text means something.
struct FuzzRecipient {
  uint64_t address = 0x0a000002;  // host byte order
  uint64_t kind = 0;              // of address for sendgroup6(): a place in kFuzzPrefixes
  uint64_t scope = 0;
  uint64_t udp_port = 9;
  uint64_t family = 0x100;  // up to 0xffff as it is, else AF_INET, or AF_INET6 for sendgroup6()
  uint64_t prepend = 0;
  uint64_t append = 0;
  uint64_t null_prepend = 0;  // the base is null, whatever the length
  uint64_t null_append = 0;
  uint64_t times = 1;  // that many recipients, each with the next port
};

struct FuzzCall {
  std::string socket;  // a name of FuzzSocketNames()
  uint64_t six = 0;    // sendgroup6()
  uint64_t flags = 0;
  uint64_t payload = 0;
  uint64_t null_payload = 0;
  uint64_t null_buf = 0;
  uint64_t errors = 1;   // 0: gerrno is null
  uint64_t recnum = ~0;  // as given only where that is less than there are, or above INT_MAX
  std::vector<FuzzRecipient> to;
};

// What stands before the 32 bits of `address` in an IPv6 address.
inline constexpr const char* kFuzzPrefixes[] = {"fd00::", "::ffff:0:0", "::", "fe80::", "ff02::"};

using FuzzCase = std::vector<FuzzCall>;

const std::vector<std::string>& FuzzSocketNames();

FuzzCase ParseFuzzCase(std::string_view text);
std::string PrintFuzzCase(const FuzzCase& calls);
// Changes one thing: a value, or which calls and recipients there are.
void MutateFuzzCase(FuzzCase* calls, std::minstd_rand* random);

}  // namespace groupcast
