// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Any text as a configuration file of the engine, of groupcastd, and as a driver profile.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/control/config.h"
#include "engine/control/driver_profile.h"
#include "tools/groupcastd/config.h"

namespace groupcast {
namespace {

void Check(bool holds, const char* what, const std::string& message) {
  if (holds) return;
  std::fprintf(stderr, "%s:\n%s\n", what, message.c_str());
  std::abort();
}

// A file that is a new text each time, and a folder in which it is the profile of a driver.
struct File {
  int fd = memfd_create("configuration", MFD_CLOEXEC);
  std::string path = "/proc/self/fd/" + std::to_string(fd);
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("groupcast-fuzz-" + std::to_string(getpid()));

  File() {
    std::filesystem::create_directory(folder);
    for (const char* driver : {"net_null", "generic"}) {
      std::filesystem::create_symlink(
          std::filesystem::path(TEST_DRIVERS_CONFIG) / (std::string(driver) + ".yaml"),
          folder / (std::string(driver) + ".yaml"));
    }
    std::filesystem::create_symlink(path, folder / "fuzz.yaml");
    setenv("GROUPCAST_DRIVERS", folder.c_str(), 1);
  }
  ~File() {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
  }

  void Write(const uint8_t* data, size_t size) const {
    Check(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == static_cast<ssize_t>(size), "memfd",
          "cannot be written");
  }
};

// "FILE:LINE:COLUMN: …" or "FILE: …" in each line, and nothing that a terminal would act upon.
void CheckMessage(const absl::Status& status, const std::string& path) {
  const std::string message(status.message());
  Check(absl::IsInvalidArgument(status), "not InvalidArgument", message);
  Check(message.compare(0, path.size() + 1, path + ":") == 0, "no file named", message);
  for (const char c : message) {
    Check(static_cast<unsigned char>(c) >= 0x20 || c == '\n', "a control character", message);
  }
}

void CheckEngine(const EngineConfig& config, const std::string& path) {
  for (const PortConfig& port : config.ports) {
    Check(port.fixed.has_value() == port.interface.empty(), "neither interface nor static", path);
    Check(!port.name.empty() && !port.device.empty(), "no name or device", path);
    if (!port.fixed) continue;
    Check(port.fixed->mtu >= 68 && port.fixed->mtu <= kLargestMtu, "MTU", path);
    for (const StaticNextHop& hop : port.fixed->next_hops) {
      Check(hop.prefix_length <= 32 && rte_is_unicast_ether_addr(&hop.mac), "next hop", path);
    }
  }
}

void CheckRelay(const RelayConfig& config, const std::string& path) {
  for (const RelayGroup& group : config.groups) {
    Check(!group.name.empty() && !group.ingresses.empty(), "group", path);
    for (const RelayIngress& ingress : group.ingresses) {
      const ConfiguredAddress& address = ingress.address;
      Check(address.udp_port != 0 && address.line > 0, "ingress", address.ToString());
      Check(!IsSourceSpecific(address.address) || !ingress.from.empty(), "SSM", address.ToString());
    }
    for (const ConfiguredAddress& member : group.members) {
      Check(member.udp_port != 0 && !member.address.IsMulticast() && member.line > 0, "member",
            member.ToString());
    }
  }
}

}  // namespace
}  // namespace groupcast

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace groupcast;
  static const File file;
  file.Write(data, size);
  const absl::StatusOr<EngineConfig> engine = LoadEngineConfig(file.path);
  if (engine.ok()) {
    CheckEngine(*engine, file.path);
  } else {
    CheckMessage(engine.status(), file.path);
  }
  RelayConfig relay;
  const absl::Status status = LoadRelayConfig(file.path, relay);
  if (status.ok()) {
    CheckRelay(relay, file.path);
  } else {
    CheckMessage(status, file.path);
    const std::string both = MergeErrors(file.path, std::string(engine.status().message()),
                                         std::string(status.message()));
    Check(both.size() >= status.message().size(), "an error got lost", both);
  }
  const std::string profile_path = (file.folder / "fuzz.yaml").string();
  const absl::StatusOr<DriverProfile> profile = LoadDriverProfile("fuzz");
  if (profile.ok()) {
    Check(profile->driver == "fuzz" && profile->max_segments > 0, "profile", profile->driver);
  } else {
    CheckMessage(profile.status(), profile_path);
  }
  return 0;
}
