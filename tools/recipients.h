// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// How our tools take recipients on their command lines.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace groupcast {

// Address and UDP port, in host byte order.
struct Recipient {
  uint32_t address = 0;
  uint16_t udp_port = 0;

  bool operator==(const Recipient&) const = default;
};

inline constexpr size_t kMaxListedRecipients = 1 << 20;

// What a tool's --help says about its recipients.
inline constexpr const char* kRecipientsHelp =
    "ADDR[-ADDR]:PORT[-PORT]; with ranges, every address with every port. Repeatable";
inline constexpr const char* kRecipientsFileHelp =
    "File with one ADDR:PORT a line ('#' begins a comment)";

std::string ToString(const Recipient& recipient);
sockaddr_in ToSockaddr(const Recipient& recipient);

// "ADDR:PORT".
absl::StatusOr<Recipient> ParseRecipient(const std::string& text);

// "ADDR[-ADDR]:PORT[-PORT]": ports of the first address, then of the next.
absl::StatusOr<std::vector<Recipient>> ParseRecipientRange(const std::string& text);

// Everything in `ranges` and in `file` (none if empty), in order. At least one recipient, at most
// kMaxListedRecipients, none twice.
absl::StatusOr<std::vector<Recipient>> CollectRecipients(const std::vector<std::string>& ranges,
                                                         const std::string& file);

}  // namespace groupcast
