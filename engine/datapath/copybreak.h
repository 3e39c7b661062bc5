// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>

#include "engine/datapath/assembler.h"
#include "engine/datapath/header_line.h"

namespace groupcast {

// Bytes of private parts that a head has room for behind the longest headers.
inline constexpr int32_t kMostPrivate = kHeadRoom - kEthernetHeader - kVlanTag - kIpv6Headers;

// Whether packets with a copy of the payload cost less than packets with an mbuf on it, and with a
// third one for what is appended.
bool CheaperCopied(const Request& request, const TxPlan& plan);

}  // namespace groupcast
