// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/copybreak.h"

#include "engine/datapath/packet_head.h"

namespace groupcast {
namespace {

// The first copy takes the payload from its caller's cache, which costs what as many packets save
// together. A copy that does not fit a head needs a large mbuf, which is slower than three small
// ones.
constexpr uint16_t kFewestForAppend = 16;

}  // namespace

bool CheaperCopied(const Request& request, const TxPlan& plan) {
  const uint32_t copybreak = plan.copybreak;
  if (copybreak == 0) return false;
  if (request.payload_len <= copybreak) return true;
  const uint32_t len = uint32_t{request.prepend_len} + request.payload_len + request.append_len;
  return request.append_len > 0 && request.nb_recipients >= kFewestForAppend &&
         request.nb_segments == 1 && len + kPrivateSlack <= kMostPrivate;
}

}  // namespace groupcast
