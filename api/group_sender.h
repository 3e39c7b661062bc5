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
#include "engine/datapath/cancellation.h"

namespace groupcast {

// One send of a registered group on the caller's thread. Members whose lines can be used as they
// are go straight to their lcores, a chunk at a time; all others go as sendgroup() would send them.
class GroupSender {
 public:
  // `async`: where the send leaves what becomes of it later; null: it is waited for, with
  // cancellation off. All are borrowed for the sender's life.
  GroupSender(Group::State* group, Payload::Body* body, const SendOptions& options,
              AsyncSend* async);
  GroupSender(const GroupSender&) = delete;
  GroupSender& operator=(const GroupSender&) = delete;

  // Of a Payload; null: it was released.
  static Payload::Body* BodyOf(const Payload& payload) { return payload.body_; }

  SendResult Send();
  // What was sent so far, should Send() not come to its end.
  SendResult SoFar() const { return {revision_, members_, by_lines_}; }
  // An asynchronous send's last word, unless it was left to the lcores already: what became of it,
  // and that they advance it by the rest.
  void EndAsync(const SendResult& result);

 private:
  // Members [from, to) of a chunk. Passed in registers: what was just written in small parts and is
  // then read as a whole waits for all of them.
  struct Run {
    const LineChunk* chunk;
    uint16_t from;
    uint16_t to;
    bool last = false;  // nobody else is to be sent to
    uint16_t members() const { return static_cast<uint16_t>(to - from); }
  };
  static_assert(sizeof(Run) == 16);
  // A member that does not go by its line.
  struct Rest {
    const LineChunk* chunk;
    uint16_t place;
    bool asked;  // for its private bytes, which are copied to rest_bytes_
    size_t offset;
    size_t prepend_len;
    size_t append_len;
  };

  bool HasTable() const { return options_.private_table.rows > 0; }
  bool HasPrivate() const { return HasTable() || options_.private_bytes != nullptr; }
  bool WaitsForDone() const { return async_ != nullptr && async_->stage == Stage::kDone; }
  bool HoldsSnapshot() const { return async_ != nullptr && async_->wants_errors; }
  bool UsesLines(const EngineUse& use);
  void SendLines(const EngineUse& use);
  void SendChunk(const EngineUse& use, Run run);
  void PostRun(const EngineUse& use, Run run);
  bool IsConstant() const;
  bool CopiesPayload(const EngineUse& use, const LineChunk& chunk) const;
  CallRequests::Room Allocate(const EngineUse& use, Run run, size_t private_len);
  bool Post(const EngineUse& use, Run run, CallRequests::Room room);
  void SetResult(const SendResult& result);
  bool IsLast(const EngineUse& use, Run run) const;
  // Before what may be a cancellation point.
  void CancellationEnds() {
    if (async_ != nullptr && !cancellation_off_) cancellation_off_.emplace();
  }
  void PostWithPrivate(const EngineUse& use, Run run);
  void PostWithTable(const EngineUse& use, Run run);
  uint16_t PutRows(Run run, Request* request) const;
  void NoRoomFor(const EngineUse& use, Run run);
  bool PrivateOf(const LineChunk& chunk, uint16_t place, PrivateBytes* bytes);
  bool Ask(Run* run, PrivateBytes* bytes);
  bool PutPrivates(size_t room_len, Run* run, PrivateBytes* bytes, Request* request);
  void NoRoomFor(const EngineUse& use, const LineChunk& chunk, uint16_t place,
                 const PrivateBytes& bytes);
  static PrivateBytes PrivateBytesIn(const Request& request, uint16_t recipient);
  bool Fits(const HeaderLine& line, const PrivateBytes& bytes) const;
  void Gather(const EngineUse& use, const Request& request);
  void ToRest(Run run);
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
  // Of the snapshot, which may be gone once the last request is posted.
  const uint64_t revision_;
  const size_t members_;
  SpareHolds snapshot_holds_;
  SpareHolds body_holds_;
  const UdpSocket& socket_;  // as the snapshot has it
  const bool nonblocking_;
  std::optional<CancellationOff> cancellation_off_;
  uint64_t call_ = 0;  // with an engine
  // Of the run that is being posted, if it has private bytes.
  bool all_fit_ = false;  // with private_room_ bytes of their own
  size_t private_room_ = 0;
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
  uint32_t left_to_lcores_ = 0;  // of what an asynchronous send is advanced by
  bool ended_ = false;           // the asynchronous send is the lcores'
  size_t by_lines_ = 0;
  size_t failed_ = 0;
};

}  // namespace groupcast
