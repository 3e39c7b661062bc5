// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/host_check.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

namespace groupcast {
namespace {

// What a link of sysfs names; empty: there is none.
std::string LinkedName(const std::string& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).filename();
}

// By which DPDK shares a card with the kernel.
bool SharesWithKernel(const std::string& driver) {
  return absl::StartsWith(driver, "mlx") || driver == "mana";
}

}  // namespace

std::string WhyNotDpdks(const std::string& address) {
  const std::string device = absl::StrCat("/sys/bus/pci/devices/", address);
  if (access(device.c_str(), F_OK) != 0) {
    return absl::StrCat("there is no PCI device ", address,
                        "; `dpdk-devbind.py --status` lists those there are");
  }
  const std::string driver = LinkedName(device + "/driver");
  const std::string advice =
      absl::StrCat("; `groupcast-bind ", address, "` (drivers-config/bind) binds it to vfio-pci");
  if (driver.empty()) return absl::StrCat("the PCI device ", address, " has no driver", advice);
  if (absl::StartsWith(driver, "uio") || driver == "igb_uio" || SharesWithKernel(driver)) return "";
  if (driver != "vfio-pci") {
    return absl::StrCat("the PCI device ", address, " is the kernel's, by its driver ", driver,
                        advice);
  }
  const std::string group = LinkedName(device + "/iommu_group");
  const std::string path = absl::StrCat("/dev/vfio/", group);
  const int opened = group.empty() ? -1 : open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (opened >= 0) close(opened);
  if (opened >= 0 || group.empty() || errno == ENOENT) return "";
  return errno == EBUSY
             ? absl::StrCat("another process has the PCI device ", address, ", or one that shares ",
                            path, " with it: an engine that still runs?")
             : absl::StrCat("the PCI device ", address, " can't be had: ", path, ": ",
                            std::strerror(errno), errno == EACCES ? " (needs root)" : "");
}

absl::Status CheckHost(const EngineConfig& config) {
  std::vector<std::string> missing;
  for (const PortConfig& port : config.ports) {
    const std::string place =
        absl::StrCat(config.path, ":", port.line, ":", port.column, ": port '", port.name, "': ");
    if (port.IsPci()) {
      const std::string why = WhyNotDpdks(port.PciAddress());
      if (!why.empty()) missing.push_back(absl::StrCat(place, why));
    }
    for (const std::string& name : std::set{port.interface, port.kernel_interface}) {
      if (name.empty() || name == port.exception_interface || if_nametoindex(name.c_str()) != 0)
        continue;
      missing.push_back(absl::StrCat(place, "there is no network interface '", name,
                                     "' here; `ip link` lists those there are"));
    }
  }
  return missing.empty() ? absl::OkStatus() : absl::NotFoundError(absl::StrJoin(missing, "\n"));
}

}  // namespace groupcast
