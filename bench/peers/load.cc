// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "bench/peers/load.h"

#include <utility>

#include "tools/test_stream.h"

namespace groupcast {

Load::Load(std::vector<Recipient> recipients, size_t payload_bytes, size_t prepend_bytes)
    : recipients_(std::move(recipients)),
      prepend_bytes_(prepend_bytes),
      payload_(payload_bytes),
      private_bytes_(recipients_.size() * prepend_bytes) {
  for (const Recipient& to : recipients_) addresses_.push_back(ToSockaddr(to));
  Write(0);
}

void Load::Write(uint64_t sequence) {
  using test_stream::Form;
  const Form form = test_stream::FormOf(payload_.size());
  const uint64_t told = form == Form::kAnonymous ? 0
                        : form == Form::kShort   ? sequence & UINT32_MAX
                                                 : sequence;
  for (size_t i = 0; i < recipients_.size(); i++) {
    test_stream::WritePrivate(test_stream::PrivatePart::kPrepend, recipients_[i].address,
                              recipients_[i].udp_port, told, prepend(i));
  }
  test_stream::WriteShared({.stream = 1, .sequence = sequence, .sent_ns = 0, .end = false},
                           payload_);
}

}  // namespace groupcast
