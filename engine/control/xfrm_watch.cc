// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/xfrm_watch.h"

#include <linux/xfrm.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace groupcast {
namespace {

constexpr size_t kReceiveBufferBytes = 1 << 20;

}  // namespace

XfrmWatch::XfrmWatch() {
  absl::StatusOr<NetlinkSocket> events = NetlinkSocket::Open(NETLINK_XFRM, kReceiveBufferBytes);
  absl::StatusOr<NetlinkSocket> questions = NetlinkSocket::Open(NETLINK_XFRM, kReceiveBufferBytes);
  if (!events.ok() || !questions.ok()) return;
  questions_.emplace(*std::move(questions));
  if (events->Join(XFRMNLGRP_POLICY)) events_.emplace(*std::move(events));
  Ask();
}

void XfrmWatch::Read() {
  std::vector<char> buffer(16384);
  bool changed = false;
  for (ssize_t length = 1; length != 0;) {
    length = events_->Receive(buffer);
    changed |= length != 0;  // a lost one, too, says that there was a change
    if (length < 0 && length != -ENOBUFS) break;
  }
  if (changed) Ask();
}

void XfrmWatch::Ask() {
  NetlinkRoom<256> room;
  xfrm_userpolicy_id* body;
  nlmsghdr* request =
      PutNetlinkMessage(room.bytes.data(), XFRM_MSG_GETPOLICY, NLM_F_REQUEST | NLM_F_DUMP, &body);
  bool found = false;
  const absl::Status status = questions_->Dump(request, [&found](const nlmsghdr* message) {
    if (message->nlmsg_type != XFRM_MSG_NEWPOLICY ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof(xfrm_userpolicy_info))) {
      return;
    }
    // The body is 4-byte aligned only.
    xfrm_userpolicy_info policy;
    std::memcpy(&policy, mnl_nlmsg_get_payload(message), sizeof(policy));
    found |= policy.dir == XFRM_POLICY_OUT;
  });
  if (status.ok()) present_.store(found, std::memory_order_relaxed);
}

}  // namespace groupcast
