// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/copybreak.h"

#include "engine/datapath/packet_head.h"

namespace groupcast {
namespace {

// As bench/goals measures on net_null. Bytes of payload beyond which one packet with a copy costs
// more than one without, and bytes that few packets together may copy beyond the copybreak.
constexpr uint32_t kMostForOne = 1400;
constexpr uint32_t kMostBeyond = 2048;

}  // namespace

bool CheaperCopied(const Request& request, const TxPlan& plan) {
  const uint32_t copybreak = plan.copybreak;
  if (copybreak == 0) return false;
  const uint32_t payload_len = request.payload_len, n = request.nb_recipients;
  if (payload_len <= copybreak) return true;
  const uint32_t private_len = uint32_t{request.prepend_len} + request.append_len;
  const bool in_head = request.nb_segments == 1 && request.privates == nullptr &&
                       private_len + payload_len + kPrivateSlack <= kMostPrivate;
  if (!in_head) return n == 1 && payload_len <= kMostForOne;
  return request.append_len > 0 || (payload_len - copybreak) * n <= kMostBeyond;
}

}  // namespace groupcast
