// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/async_send.h"
#include "api/call_requests.h"
#include "api/group_state.h"
#include "api/payload_body.h"
#include "api/spare_holds.h"

namespace groupcast {

// One send of a registered group on the caller's thread. Members whose lines can be used as they
// are go straight to their lcores, a chunk at a time; all others go as sendgroup() would send them.
class GroupSender {
 public:
  // `async`: where the send leaves what becomes of it later; null: it is waited for. All are
  // borrowed for the sender's life.
  GroupSender(Group::State* group, Payload::Body* body, const SendOptions& options,
              AsyncSend* async);
  GroupSender(const GroupSender&) = delete;
  GroupSender& operator=(const GroupSender&) = delete;

  // Of a Payload; null: it was released.
  static Payload::Body* BodyOf(const Payload& payload) { return payload.body_; }

  SendResult Send();
  // What was sent so far, should Send() not come to its end.
  SendResult SoFar() const { return {snapshot_->revision, snapshot_->members, by_lines_}; }
  // What an asynchronous send has left then, and lcores advance it by.
  uint32_t left_to_lcores() const { return left_to_lcores_; }

 private:
  // Members [from, to) of a chunk.
  struct Run {
    const LineChunk* chunk;
    uint16_t from;
    uint16_t to;
    bool all_fit = false;  // with private_room bytes of their own
    size_t private_room = 0;
    uint16_t members() const { return static_cast<uint16_t>(to - from); }
  };
  // A member that does not go by its line.
  struct Rest {
    const LineChunk* chunk;
    uint16_t place;
    bool asked;  // for its private bytes, which are copied to rest_bytes_
    size_t offset;
    size_t prepend_len;
    size_t append_len;
  };

  bool WaitsForDone() const { return async_ != nullptr && async_->stage == Stage::kDone; }
  bool UsesLines(const EngineUse& use) const;
  void SendLines(const EngineUse& use);
  void SendChunk(const EngineUse& use, const Run& run);
  void PostRun(const EngineUse& use, const Run& run);
  bool IsConstant() const;
  bool CopiesPayload(const EngineUse& use, const LineChunk& chunk) const;
  CallRequests::Room Allocate(const EngineUse& use, const Run& run, size_t private_len);
  bool Post(const EngineUse& use, const Run& run, const CallRequests::Room& room);
  void PostWithPrivate(const EngineUse& use, Run run);
  bool Ask(Run* run, PrivateBytes* bytes);
  bool PutPrivates(size_t room_len, Run* run, PrivateBytes* bytes, Request* request);
  void NoRoomFor(const EngineUse& use, const LineChunk& chunk, uint16_t place,
                 const PrivateBytes& bytes);
  static PrivateBytes PrivateBytesIn(const Request& request, uint16_t recipient);
  bool Fits(const HeaderLine& line, const PrivateBytes& bytes) const;
  void Gather(const EngineUse& use, const Request& request);
  void ToRest(const Run& run);
  void ToRest(const LineChunk& chunk, uint16_t place, const iovec& prepend, const iovec& append);
  void AskRest();
  void SendRest();
  void SendSome(std::span<const Rest> rest, const iovec& shared);
  // Counts it, too.
  void Fail(const Recipient& member, int error);
  void NoteFailure(const Recipient& member, int error);

  Group::State& group_;
  Payload::Body& body_;
  const SendOptions& options_;
  AsyncSend* const async_;
  const LineSnapshot* const snapshot_;
  SpareHolds snapshot_holds_;
  SpareHolds body_holds_;
  const UdpSocket socket_;
  const bool nonblocking_;
  uint64_t call_ = 0;  // with an engine
  uint16_t payload_sum_ = 0;
  std::optional<CallRequests> requests_;
  struct Posted {
    const LineChunk* chunk;
    uint16_t first;  // place in the chunk of the request's first member
  };
  std::vector<Posted> posted_;  // this send's requests, if it waits for them
  size_t gathered_ = 0;         // of posted_
  std::vector<Rest> rest_;
  std::string rest_bytes_;
  uint32_t left_to_lcores_ = 0;
  size_t by_lines_ = 0;
  size_t failed_ = 0;
};

}  // namespace groupcast
