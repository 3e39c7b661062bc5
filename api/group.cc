// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/group.h"

#include <cerrno>
#include <new>
#include <optional>

#include "api/async_send.h"
#include "api/group_control.h"
#include "api/group_sender.h"
#include "api/group_state.h"
#include "engine/datapath/cancellation.h"

namespace groupcast {
namespace {

std::span<const Recipient> SpanOf(absl::Span<const Recipient> members) {
  return {members.data(), members.size()};
}

class ErrnoKept {
 public:
  ErrnoKept() = default;
  ~ErrnoKept() { errno = before_; }
  ErrnoKept(const ErrnoKept&) = delete;
  ErrnoKept& operator=(const ErrnoKept&) = delete;

 private:
  const int before_ = errno;
};

absl::Status Check(const Payload::Body* body, const SendOptions& options) {
  if (body == nullptr) {
    return absl::InvalidArgumentError("the payload was released; it can't be sent any more");
  }
  if (options.private_bytes != nullptr && options.private_table.rows > 0) {
    return absl::InvalidArgumentError(
        "private_bytes and private_table are both set; a member's bytes come from one of them");
  }
  return absl::OkStatus();
}

}  // namespace

MemberKey KeyOf(const Recipient& member) {
  const sockaddr_in6& address = member.address();
  return {.address = IpAddress::FromIpv6(address.sin6_addr),
          .scope = address.sin6_scope_id,
          .udp_port = address.sin6_port};
}

absl::StatusOr<Group> Group::Create(int sd) {
  absl::StatusOr<std::shared_ptr<State>> state = State::Create(sd);
  if (!state.ok()) return state.status();
  return Group(*std::move(state));
}

absl::StatusOr<uint64_t> Group::Add(absl::Span<const Recipient> members) {
  return state_->Add(SpanOf(members));
}
absl::StatusOr<uint64_t> Group::Remove(absl::Span<const Recipient> members) {
  return state_->Remove(SpanOf(members));
}
absl::StatusOr<uint64_t> Group::Replace(absl::Span<const Recipient> members) {
  return state_->Replace(SpanOf(members));
}

size_t Group::size() const {
  const LineSnapshot* snapshot = state_->members().Acquire();
  const size_t members = snapshot->members;
  GroupMembers::Release(snapshot);
  return members;
}

uint64_t Group::revision() const {
  const LineSnapshot* snapshot = state_->members().Acquire();
  const uint64_t revision = snapshot->revision;
  GroupMembers::Release(snapshot);
  return revision;
}

std::vector<Recipient> Group::Members() const { return state_->Members(); }

absl::Status Group::Refresh() { return state_->Refresh(); }

absl::StatusOr<SendResult> Group::Send(const Payload& payload, const SendOptions& options) try {
  Payload::Body* body = GroupSender::BodyOf(payload);
  if (absl::Status status = Check(body, options); !status.ok()) return status;
  const ErrnoKept errno_kept;
  const CancellationOff cancellation_off;
  return GroupSender(state_.get(), body, options, nullptr).Send();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("no memory for the send; some members may have been sent to");
}

absl::Status Group::SendAsync(const Payload& payload, CompletionQueue& queue, uint64_t user_data,
                              Stage stage, const SendOptions& options) try {
  Payload::Body* body = GroupSender::BodyOf(payload);
  if (absl::Status status = Check(body, options); !status.ok()) return status;
  const ErrnoKept errno_kept;
  bool wake = false;
  AsyncSend* send = queue.state_->sends().Begin(&wake);
  if (send == nullptr) {
    return absl::ResourceExhaustedError(
        "the completion queue has no room for another send; collect some");
  }
  send->stage = stage;
  send->wants_errors = options.errors != nullptr;
  send->result.user_data = user_data;
  GroupSender sender(state_.get(), body, options, send);
  // On every way out: what was posted goes on, and completes.
  struct End {
    GroupSender& sender;
    std::optional<SendResult> result;
    ~End() { sender.EndAsync(result ? *result : sender.SoFar()); }
  } end{sender, {}};
  if (wake) GroupControl::Get().Wake();
  end.result = sender.Send();
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return absl::AbortedError("no memory for all of the send; it completes with what was sent");
}

Group::Group(std::shared_ptr<State> state) : state_(std::move(state)) {}
Group::Group(Group&&) noexcept = default;
Group& Group::operator=(Group&&) noexcept = default;
Group::~Group() = default;

}  // namespace groupcast
