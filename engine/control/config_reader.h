// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Checked reading of YAML into structures. One table per kind of mapping makes the parser and the
// printed reference, so neither can say what the other does not do:
//
//   const ConfigTable<Relay> table = {.keys = {
//       {"ttl", Integer(&Relay::ttl, 1, 255), "hops", "time to live of what is sent"}, ...}};
//   ReadMapping(file.root(), table, relay, errors);
#pragma once

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <netinet/in.h>
#include <rte_ether.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/control/config_file.h"
#include "engine/datapath/ip_address.h"

namespace groupcast {

// All that is wrong with one file, told together in the order of the file.
class ConfigErrors {
 public:
  static constexpr size_t kMaxTold = 200;
  static constexpr size_t kMaxKept = 20000;

  explicit ConfigErrors(std::string path) : path_(std::move(path)) {}

  // "FILE:LINE:COLUMN: KEY: TEXT".
  void Add(const ConfigNode& at, const std::string& key, const std::string& text);

  bool empty() const { return errors_.empty(); }

  // OK, or InvalidArgument with one line per error.
  absl::Status status() const;

 private:
  struct Error {
    int line;
    int column;
    std::string text;
  };
  std::string path_;
  std::vector<Error> errors_;
  size_t count_ = 0;
};

// One value under its key, while it is read.
struct ConfigValue {
  const std::string& key;
  const ConfigNode& node;
  ConfigErrors& errors;

  // Adds "KEY: 'VALUE' TEXT".
  void Reject(const std::string& text) const;
};

// Each returns nothing after it rejected the value.
std::optional<uint64_t> ReadInteger(const ConfigValue& value, uint64_t min, uint64_t max);
std::optional<std::string> ReadText(const ConfigValue& value);
// A name as it is used in messages and statistics: letters, digits and "_.-".
std::optional<std::string> ReadName(const ConfigValue& value);
// An Ethernet address of one station.
std::optional<rte_ether_addr> ReadMac(const ConfigValue& value);
std::optional<in_addr> ReadAddress(const ConfigValue& value);
std::optional<in6_addr> ReadAddress6(const ConfigValue& value);
struct IpPrefix {
  IpAddress address;
  uint8_t length;  // of 32 for IPv4, of 128 for IPv6
};
std::optional<IpPrefix> ReadPrefix(const ConfigValue& value);

inline constexpr char kNameAllowed[] = "1 to 63 letters, digits, '_', '.' or '-'";
inline constexpr char kMacAllowed[] = "a unicast MAC as in 02:00:00:00:00:01";
inline constexpr char kAddressAllowed[] = "an IPv4 address as in 192.0.2.1";
inline constexpr char kAddress6Allowed[] = "an IPv6 address as in 2001:db8::1";
inline constexpr char kPrefixAllowed[] = "an IPv4 or IPv6 prefix as in 10.0.0.0/8 or 2001:db8::/32";

// The kind of value that a key of a T has.
template <typename T>
struct ConfigType {
  std::string name;
  std::string allowed;
  std::string fallback;  // the default
  std::function<void(const ConfigValue&, T&)> read;
  // Appends the reference of the keys inside.
  std::function<void(int depth, std::string& out)> inside;
};

template <typename T>
struct ConfigKey {
  std::string name;
  ConfigType<T> type;
  std::string unit;
  std::string doc;
  bool required = false;
  std::string fallback = {};  // where the type does not know the default
};

template <typename T>
struct ConfigTable {
  std::vector<ConfigKey<T>> keys;
  std::vector<std::string> passed_over = {};  // keys that another reader of the file knows
  // Further checks of one mapping, after its keys were read.
  std::function<void(const ConfigNode&, T&, ConfigErrors&)> check = {};
};

// The value of `key` in a mapping; null if absent.
const ConfigNode* FindValue(const ConfigNode& mapping, const std::string& key);

// Rejects each item of a list whose `key` an earlier item has too, as `identity` makes of it.
void RejectDoubled(const ConfigNode& list, const std::string& key, ConfigErrors& errors,
                   const std::function<std::string(const std::string&)>& identity);

namespace config_internal {

// Calls `entry` for each value whose key is in `known`; tells unknown, doubled and missing keys.
struct KnownKey {
  std::string name;
  bool required;
  std::string doc;
};
void WalkMapping(const ConfigNode& node, const std::string& own_key,
                 const std::vector<KnownKey>& known, ConfigErrors& errors,
                 const std::function<void(size_t index, const ConfigValue&)>& entry);

void WalkSequence(const ConfigValue& value, const std::string& of,
                  const std::function<void(const ConfigValue&)>& item);

void DescribeKey(int depth, const std::string& name, const std::string& type,
                 const std::string& allowed, const std::string& unit, const std::string& fallback,
                 const std::string& doc, bool required, std::string& out);

std::string Words(const std::vector<std::string>& words);
size_t ReadWord(const ConfigValue& value, const std::vector<std::string>& words);  // or size()

template <typename M>
struct Stored {
  using type = M;
};
template <typename M>
struct Stored<std::optional<M>> {
  using type = M;
};

}  // namespace config_internal

// Reads a mapping by its table. `key` is what the mapping stands behind, "" for the whole file.
template <typename T>
void ReadMapping(const ConfigNode& node, const std::string& key, const ConfigTable<T>& table,
                 T& out, ConfigErrors& errors) {
  std::vector<config_internal::KnownKey> known;
  for (const ConfigKey<T>& row : table.keys) known.push_back({row.name, row.required, row.doc});
  for (const std::string& name : table.passed_over) known.push_back({name, false, ""});
  config_internal::WalkMapping(node, key, known, errors, [&](size_t i, const ConfigValue& value) {
    if (i < table.keys.size()) table.keys[i].type.read(value, out);
  });
  if (table.check && node.kind == ConfigNode::Kind::kMapping) table.check(node, out, errors);
}

// Appends one entry per key: name, type, range, unit, default, doc.
template <typename T>
void DescribeTable(const ConfigTable<T>& table, int depth, std::string& out) {
  for (const ConfigKey<T>& row : table.keys) {
    config_internal::DescribeKey(depth, row.name, row.type.name, row.type.allowed, row.unit,
                                 row.fallback.empty() ? row.type.fallback : row.fallback, row.doc,
                                 row.required, out);
    if (row.type.inside) row.type.inside(depth + 1, out);
  }
}

// A value read by `read`; M is the value's type or an optional of it.
template <typename T, typename M, typename Read>
ConfigType<T> Value(M T::*member, std::string name, std::string allowed, Read read) {
  return {std::move(name), std::move(allowed), "",
          [member, read](const ConfigValue& value, T& out) {
            if (auto read_value = read(value)) out.*member = std::move(*read_value);
          },
          nullptr};
}

template <typename T, typename M>
ConfigType<T> Integer(M T::*member, uint64_t min, uint64_t max) {
  using Number = typename config_internal::Stored<M>::type;
  ConfigType<T> type = {"integer", absl::StrCat(min, " to ", max), "",
                        [member, min, max](const ConfigValue& value, T& out) {
                          if (const auto number = ReadInteger(value, min, max)) {
                            out.*member = static_cast<Number>(*number);
                          }
                        },
                        nullptr};
  if constexpr (std::is_same_v<M, Number>) type.fallback = absl::StrCat(T{}.*member);
  return type;
}

template <typename T, typename M>
ConfigType<T> OneOf(M T::*member, std::initializer_list<std::pair<const char*, M>> choices) {
  std::vector<std::string> words;
  std::vector<M> meanings;
  ConfigType<T> type;
  for (const auto& [word, meaning] : choices) {
    if (T{}.*member == meaning) type.fallback = word;
    words.push_back(word);
    meanings.push_back(meaning);
  }
  type.name = "word";
  type.allowed = config_internal::Words(words);
  type.read = [member, words, meanings](const ConfigValue& value, T& out) {
    const size_t i = config_internal::ReadWord(value, words);
    if (i < words.size()) out.*member = meanings[i];
  };
  return type;
}

// A list of values read by `read`, each at most once.
template <typename T, typename M, typename Read>
ConfigType<T> ListOf(M T::*member, const std::string& of, std::string allowed, Read read) {
  return {absl::StrCat("list of ", of), std::move(allowed), "",
          [member, of, read](const ConfigValue& value, T& out) {
            typename config_internal::Stored<M>::type list;
            std::set<std::string> seen;
            config_internal::WalkSequence(value, of, [&](const ConfigValue& item) {
              auto read_item = read(item);
              if (!read_item) return;
              if (!seen.insert(item.node.scalar).second) {
                item.Reject("is in the list already; remove one");
                return;
              }
              list.push_back(std::move(*read_item));
            });
            out.*member = std::move(list);
          },
          nullptr};
}

// A mapping that is a structure of its own; M is S or an optional of it.
template <typename T, typename M, typename S>
ConfigType<T> Mapping(M T::*member, ConfigTable<S> table) {
  return {"mapping", "", "",
          [member, table](const ConfigValue& value, T& out) {
            S inner{};
            ReadMapping(value.node, value.key, table, inner, value.errors);
            out.*member = std::move(inner);
          },
          [table](int depth, std::string& out) { DescribeTable(table, depth, out); }};
}

// A mapping whose keys are members of the same structure.
template <typename T>
ConfigType<T> Section(ConfigTable<T> table) {
  return {"mapping", "", "",
          [table](const ConfigValue& value, T& out) {
            ReadMapping(value.node, value.key, table, out, value.errors);
          },
          [table](int depth, std::string& out) { DescribeTable(table, depth, out); }};
}

template <typename T, typename S>
ConfigType<T> MappingList(std::vector<S> T::*member, ConfigTable<S> table) {
  return {"list of mappings", "", "",
          [member, table](const ConfigValue& value, T& out) {
            config_internal::WalkSequence(value, "mappings", [&](const ConfigValue& item) {
              ReadMapping(item.node, item.key, table, (out.*member).emplace_back(), item.errors);
            });
          },
          [table](int depth, std::string& out) { DescribeTable(table, depth, out); }};
}

}  // namespace groupcast
