// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "engine/control/config.h"
#include "engine/control/route_messages.h"

namespace groupcast {

// Which 802.1Q id the frames of a port are tagged with, so that they are as those of its kernel
// interface; 0: none. `kernel`: what netlink says of that interface. `device_interface`: the number
// of config.interface. `by_device`: the device itself sends by that interface, so that its tag, if
// it has one, is added there.
absl::StatusOr<uint16_t> VlanOf(const PortConfig& config, const LinkMessage& kernel,
                                uint32_t device_interface, bool by_device);

// Asks netlink for an interface of the calling thread's network namespace.
absl::StatusOr<LinkMessage> AskLink(uint32_t interface);

}  // namespace groupcast
