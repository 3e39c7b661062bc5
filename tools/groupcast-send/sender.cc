// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-send/sender.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <thread>

#include "tools/test_stream.h"

namespace groupcast {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t MonotonicNs() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
          .count());
}

}  // namespace

void SendCounts::Add(const SendCounts& other) {
  groupcasts += other.groupcasts;
  sent += other.sent;
  failed_calls += other.failed_calls;
  in_call_ns += other.in_call_ns;
  for (const auto& [error, count] : other.errors) errors[error] += count;
}

Sender::Sender(const SendPlan& plan, uint32_t stream, int socket)
    : plan_(plan),
      stream_(stream),
      socket_(socket),
      payload_(plan.payload_bytes),
      private_bytes_(plan.recipients.size() * (plan.prepend_bytes + plan.append_bytes)),
      group_memory_(
          new uint8_t[offsetof(giobuf, recinfo) + plan.recipients.size() * sizeof(giovec)]()),
      group_(reinterpret_cast<giobuf*>(group_memory_.get())),
      errors_(plan.recipients.size()) {
  const size_t recipients = plan.recipients.size();
  group_->shared = {payload_.data(), payload_.size()};
  uint8_t* private_bytes = private_bytes_.data();
  for (size_t i = 0; i < recipients; ++i) {
    giovec& recipient = group_->recinfo[i];
    recipient.giov_dest = ToSockaddr(plan.recipients[i]);
    recipient.giov_prepend = {private_bytes, plan.prepend_bytes};
    recipient.giov_append = {private_bytes + plan.prepend_bytes, plan.append_bytes};
    private_bytes += plan.prepend_bytes + plan.append_bytes;
  }
  if (plan.call == SendCall::kSendgroup) return;
  iovecs_.resize(3 * recipients);
  messages_.resize(recipients);
  for (size_t i = 0; i < recipients; ++i) {
    giovec& recipient = group_->recinfo[i];
    iovecs_[3 * i] = recipient.giov_prepend;
    iovecs_[3 * i + 1] = group_->shared;
    iovecs_[3 * i + 2] = recipient.giov_append;
    msghdr& message = messages_[i].msg_hdr;
    message.msg_name = &recipient.giov_dest;
    message.msg_namelen = sizeof(recipient.giov_dest);
    message.msg_iov = &iovecs_[3 * i];
    message.msg_iovlen = 3;
  }
}

SendCounts Sender::Run(const std::atomic<bool>* stop) {
  SendCounts counts;
  const auto period = std::chrono::duration<double>(
      plan_.groupcasts_per_second > 0 ? 1 / plan_.groupcasts_per_second : 0);
  const Clock::time_point started = Clock::now();
  for (uint64_t sequence = 0; sequence < plan_.groupcasts && !*stop; ++sequence) {
    if (plan_.groupcasts_per_second > 0) {
      std::this_thread::sleep_until(started + std::chrono::duration_cast<Clock::duration>(
                                                  period * static_cast<double>(sequence)));
    }
    Prepare(sequence, false);
    Send(&counts);
  }
  SendCounts not_counted;
  for (uint32_t i = 0; i < plan_.end_markers; ++i) {
    Prepare(counts.groupcasts, true);
    Send(&not_counted);
  }
  return counts;
}

void Sender::Prepare(uint64_t sequence, bool end) {
  using test_stream::Form;
  using test_stream::PrivatePart;
  const Form form = test_stream::FormOf(payload_.size());
  const uint64_t told_sequence = form == Form::kAnonymous ? 0
                                 : form == Form::kShort   ? sequence & UINT32_MAX
                                                          : sequence;
  for (size_t i = 0; i < plan_.recipients.size() && !private_bytes_.empty(); ++i) {
    const Recipient& to = plan_.recipients[i];
    const giovec& recipient = group_->recinfo[i];
    for (const auto& [part, bytes] : {std::pair{PrivatePart::kPrepend, recipient.giov_prepend},
                                      std::pair{PrivatePart::kAppend, recipient.giov_append}}) {
      test_stream::WritePrivate(part, to.address, to.udp_port, told_sequence,
                                {static_cast<uint8_t*>(bytes.iov_base), bytes.iov_len});
    }
  }
  test_stream::WriteShared(
      {.stream = stream_, .sequence = sequence, .sent_ns = MonotonicNs(), .end = end}, payload_);
}

void Sender::Send(SendCounts* counts) {
  const size_t recipients = plan_.recipients.size();
  const uint64_t before_ns = MonotonicNs();
  int sent = 0;
  switch (plan_.call) {
    case SendCall::kSendgroup:
      sent = sendgroup(socket_, group_, recipients, plan_.flags, errors_.data());
      break;
    case SendCall::kSendmsg:
      sent = SendOneByOne();
      break;
    case SendCall::kSendmmsg:
      sent = SendInBatches();
      break;
  }
  const int error = errno;
  counts->in_call_ns += MonotonicNs() - before_ns;
  ++counts->groupcasts;
  if (sent < 0) {
    ++counts->failed_calls;
    counts->errors[error] += recipients;
    return;
  }
  counts->sent += static_cast<uint64_t>(sent);
  if (static_cast<size_t>(sent) == recipients) return;
  for (const int recipient_error : errors_) {
    if (recipient_error != 0) ++counts->errors[recipient_error];
  }
}

int Sender::SendOneByOne() {
  int sent = 0;
  for (size_t i = 0; i < messages_.size(); ++i) {
    const bool ok = sendmsg(socket_, &messages_[i].msg_hdr, plan_.flags) >= 0;
    errors_[i] = ok ? 0 : errno;
    if (ok) ++sent;
  }
  return sent;
}

int Sender::SendInBatches() {
  int sent = 0;
  for (size_t i = 0; i < messages_.size();) {
    constexpr size_t kBatch = 1024;  // UIO_MAXIOV: the kernel takes no more at once
    const auto batch = static_cast<unsigned>(std::min(kBatch, messages_.size() - i));
    const int accepted = sendmmsg(socket_, &messages_[i], batch, plan_.flags);
    if (accepted <= 0) {
      // The first of the batch failed.
      errors_[i++] = errno;
      continue;
    }
    std::fill_n(errors_.begin() + static_cast<ptrdiff_t>(i), accepted, 0);
    sent += accepted;
    i += static_cast<size_t>(accepted);
  }
  return sent;
}

}  // namespace groupcast
