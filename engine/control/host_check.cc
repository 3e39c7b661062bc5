// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/host_check.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <net/if.h>
#include <unistd.h>

#include <set>

namespace groupcast {

absl::Status CheckHost(const EngineConfig& config) {
  std::vector<std::string> missing;
  for (const PortConfig& port : config.ports) {
    const std::string place =
        absl::StrCat(config.path, ":", port.line, ":", port.column, ": port '", port.name, "': ");
    if (port.IsPci() &&
        access(absl::StrCat("/sys/bus/pci/devices/", port.PciAddress()).c_str(), F_OK) != 0) {
      missing.push_back(absl::StrCat(place, "there is no PCI device ", port.PciAddress(),
                                     "; `dpdk-devbind.py --status` lists those there are"));
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
