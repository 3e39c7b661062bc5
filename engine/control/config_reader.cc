// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/config_reader.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_join.h>
#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>

namespace groupcast {
namespace {

using Kind = ConfigNode::Kind;

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "empty";
    case Kind::kScalar:
      return "a single value";
    case Kind::kSequence:
      return "a list";
    case Kind::kMapping:
      return "a mapping";
  }
  return "";
}

size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string UnknownKeyText(const std::string& key,
                           const std::vector<config_internal::KnownKey>& known) {
  constexpr size_t kMaxCompared = 64;
  size_t best = key.size() > kMaxCompared ? 0 : std::max<size_t>(2, key.size() / 3) + 1;
  const std::string* nearest = nullptr;
  std::vector<std::string> names;
  for (const auto& candidate : known) {
    names.push_back(candidate.name);
    if (best == 0) continue;
    const size_t distance = EditDistance(key, candidate.name);
    if (distance >= best) continue;
    best = distance;
    nearest = &candidate.name;
  }
  if (nearest != nullptr) {
    return absl::StrCat("no such key here; did you mean '", *nearest, "'?");
  }
  std::sort(names.begin(), names.end());
  return absl::StrCat("no such key here; the keys here are ", absl::StrJoin(names, ", "));
}

bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

std::optional<in_addr> ToAddress(const std::string& text) {
  in_addr address;
  const bool whole = text.find('\0') == std::string::npos;
  if (!whole || inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return address;
}

// An IPv4-mapped one is none: it would mean IPv4.
std::optional<in6_addr> ToAddress6(const std::string& text) {
  in6_addr address;
  const bool whole = text.find('\0') == std::string::npos;
  if (!whole || inet_pton(AF_INET6, text.c_str(), &address) != 1) return std::nullopt;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return std::nullopt;
  return address;
}

std::string ToText(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  const size_t skipped = address.IsIpv4() ? 12 : 0;
  inet_ntop(address.IsIpv4() ? AF_INET : AF_INET6, address.bytes.data() + skipped, text,
            sizeof(text));
  return text;
}

// A decimal number without sign, leading zero or anything else that could be read as octal or hex.
std::optional<uint64_t> ToInteger(const std::string& text) {
  uint64_t number = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

bool ExpectScalar(const ConfigValue& value, const std::string& what) {
  if (value.node.kind == Kind::kScalar) return true;
  value.Reject(absl::StrCat("is not ", what));
  return false;
}

}  // namespace

void ConfigErrors::Add(const ConfigNode& at, const std::string& key, const std::string& text) {
  ++count_;
  if (errors_.size() == kMaxKept) return;
  errors_.push_back({at.line, at.column,
                     absl::StrCat(path_, ":", at.line, ":", at.column, ": ",
                                  key.empty() ? "" : absl::StrCat(key, ": "), text)});
}

absl::Status ConfigErrors::status() const {
  if (errors_.empty()) return absl::OkStatus();
  std::vector<Error> sorted = errors_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Error& a, const Error& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  std::vector<std::string> lines;
  for (const Error& error : sorted) {
    if (lines.size() == kMaxTold) {
      lines.push_back(absl::StrCat(path_, ": and ", count_ - kMaxTold, " more errors"));
      break;
    }
    if (lines.empty() || lines.back() != error.text) lines.push_back(error.text);
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

void ConfigValue::Reject(const std::string& text) const {
  if (node.kind == Kind::kScalar) {
    errors.Add(node, key, absl::StrCat("'", Printable(node.scalar), "' ", text));
  } else {
    errors.Add(node, key, absl::StrCat("(", KindName(node.kind), ") ", text));
  }
}

std::optional<uint64_t> ReadInteger(const ConfigValue& value, uint64_t min, uint64_t max) {
  const std::string what = absl::StrCat("an integer from ", min, " to ", max);
  if (!ExpectScalar(value, what)) return std::nullopt;
  const std::optional<uint64_t> number = ToInteger(value.node.scalar);
  if (!number || *number < min || *number > max) {
    value.Reject(absl::StrCat("is not ", what));
    return std::nullopt;
  }
  return number;
}

std::optional<std::string> ReadText(const ConfigValue& value) {
  if (!ExpectScalar(value, "a text")) return std::nullopt;
  const std::string& text = value.node.scalar;
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return std::iscntrl(static_cast<unsigned char>(c)) != 0;
  });
  if (text.empty() || control) {
    value.Reject(control ? "has control characters; give plain text" : "is empty; give a text");
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> ReadName(const ConfigValue& value) {
  constexpr size_t kMaxLength = 63;
  if (!ExpectScalar(value, absl::StrCat("a name: ", kNameAllowed))) return std::nullopt;
  const std::string& name = value.node.scalar;
  if (name.empty() || name.size() > kMaxLength ||
      !std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    value.Reject(absl::StrCat("is not a name: ", kNameAllowed));
    return std::nullopt;
  }
  return name;
}

std::optional<rte_ether_addr> ReadMac(const ConfigValue& value) {
  const std::string what = kMacAllowed;
  if (!ExpectScalar(value, what)) return std::nullopt;
  const std::string& text = value.node.scalar;
  constexpr size_t kLength = 17;  // six pairs and five colons
  rte_ether_addr mac = {};
  bool valid = text.size() == kLength;
  for (size_t i = 0; valid && i < kLength; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (i % 3 == 2) {
      valid = c == ':';
      continue;
    }
    valid = std::isxdigit(c) != 0;
    const int digit = std::isdigit(c) != 0 ? c - '0' : std::tolower(c) - 'a' + 10;
    mac.addr_bytes[i / 3] = static_cast<uint8_t>(mac.addr_bytes[i / 3] << 4 | (digit & 0xf));
  }
  if (!valid || rte_is_zero_ether_addr(&mac) != 0 || rte_is_multicast_ether_addr(&mac) != 0) {
    value.Reject(absl::StrCat("is not ", what));
    return std::nullopt;
  }
  return mac;
}

std::optional<in_addr> ReadAddress(const ConfigValue& value) {
  if (!ExpectScalar(value, kAddressAllowed)) return std::nullopt;
  const std::optional<in_addr> address = ToAddress(value.node.scalar);
  if (!address) value.Reject(absl::StrCat("is not ", kAddressAllowed));
  return address;
}

std::optional<in6_addr> ReadAddress6(const ConfigValue& value) {
  if (!ExpectScalar(value, kAddress6Allowed)) return std::nullopt;
  const std::optional<in6_addr> address = ToAddress6(value.node.scalar);
  if (!address) value.Reject(absl::StrCat("is not ", kAddress6Allowed));
  return address;
}

std::optional<IpPrefix> ReadPrefix(const ConfigValue& value) {
  const std::string what = kPrefixAllowed;
  if (!ExpectScalar(value, what)) return std::nullopt;
  const std::string& text = value.node.scalar;
  const size_t slash = text.find('/');
  const std::string number = text.substr(0, slash);
  std::optional<IpAddress> address;
  uint64_t bits = 32;
  if (const auto ipv4 = ToAddress(number)) {
    address = IpAddress::FromIpv4(ipv4->s_addr);
  } else if (const auto ipv6 = ToAddress6(number)) {
    address = IpAddress::FromIpv6(*ipv6);
    bits = 128;
  }
  std::optional<uint64_t> length;
  if (slash != std::string::npos) length = ToInteger(text.substr(slash + 1));
  if (!address || !length || *length > bits) {
    value.Reject(absl::StrCat("is not ", what));
    return std::nullopt;
  }
  IpAddress network = *address;
  for (uint64_t bit = 128 - bits + *length; bit < 128; bit++) {
    network.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
  if (network != *address) {
    value.Reject(absl::StrCat("has bits behind the prefix; write ", ToText(network), "/", *length));
    return std::nullopt;
  }
  return IpPrefix{*address, static_cast<uint8_t>(*length)};
}

const ConfigNode* FindValue(const ConfigNode& mapping, const std::string& key) {
  if (mapping.kind != Kind::kMapping) return nullptr;
  for (size_t i = 0; i + 1 < mapping.children.size(); i += 2) {
    const ConfigNode& name = *mapping.children[i];
    if (name.kind == Kind::kScalar && name.scalar == key) return mapping.children[i + 1];
  }
  return nullptr;
}

void RejectDoubled(const ConfigNode& list, const std::string& key, ConfigErrors& errors,
                   const std::function<std::string(const std::string&)>& identity) {
  if (list.kind != Kind::kSequence) return;
  std::map<std::string, int> lines;
  for (const ConfigNode* item : list.children) {
    const ConfigNode* node = FindValue(*item, key);
    if (node == nullptr || node->kind != Kind::kScalar) continue;
    const auto [earlier, first] = lines.emplace(identity(node->scalar), node->line);
    if (first) continue;
    ConfigValue{key, *node, errors}.Reject(
        absl::StrCat("is used in line ", earlier->second, " already; give each its own"));
  }
}

namespace config_internal {

void WalkMapping(const ConfigNode& node, const std::string& own_key,
                 const std::vector<KnownKey>& known, ConfigErrors& errors,
                 const std::function<void(size_t index, const ConfigValue&)>& entry) {
  if (node.kind != Kind::kMapping && !(own_key.empty() && node.kind == Kind::kNull)) {
    ConfigValue{own_key, node, errors}.Reject("is not a mapping of keys to values");
    return;
  }
  std::vector<const ConfigNode*> seen(known.size(), nullptr);
  for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
    const ConfigNode& name = *node.children[i];
    if (name.kind != Kind::kScalar) {
      errors.Add(name, own_key, absl::StrCat("a key is a word, not ", KindName(name.kind)));
      continue;
    }
    const auto row = std::find_if(known.begin(), known.end(),
                                  [&](const KnownKey& k) { return k.name == name.scalar; });
    if (row == known.end()) {
      errors.Add(name, Printable(name.scalar), UnknownKeyText(name.scalar, known));
      continue;
    }
    const auto index = static_cast<size_t>(row - known.begin());
    if (seen[index] != nullptr) {
      errors.Add(name, name.scalar,
                 absl::StrCat("is given in line ", seen[index]->line, " already; remove one"));
      continue;
    }
    seen[index] = &name;
    entry(index, ConfigValue{row->name, *node.children[i + 1], errors});
  }
  for (size_t i = 0; i < known.size(); ++i) {
    if (!known[i].required || seen[i] != nullptr) continue;
    errors.Add(node, known[i].name, absl::StrCat("is missing (", known[i].doc, ")"));
  }
}

void WalkSequence(const ConfigValue& value, const std::string& of,
                  const std::function<void(const ConfigValue&)>& item) {
  if (value.node.kind != Kind::kSequence) {
    value.Reject(absl::StrCat("is not a list of ", of));
    return;
  }
  if (value.node.children.empty()) {
    value.Reject(absl::StrCat("is empty; give at least one, or leave out the key"));
    return;
  }
  for (const ConfigNode* child : value.node.children) {
    item(ConfigValue{value.key, *child, value.errors});
  }
}

void DescribeKey(int depth, const std::string& name, const std::string& type,
                 const std::string& allowed, const std::string& unit, const std::string& fallback,
                 const std::string& doc, bool required, std::string& out) {
  const std::string indent(static_cast<size_t>(depth) * 2, ' ');
  absl::StrAppend(&out, indent, name, ":  ", type);
  if (!allowed.empty()) absl::StrAppend(&out, ", ", allowed);
  if (!unit.empty()) absl::StrAppend(&out, " (", unit, ")");
  if (required) absl::StrAppend(&out, "; required");
  if (!fallback.empty()) absl::StrAppend(&out, "; default ", fallback);
  absl::StrAppend(&out, "\n", indent, "    ", doc, "\n");
}

std::string Words(const std::vector<std::string>& words) {
  std::string all;
  for (size_t i = 0; i < words.size(); ++i) {
    const char* separator = i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    absl::StrAppend(&all, separator, words[i]);
  }
  return all;
}

size_t ReadWord(const ConfigValue& value, const std::vector<std::string>& words) {
  const auto word = value.node.kind == Kind::kScalar
                        ? std::find(words.begin(), words.end(), value.node.scalar)
                        : words.end();
  if (word == words.end()) value.Reject(absl::StrCat("is not ", Words(words)));
  return static_cast<size_t>(word - words.begin());
}

}  // namespace config_internal
}  // namespace groupcast
