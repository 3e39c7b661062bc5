// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Modes group and async: a registered group, one payload that is sent again and again.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "groupcast/completion.h"
#include "groupcast/group.h"
#include "groupcast/payload.h"
#include "tools/file_descriptor.h"
#include "tools/groupcast-perf/groupcast_source.h"
#include "tools/open_files.h"

namespace groupcast::perf {
namespace {

constexpr auto kLongestFinish = std::chrono::seconds(2);
constexpr uint32_t kMembersAtOnce = 65536;  // a list of them is memory of its own

Strategy ForEngine(PacketStrategy strategy) {
  switch (strategy) {
    case PacketStrategy::kChain:
      return Strategy::kChain;
    case PacketStrategy::kCopy:
      return Strategy::kCopy;
    default:
      return Strategy::kAuto;
  }
}

class GroupSource : public GroupcastSource {
 public:
  GroupSource(const Workload& workload, std::vector<Group> groups, Payload payload)
      : groups_(std::move(groups)),
        payload_(std::move(payload)),
        recipients_(workload.recipients),
        prepend_(workload.prepend_bytes),
        append_(workload.append_bytes),
        private_bytes_(size_t{workload.recipients} * (prepend_ + append_)) {
    options_.strategy = ForEngine(workload.strategy);
    options_.errors = &failed_;
    if (private_bytes_.empty()) return;
    for (uint32_t i = 0; i < workload.recipients; i++) {
      std::fill_n(private_bytes_.data() + size_t{i} * (prepend_ + append_), prepend_ + append_,
                  static_cast<uint8_t>(i));
    }
    if (workload.private_bytes == PrivateSource::kTable) {
      options_.private_table = {private_bytes_.data(), workload.recipients, prepend_ + append_,
                                prepend_, append_};
      return;
    }
    options_.private_bytes = [this](const Recipient& to, PrivateBytes* bytes) {
      uint8_t* own = private_bytes_.data() + to.tag() * (prepend_ + append_);
      bytes->prepend = {own, prepend_};
      bytes->append = {own + prepend_, append_};
    };
  }

  void Send(Tally* tally) override {
    failed_.clear();
    const absl::StatusOr<SendResult> sent = Next().Send(payload_, options_);
    if (tally == nullptr) return;
    tally->AddGroupcast(sent.ok() ? sent->sent : 0);
    if (!sent.ok()) {
      tally->AddErrors(ENOMEM, recipients_);
      return;
    }
    for (const MemberError& member : failed_) tally->AddErrors(member.error, 1);
  }

 protected:
  // Whose turn it is.
  Group& Next() {
    if (next_ == groups_.size()) next_ = 0;
    return groups_[next_++];
  }

  std::vector<Group> groups_;
  size_t next_ = 0;
  Payload payload_;
  SendOptions options_;

  uint32_t recipients_;  // of a groupcast

 private:
  size_t prepend_;
  size_t append_;
  std::vector<uint8_t> private_bytes_;  // of each member, by its tag
  std::vector<MemberError> failed_;
};

class AsyncSource : public GroupSource {
 public:
  AsyncSource(const Workload& workload, std::vector<Group> groups, Payload payload,
              CompletionQueue queue, uint32_t burst)
      : GroupSource(workload, std::move(groups), std::move(payload)),
        queue_(std::move(queue)),
        outstanding_(burst) {}

  void Send(Tally* tally) override {
    tally_ = tally;
    while (queue_.outstanding() >= outstanding_) Collect();
    // Of a send that ends after the counting has begun, this tells whether it is counted.
    const absl::Status begun =
        Next().SendAsync(payload_, queue_, tally != nullptr ? 1 : 0, Stage::kAccepted, options_);
    if (begun.ok() || absl::IsAborted(begun) || tally == nullptr) return;
    tally->AddGroupcast(0);
    tally->AddErrors(ENOMEM, recipients_);
  }

  void Finish() override {
    const auto deadline = std::chrono::steady_clock::now() + kLongestFinish;
    while (queue_.outstanding() > 0 && std::chrono::steady_clock::now() < deadline) Collect();
    const size_t lost = queue_.outstanding();
    if (lost == 0 || tally_ == nullptr) return;
    for (size_t i = 0; i < lost; i++) tally_->AddGroupcast(0);
    tally_->AddErrors(ETIMEDOUT, lost * recipients_);
  }

  uint32_t Outstanding() const override { return outstanding_; }

 private:
  void Collect() {
    completed_.clear();
    if (queue_.Poll(outstanding_, &completed_) == 0) {
      // Where the lcore has no CPU of its own, it gets this one.
      std::this_thread::yield();
      return;
    }
    for (const CompletedSend& send : completed_) {
      const bool no_room = std::any_of(send.errors.begin(), send.errors.end(),
                                       [](const MemberError& m) { return m.error == EAGAIN; });
      // More than the engine's memory for this thread, or the socket's buffer, holds.
      if (no_room) outstanding_ = std::max(1U, outstanding_ - std::max(1U, outstanding_ / 8));
      if (send.user_data == 0 || tally_ == nullptr) continue;
      tally_->AddGroupcast(send.sent);
      for (const MemberError& member : send.errors) tally_->AddErrors(member.error, 1);
    }
  }

  CompletionQueue queue_;
  uint32_t outstanding_;
  Tally* tally_ = nullptr;
  std::vector<CompletedSend> completed_;
};

// With the recipients from `first` on, whose tags begin at 0.
absl::StatusOr<Group> MakeGroup(int sd, const SourceOptions& options, uint32_t first) {
  absl::StatusOr<Group> group = Group::Create(sd);
  if (!group.ok()) return group.status();
  std::vector<Recipient> members;
  for (uint32_t i = 0; i < options.workload.recipients; i++) {
    members.emplace_back(AddressOf(options.flow, first + i), i);
    if (members.size() < kMembersAtOnce && i + 1 < options.workload.recipients) continue;
    const absl::StatusOr<uint64_t> added = group->Add(members);
    if (!added.ok()) return added.status();
    members.clear();
  }
  return group;
}

absl::StatusOr<std::vector<Group>> MakeGroups(const SourceOptions& options) {
  const absl::StatusOr<int> sd = BoundSocket(options.flow);
  if (!sd.ok()) return sd.status();
  const FileDescriptor socket(*sd);  // each group has one of its own
  RaiseOpenFiles();
  std::vector<Group> groups;
  for (uint32_t g = 0; g < options.workload.groups; g++) {
    absl::StatusOr<Group> group = MakeGroup(socket.get(), options, g * options.workload.recipients);
    if (!group.ok()) return group.status();
    groups.push_back(*std::move(group));
  }
  return groups;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GroupcastSource>> MakeGroupSource(const SourceOptions& options) {
  absl::StatusOr<std::vector<Group>> groups = MakeGroups(options);
  if (!groups.ok()) return groups.status();
  const std::vector<uint8_t> bytes = PayloadBytes(options.workload.payload_bytes);
  absl::StatusOr<Payload> payload = Payload::Copy(bytes);
  if (!payload.ok()) return payload.status();
  if (options.workload.mode == Mode::kGroup) {
    return std::make_unique<GroupSource>(options.workload, *std::move(groups), *std::move(payload));
  }
  absl::StatusOr<CompletionQueue> queue = CompletionQueue::Create(options.burst);
  if (!queue.ok()) return queue.status();
  return std::make_unique<AsyncSource>(options.workload, *std::move(groups), *std::move(payload),
                                       *std::move(queue), options.burst);
}

}  // namespace groupcast::perf
