// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/fuzz/sendgroup_case.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

namespace groupcast {
namespace {

constexpr size_t kMostCalls = 6;
constexpr size_t kMostRecipients = 24;  // of one call, each at most kMostTimes times
constexpr uint64_t kMostTimes = 200;

template <typename T>
struct Field {
  const char* name;
  uint64_t T::*member;
  std::vector<uint64_t> interesting;
};

// Around what fits, what is copied or chained, what 16 bits hold, and what nothing holds.
const std::vector<uint64_t> kLengths = {0,          1,
                                        2,          7,
                                        255,        256,
                                        257,        1000,
                                        1471,       1472,
                                        1473,       9000,
                                        65506,      65507,
                                        65508,      65535,
                                        65536,      uint64_t{1} << 31,
                                        ~0ULL,      ~0ULL - 65535,
                                        ~0ULL >> 1, uint64_t{1} << 32};

const std::vector<Field<FuzzRecipient>>& RecipientFields() {
  using R = FuzzRecipient;
  static const std::vector<Field<R>> fields = {
      {"address",
       &R::address,
       {0x0a000001, 0x0a000002, 0x0a0001ff, 0x0affffff, 0xac100001, 0xac1fffff, 0xac200000,
        0x7f000001, 0x7f000002, 0, 0xffffffff, 0xe0000001, 0xc0a80001}},
      {"kind", &R::kind, {0, 1, 2, 3, 4}},
      {"scope", &R::scope, {0, 1, 2, 0xffffffff}},
      {"port", &R::udp_port, {0, 1, 9, 5000, 65535}},
      {"family", &R::family, {AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, 0xffff}},
      {"prepend", &R::prepend, kLengths},
      {"append", &R::append, kLengths},
      {"null_prepend", &R::null_prepend, {0, 1}},
      {"null_append", &R::null_append, {0, 1}},
      {"times", &R::times, {1, 2, 31, 32, 33, 64, 65, 128, 129, kMostTimes}},
  };
  return fields;
}

const std::vector<Field<FuzzCall>>& CallFields() {
  using C = FuzzCall;
  static const std::vector<Field<C>> fields = {
      {"flags",
       &C::flags,
       {0, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_DONTWAIT | MSG_NOSIGNAL, MSG_OOB, MSG_MORE, MSG_CONFIRM,
        MSG_DONTROUTE, MSG_EOR, MSG_PROXY, MSG_ZEROCOPY, 0x80000000, 0xffffffff}},
      {"six", &C::six, {0, 1}},
      {"payload", &C::payload, kLengths},
      {"null_payload", &C::null_payload, {0, 1}},
      {"null_buf", &C::null_buf, {0, 1}},
      {"errors", &C::errors, {0, 1}},
      {"recnum", &C::recnum, {0, 1, 2, 0x7fffffff, 0x80000000, 0x100000001, ~0ULL - 1, ~0ULL}},
  };
  return fields;
}

template <typename T>
void ParseField(const std::vector<Field<T>>& fields, const std::string& word, T* to) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos) return;
  for (const Field<T>& field : fields) {
    if (word.compare(0, equals, field.name) != 0) continue;
    to->*field.member = std::strtoull(word.c_str() + equals + 1, nullptr, 0);
  }
}

template <typename T>
void PrintFields(const std::vector<Field<T>>& fields, const T& from, std::string* text) {
  for (const Field<T>& field : fields) {
    const uint64_t value = from.*field.member;
    if (value == T{}.*field.member) continue;
    absl::StrAppend(text, " ", field.name, "=", value);
  }
}

// "10.1.0.5:5000"
void ParseAddress(const std::string& word, FuzzRecipient* to) {
  const size_t colon = word.find(':');
  in_addr address;
  if (inet_pton(AF_INET, word.substr(0, colon).c_str(), &address) != 1) return;
  to->address = ntohl(address.s_addr);
  if (colon != std::string::npos) {
    to->udp_port = std::strtoull(word.c_str() + colon + 1, nullptr, 10);
  }
}

std::string PrintAddress(uint64_t address, uint64_t udp_port) {
  return absl::StrCat((address >> 24) & 0xff, ".", (address >> 16) & 0xff, ".",
                      (address >> 8) & 0xff, ".", address & 0xff, ":", udp_port);
}

class Dice {
 public:
  explicit Dice(std::minstd_rand* random) : random_(random) {}
  size_t Below(size_t n) { return (*random_)() / 3 % n; }

  template <typename T>
  void Change(const std::vector<Field<T>>& fields, T* of) {
    const Field<T>& field = fields[Below(fields.size())];
    uint64_t& value = of->*field.member;
    switch (Below(4)) {
      case 0:
        value = Below(1600);
        break;
      case 1:
        value += Below(2) == 0 ? 1 : ~0ULL;
        break;
      default:
        value = field.interesting[Below(field.interesting.size())];
    }
  }

 private:
  std::minstd_rand* random_;
};

}  // namespace

const std::vector<std::string>& FuzzSocketNames() {
  static const std::vector<std::string> names = {
      "bound",   "unbound",   "nonblocking", "connected", "corked",     "timeout",
      "options", "broadcast", "shut",        "small",     "ipv6",       "tcp",
      "raw",     "unix",      "pipe",        "closed",    "ipv6_bound", "ipv6_only"};
  return names;
}

FuzzCase ParseFuzzCase(std::string_view text) {
  FuzzCase calls;
  for (const auto& line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 2) continue;
    if (words[0] == "call" && calls.size() < kMostCalls) {
      const std::vector<std::string>& names = FuzzSocketNames();
      const bool known = std::find(names.begin(), names.end(), words[1]) != names.end();
      FuzzCall& call = calls.emplace_back();
      call.socket = known ? words[1] : names[0];
      for (const std::string& word : words) ParseField(CallFields(), word, &call);
    } else if (words[0] == "to" && !calls.empty() && calls.back().to.size() < kMostRecipients) {
      FuzzRecipient& to = calls.back().to.emplace_back();
      for (const std::string& word : words) ParseField(RecipientFields(), word, &to);
      ParseAddress(words[1], &to);
      to.times = std::clamp<uint64_t>(to.times, 1, kMostTimes);
    }
  }
  return calls;
}

std::string PrintFuzzCase(const FuzzCase& calls) {
  std::string text;
  for (const FuzzCall& call : calls) {
    absl::StrAppend(&text, "call ", call.socket);
    PrintFields(CallFields(), call, &text);
    absl::StrAppend(&text, "\n");
    for (FuzzRecipient to : call.to) {
      absl::StrAppend(&text, "to ", PrintAddress(to.address, to.udp_port & 0xffff));
      to.address = FuzzRecipient{}.address;  // printed
      to.udp_port = FuzzRecipient{}.udp_port;
      PrintFields(RecipientFields(), to, &text);
      absl::StrAppend(&text, "\n");
    }
  }
  return text;
}

void MutateFuzzCase(FuzzCase* calls, std::minstd_rand* random) {
  Dice dice(random);
  if (calls->empty()) calls->push_back({.socket = FuzzSocketNames()[0], .to = {{}}});
  const size_t at = dice.Below(calls->size());
  FuzzCall& call = (*calls)[at];
  switch (dice.Below(10)) {
    case 0:
      call.socket = FuzzSocketNames()[dice.Below(FuzzSocketNames().size())];
      return;
    case 1:
      if (calls->size() < kMostCalls) calls->push_back(FuzzCall(call));
      return;
    case 2:
      if (calls->size() > 1) calls->erase(calls->begin() + static_cast<ptrdiff_t>(at));
      return;
    case 3:
    case 4:
      return dice.Change(CallFields(), &call);
    case 5:
      if (call.to.size() > 1) {
        call.to.erase(call.to.begin() + static_cast<ptrdiff_t>(dice.Below(call.to.size())));
      }
      return;
    case 6:
      if (call.to.size() < kMostRecipients) {
        const FuzzRecipient to =
            call.to.empty() ? FuzzRecipient{} : call.to[dice.Below(call.to.size())];
        call.to.push_back(to);
      }
      return;
    default:
      if (!call.to.empty()) dice.Change(RecipientFields(), &call.to[dice.Below(call.to.size())]);
  }
}

}  // namespace groupcast
