// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/driver_profile.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "engine/control/config_file.h"
#include "engine/control/config_reader.h"

namespace groupcast {
namespace {

std::optional<std::string> ReadOffload(const ConfigValue& value) {
  const size_t i = config_internal::ReadWord(value, TxOffloadNames());
  if (i == TxOffloadNames().size()) return std::nullopt;
  return TxOffloadNames()[i];
}

std::optional<std::string> ReadArgument(const ConfigValue& value) {
  auto text = ReadText(value);
  if (!text) return std::nullopt;
  const size_t equals = text->find('=');
  if (equals == 0 || equals == std::string::npos || absl::StrContains(*text, ',')) {
    value.Reject("is not one device argument as in 'framesz=2048'");
    return std::nullopt;
  }
  return text;
}

ConfigType<DriverProfile> ChainsWord() {
  static const std::vector<std::string> kWords = {"never", "advertised", "always"};
  return {"word", config_internal::Words(kWords), kWords[0],
          [](const ConfigValue& value, DriverProfile& out) {
            const size_t i = config_internal::ReadWord(value, kWords);
            out.chains = i == 2;
            out.chains_if_advertised = i == 1 || i == 2;
          },
          nullptr};
}

ConfigTable<DriverProfile> ProfileTable() {
  using P = DriverProfile;
  return {
      .keys = {
          {"driver", Value(&P::driver, "text", kNameAllowed, ReadName), "",
           "the driver's name in DPDK; the file's name too", true},
          {"chains", ChainsWord(), "",
           "whether it transmits chains of mbufs: where it advertises MULTI_SEGS, or always"},
          {"max_segments", Integer(&P::max_segments, 1, 65535), "mbufs",
           "longest chain that it transmits"},
          {"segment_bytes", Integer(&P::segment_bytes, 64, 65535), "bytes",
           "longest mbuf of a chain that it transmits; longer payloads are several mbufs"},
          {"tx_descriptors", Integer(&P::tx_descriptors, 64, 32768), "descriptors",
           "length of the transmit ring"},
          {"rx_descriptors", Integer(&P::rx_descriptors, 64, 32768), "descriptors",
           "length of the receive ring"},
          {"tx_rs_thresh", Integer(&P::tx_rs_thresh, 0, 4096), "descriptors",
           "transmitted descriptors per one that the device reports as done; 0: as the driver has "
           "it, which is also taken where the device refuses these"},
          {"tx_free_thresh", Integer(&P::tx_free_thresh, 0, 4096), "descriptors",
           "free descriptors below which the driver looks for those that are done; 0: likewise"},
          {"tx_queues", Integer(&P::tx_queues, 1, 65535), "queues",
           "the most transmit queues that are used of those that it says it has", false, "all"},
          {"rx_queues", OneOf(&P::rx_queues, {{"none", false}, {"as_tx", true}}), "",
           "as_tx: it gets as many receive queues as transmit queues"},
          {"ingress", OneOf(&P::ingress, {{"no", false}, {"yes", true}}), "",
           "yes: what its receive queues get can be relayed"},
          {"copybreak", Integer(&P::copybreak, 0, 65507), "bytes",
           "smaller payloads are copied to each packet, larger ones shared"},
          {"min_frame", Integer(&P::min_frame, 14, 64), "bytes", "shortest frame that it takes"},
          {"completion",
           OneOf(&P::completion, {{"eager", Completion::kEager},
                                  {"consumer", Completion::kConsumer},
                                  {"descriptors", Completion::kDescriptors},
                                  {"silent", Completion::kSilent}}),
           "",
           "when a packet's memory was read: eager: when the burst returns; consumer: when "
           "the mbuf comes back; descriptors: when the device reports the ring's newest descriptor "
           "as done, of which it has to report each packet's last (and frees mbufs when it sends); "
           "silent: with later traffic "
           "only. "
           "For these what may change again is copied, once for all recipients"},
          {"memory",
           OneOf(&P::memory, {{"dpdk", PayloadMemory::kDpdk},
                              {"mapped", PayloadMemory::kMapped},
                              {"any", PayloadMemory::kAny}}),
           "",
           "what it reads payloads from: dpdk: DPDK's own memory; mapped: the application's, too, "
           "which is mapped for the device; any: all that the process has. What it does not read "
           "is "
           "copied"},
          {"after_link_loss",
           OneOf(&P::reset_after_link_loss, {{"goes_on", false}, {"reset", true}}), "",
           "reset: a device without a link may have lost what it was told, and may not say "
           "so: it is reset when its link is back",
           false, "goes_on"},
          {"tx_offloads",
           ListOf(&P::tx_offloads, "words", config_internal::Words(TxOffloadNames()), ReadOffload),
           "", "offloads used where the driver advertises them", false, "none"},
          {"tx_offloads_unusable",
           ListOf(&P::tx_offloads_unusable, "words", config_internal::Words(TxOffloadNames()),
                  ReadOffload),
           "",
           "offloads that it advertises and does not do when it transmits; never used, even if the "
           "configuration asks for them",
           false, "none"},
          {"interface_argument", Value(&P::interface_argument, "text", kNameAllowed, ReadName), "",
           "the device argument that names the kernel interface", false, "none"},
          {"arguments", ListOf(&P::arguments, "texts", "KEY=VALUE", ReadArgument), "",
           "device arguments added where the configuration does not give them; "
           "${descriptors} and ${queues} become the transmit rings' length and number, "
           "${framesz} and ${blocksz} what the MTU needs",
           false, "none"}}};
}

absl::StatusOr<DriverProfile> ReadProfile(const std::string& path, const std::string& driver) {
  const absl::StatusOr<ConfigFile> file = ConfigFile::Read(path);
  if (!file.ok()) return file.status();
  DriverProfile profile;
  ConfigErrors errors(path);
  ReadMapping(file->root(), "", ProfileTable(), profile, errors);
  const ConfigNode* name = FindValue(file->root(), "driver");
  if (name != nullptr && !profile.driver.empty() && profile.driver != driver) {
    ConfigValue{"driver", *name, errors}.Reject(
        absl::StrCat("is not the driver that the file is named after, '", driver, "'"));
  }
  if (!errors.empty()) return errors.status();
  return profile;
}

std::vector<std::string> ProfileFolders() {
  std::vector<std::string> folders;
  const char* own = std::getenv("GROUPCAST_DRIVERS");
  if (own != nullptr && own[0] != '\0') folders.push_back(own);
  folders.push_back(GROUPCAST_PROFILE_DIR);
  folders.push_back(GROUPCAST_SOURCE_PROFILE_DIR);
  return folders;
}

// The path of `driver`'s profile; empty if there is none.
std::string FindProfile(const std::string& driver) {
  const bool safe = !driver.empty() && std::all_of(driver.begin(), driver.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  });
  if (!safe) return "";
  for (const std::string& folder : ProfileFolders()) {
    std::string path = absl::StrCat(folder, "/", driver, ".yaml");
    if (access(path.c_str(), F_OK) == 0) return path;
  }
  return "";
}

}  // namespace

absl::StatusOr<DriverProfile> LoadDriverProfile(const std::string& driver) {
  if (const std::string path = FindProfile(driver); !path.empty()) return ReadProfile(path, driver);
  if (const std::string path = FindProfile(kGenericProfile); !path.empty()) {
    return ReadProfile(path, kGenericProfile);
  }
  return absl::NotFoundError(
      absl::StrCat("no driver profile for '", Printable(driver), "' and no ", kGenericProfile,
                   ".yaml in ", absl::StrJoin(ProfileFolders(), ", "),
                   "; install the driver profiles, or set GROUPCAST_DRIVERS to their folder"));
}

absl::StatusOr<DriverProfile> LoadDeviceProfile(const std::string& device) {
  for (std::string driver = device; !driver.empty(); driver.pop_back()) {
    if (driver != kGenericProfile && !FindProfile(driver).empty()) return LoadDriverProfile(driver);
  }
  return LoadDriverProfile(kGenericProfile);
}

std::vector<std::string> DriversWithInterface() {
  std::set<std::string> drivers;
  for (const std::string& folder : ProfileFolders()) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() != ".yaml") continue;
      const auto profile = LoadDriverProfile(entry.path().stem());
      if (profile.ok() && !profile->interface_argument.empty()) drivers.insert(profile->driver);
    }
  }
  return {drivers.begin(), drivers.end()};
}

const std::vector<std::string>& TxOffloadNames() {
  static const std::vector<std::string> names = {"ipv4_cksum", "udp_cksum", "vlan_insert"};
  return names;
}

std::string DriverProfileReference() {
  std::string text;
  DescribeTable(ProfileTable(), 0, text);
  return text;
}

}  // namespace groupcast
