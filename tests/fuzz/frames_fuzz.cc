// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Any bytes as a received frame, and as an RTP packet. An input is the frame.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "engine/datapath/header_line.h"
#include "engine/datapath/ingress_frame.h"
#include "engine/datapath/rtp.h"

namespace groupcast {
namespace {

constexpr rte_ether_addr kMac = {{0x02, 0, 0, 0, 0, 0x01}};

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void CheckFrame(const uint8_t* data, size_t size) {
  for (const bool known : {false, true}) {
    IngressFrame frame;
    if (ReadFrame(data, size, kMac, known, &frame) != FrameKind::kDatagram) continue;
    Check(size_t{frame.payload_offset} + frame.payload_len <= size, "a payload out of its frame");
    Check(frame.payload_sum == SumBytes(data + frame.payload_offset, frame.payload_len),
          "another sum than its payload's");
  }
}

void CheckRtp(const uint8_t* data, size_t size) {
  RtpStream stream(90000, 1'000'000);
  RtpPlace first, second;
  const bool is_rtp = stream.Translate(data, size, 1, &first);
  Check(stream.Translate(data, size, 2, &second) == is_rtp, "RTP once, and not again");
  if (!is_rtp) return;
  Check(size >= kRtpHeader, "RTP without a header");
  Check(first.sequence == second.sequence, "the same packet at another place");
}

}  // namespace
}  // namespace groupcast

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Of exactly this size, so that a byte too many is seen.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  std::copy_n(data, size, copy.get());
  groupcast::CheckFrame(copy.get(), size);
  groupcast::CheckRtp(copy.get(), size);
  return 0;
}
