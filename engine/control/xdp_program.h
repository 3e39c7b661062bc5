// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/control/claim_map.h"

namespace groupcast {

// The file name of our XDP program's object.
inline constexpr char kRedirectObject[] = "redirect.bpf.o";

// Makes the interface ready for an XDP program. One of ours that a killed process has left there is
// detached; a live process's, or anybody else's, is an error that names it.
absl::Status ClearXdp(const std::string& interface, uint32_t index);

// Whether our program at `path` can be loaded: what the driver would report as no more than a
// failure.
absl::Status CheckXdpProgram(const std::string& path);

// Our XDP program on an interface: from the moment that net_af_xdp has attached it, until this is
// destroyed.
class XdpProgram {
 public:
  // `before`: OpenDescriptors() before the driver loaded it. The program is attached anew by a BPF
  // link, which the kernel undoes when this process ends, however it ends.
  static absl::StatusOr<std::unique_ptr<XdpProgram>> TakeOver(const std::set<int>& before,
                                                              const std::string& interface,
                                                              uint32_t index);
  // Detaches it. To be called before the driver closes, which else finds it busy.
  ~XdpProgram();
  XdpProgram(const XdpProgram&) = delete;
  XdpProgram& operator=(const XdpProgram&) = delete;

  ClaimMap& claims() { return *claims_; }
  // The largest IP packet that is redirected; none is before this is set.
  absl::Status SetLongest(uint32_t bytes);
  // Whether the interface's driver runs it; else it is run for each skb. Then several datagrams
  // that the sender handed over as one (UDP_SEGMENT, over veth) are one to the program, too.
  bool native() const { return native_; }

 private:
  XdpProgram() = default;
  absl::Status FindMaps(const std::set<int>& before);

  int program_ = -1;
  int link_ = -1;
  int longest_ = -1;
  bool native_ = false;
  std::optional<ClaimMap> claims_;
  // The driver's, which it never closes: the program, its maps and their types.
  std::vector<int> left_open_;
};

}  // namespace groupcast
