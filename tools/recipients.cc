// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/recipients.h"

#include <arpa/inet.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace groupcast {
namespace {

absl::Status Malformed(const std::string& text, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\": ", why,
                   "; write ADDR[-ADDR]:PORT[-PORT], for example 10.0.0.1-10.0.0.250:5004"));
}

bool ParseAddress(const std::string& text, uint32_t* address) {
  in_addr parsed;
  if (inet_pton(AF_INET, text.c_str(), &parsed) != 1) return false;
  *address = ntohl(parsed.s_addr);
  return true;
}

bool ParsePort(const std::string& text, uint32_t* port) {
  return absl::SimpleAtoi(text, port) && *port >= 1 && *port <= 65535;
}

// "A-B" -> {A, B}; "A" -> {A, A}.
std::pair<std::string, std::string> SplitRange(const std::string& text) {
  const size_t dash = text.find('-');
  if (dash == std::string::npos) return {text, text};
  return {text.substr(0, dash), text.substr(dash + 1)};
}

absl::Status Append(const std::vector<Recipient>& more, std::vector<Recipient>* all) {
  if (all->size() + more.size() > kMaxListedRecipients) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxListedRecipients,
                                                   " recipients; use fewer or smaller ranges"));
  }
  all->insert(all->end(), more.begin(), more.end());
  return absl::OkStatus();
}

absl::Status AppendFile(const std::string& file, std::vector<Recipient>* all) {
  if (std::filesystem::is_directory(file)) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, " is a directory; give a file of recipients"));
  }
  std::ifstream lines(file);
  if (!lines) {
    return absl::NotFoundError(
        absl::StrCat(file, ": ", strerror(errno), "; give a readable file of recipients"));
  }
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (const size_t comment = line.find('#'); comment != std::string::npos) line.resize(comment);
    const std::string text(absl::StripAsciiWhitespace(line));
    if (text.empty()) continue;
    absl::StatusOr<Recipient> recipient = ParseRecipient(text);
    if (!recipient.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", number, ": ", recipient.status().message()));
    }
    if (absl::Status status = Append({*recipient}, all); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::string ToString(const Recipient& recipient) {
  const in_addr address = {htonl(recipient.address)};
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address, text, sizeof(text));
  return absl::StrCat(text, ":", recipient.udp_port);
}

sockaddr_in ToSockaddr(const Recipient& recipient) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(recipient.address);
  address.sin_port = htons(recipient.udp_port);
  return address;
}

absl::StatusOr<Recipient> ParseRecipient(const std::string& text) {
  absl::StatusOr<std::vector<Recipient>> range = ParseRecipientRange(text);
  if (!range.ok()) return range.status();
  if (range->size() != 1) return Malformed(text, "a range where one ADDR:PORT is meant");
  return range->front();
}

absl::StatusOr<std::vector<Recipient>> ParseRecipientRange(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return Malformed(text, "no port");
  const auto [first_address, last_address] = SplitRange(text.substr(0, colon));
  const auto [first_port, last_port] = SplitRange(text.substr(colon + 1));
  uint32_t addresses[2];
  uint32_t ports[2];
  if (!ParseAddress(first_address, &addresses[0]) || !ParseAddress(last_address, &addresses[1])) {
    return Malformed(text, "not an IPv4 address");
  }
  if (!ParsePort(first_port, &ports[0]) || !ParsePort(last_port, &ports[1])) {
    return Malformed(text, "a port is not a number from 1 to 65535");
  }
  if (addresses[0] > addresses[1] || ports[0] > ports[1]) {
    return Malformed(text, "a range ends before it begins");
  }
  const uint64_t count =
      (uint64_t{addresses[1]} - addresses[0] + 1) * (uint64_t{ports[1]} - ports[0] + 1);
  if (count > kMaxListedRecipients) {
    return Malformed(text, absl::StrCat(count, " recipients are more than ", kMaxListedRecipients));
  }
  std::vector<Recipient> recipients;
  recipients.reserve(count);
  for (uint64_t address = addresses[0]; address <= addresses[1]; ++address) {
    for (uint32_t port = ports[0]; port <= ports[1]; ++port) {
      recipients.push_back({static_cast<uint32_t>(address), static_cast<uint16_t>(port)});
    }
  }
  return recipients;
}

absl::StatusOr<std::vector<Recipient>> CollectRecipients(const std::vector<std::string>& ranges,
                                                         const std::string& file) {
  std::vector<Recipient> all;
  for (const std::string& range : ranges) {
    absl::StatusOr<std::vector<Recipient>> recipients = ParseRecipientRange(range);
    if (!recipients.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--recipients ", recipients.status().message()));
    }
    if (absl::Status status = Append(*recipients, &all); !status.ok()) return status;
  }
  if (!file.empty()) {
    if (absl::Status status = AppendFile(file, &all); !status.ok()) return status;
  }
  if (all.empty()) {
    return absl::InvalidArgumentError("no recipients; name them with --recipients ADDR:PORT");
  }
  absl::flat_hash_set<uint64_t> seen;
  seen.reserve(all.size());
  for (const Recipient& recipient : all) {
    if (!seen.insert(uint64_t{recipient.address} << 16 | recipient.udp_port).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("recipient ", ToString(recipient), " is listed twice; list it once"));
    }
  }
  return all;
}

}  // namespace groupcast
