// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/group_sender.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "api/caller_buffer.h"
#include "api/line_member.h"
#include "engine/datapath/request_uses.h"

namespace groupcast {

GroupSender::GroupSender(Group::State* group, Payload::Body* body, const SendOptions& options,
                         AsyncSend* async)
    : group_(*group),
      body_(*body),
      options_(options),
      async_(async),
      snapshot_(group->members().Acquire()),
      revision_(snapshot_->revision),
      members_(snapshot_->members),
      // A send that knows its errors' members by the snapshot holds it until it is collected, when
      // no request needs the lines any more.
      snapshot_holds_(HoldPlaces(snapshot_->holds), HoldsSnapshot() ? 0 : 1),
      body_holds_(HoldPlaces(body->holds), 1),
      socket_(Group::State::SocketOf(*snapshot_)),
      nonblocking_(async != nullptr || options.nonblocking || socket_.nonblocking) {
  body_.holds.taken.fetch_add(1, std::memory_order_relaxed);
  if (HoldsSnapshot()) async_->snapshot = snapshot_;
}

SendResult GroupSender::Send() {
  {
    const EngineUse use;
    use.Count(Counter::kGroupcasts, 1);
    use.Count(Counter::kRecipients, members_);
    if (use.engine() != nullptr) call_ = ++use.seat().calls;
    if (UsesLines(use)) {
      SendLines(use);
    } else {
      for (const LineChunk* chunk : snapshot_->chunks) ToRest({chunk, 0, chunk->count});
    }
    // In here, where what it sends itself goes by the kernel.
    if (HasPrivate() && !rest_.empty()) AskRest();
  }
  // A kernel that blocks must not hold up an engine that stops.
  SendRest();
  return {revision_, members_, members_ - failed_};
}

bool GroupSender::UsesLines(const EngineUse& use) {
  if (socket_.watch_errors) CancellationEnds();
  return use.engine() != nullptr && snapshot_->engine == use.engine()->instance() &&
         !socket_.kernel_only && !(socket_.watch_errors && ErrorPending(group_.sd())) &&
         !use.engine()->resolver().EgressPolicy();
}

void GroupSender::SendLines(const EngineUse& use) {
  group_.NoteUsed();
  if (options_.private_bytes != nullptr) CancellationEnds();
  requests_.emplace(use, socket_, nonblocking_, call_);
  // Before `use` ends, whatever is thrown.
  struct End {
    std::optional<CallRequests>& requests;
    ~End() { requests.reset(); }
  } end{requests_};
  if (requests_->Full()) {
    for (const LineChunk* chunk : snapshot_->chunks) {
      for (uint16_t i = 0; i < chunk->count; i++) Fail(RecipientOf(*chunk, i), EAGAIN);
    }
    return;
  }
  payload_sum_ = body_.Sum();
  const auto& chunks = snapshot_->chunks;
  const size_t n = chunks.size();
  size_t first = 0;
  uint16_t first_place = 0;
  if (options_.rotate && n > 0) {
    const uint64_t member = group_.NextRotation() % snapshot_->members;
    first = member / kMaxGroupRecipients % n;
    first_place = static_cast<uint16_t>(member % kMaxGroupRecipients % chunks[first]->count);
  }
  for (size_t i = 0; i < n; i++) {
    const size_t number = first + i;
    const LineChunk* chunk = chunks[number < n ? number : number - n];
    const bool last = i + 1 == n && first_place == 0;
    SendChunk(use, {chunk, i == 0 ? first_place : uint16_t{0}, chunk->count, last});
  }
  if (first_place > 0) SendChunk(use, {chunks[first], 0, first_place, true});
  if (async_ == nullptr && !nonblocking_) {
    requests_->AwaitAll([&](Request* request) { Gather(use, *request); });
  }
  // Whoever collects it takes the results.
  if (async_ != nullptr) requests_->LeaveToOthers();
  use.Count(Counter::kEngineRecipients, by_lines_);
}

// The longest run of lines that can be used as they are, again and again; the others are rest.
void GroupSender::SendChunk(const EngineUse& use, Run run) {
  const LineChunk& chunk = *run.chunk;
  // Without carrier the plain call says what that means.
  if (chunk.bin.port == Bin::kKernel || !use.engine()->LinkUp(chunk.bin.port)) {
    ToRest(run);
    return;
  }
  Resolver& resolver = use.engine()->resolver();
  const NextHopTable& next_hops = resolver.next_hops();
  const bool all_fit = HasPrivate() || body_.len() + kIpv6Headers <= chunk.least_mtu;
  if (all_fit && AllUsable(chunk, next_hops, resolver.UsableChanges())) {
    PostRun(use, run);
    return;
  }
  const auto good = [&](uint16_t i) {
    const HeaderLine& line = chunk.lines[i];
    return (HasPrivate() || body_.len() + IpUdpLen(line) <= line.path_mtu) &&
           IsUsable(next_hops[line.next_hop], line.next_hop_tag);
  };
  for (uint16_t from = run.from; from < run.to;) {
    const bool is_good = good(from);
    auto to = static_cast<uint16_t>(from + 1);
    while (to < run.to && good(to) == is_good) to++;
    if (is_good) {
      PostRun(use, {&chunk, from, to, run.last && to == run.to});
    } else {
      ToRest({&chunk, from, to});
    }
    from = to;
  }
}

void GroupSender::PostRun(const EngineUse& use, Run run) {
  if (HasPrivate()) {
    PostWithPrivate(use, run);
    return;
  }
  const CallRequests::Room room = Allocate(use, run, 0);
  if (room.request != nullptr && Post(use, run, room)) return;
  NoRoomFor(use, run);
}

// Nobody waits for the end of reading what never changes.
bool GroupSender::IsConstant() const {
  return body_.form() == Payload::Body::Form::kCopied && !WaitsForDone();
}

bool GroupSender::CopiesPayload(const EngineUse& use, const LineChunk& chunk) const {
  const RunningEngine& engine = *use.engine();
  return body_.len() > 0 &&
         engine.CopiesPayload(chunk.bin.port, body_.memory(engine.instance()), IsConstant());
}

// Null for no room.
CallRequests::Room GroupSender::Allocate(const EngineUse& use, Run run, size_t private_len) {
  const Bin bin = run.chunk->bin;
  const Channel::Shape shape{run.members(), false, HasPrivate(), private_len, HasTable()};
  return requests_->Allocate(bin.port, bin.lcore, shape, body_.segments(),
                             CopiesPayload(use, *run.chunk),
                             [&](Request* request) { Gather(use, *request); });
}

// Where the run's is the only request of an asynchronous send, and there is room for it, nothing is
// left to this thread once it is posted: the send may be collected then, and begun anew. It may
// take the sender's own holds, too, instead of new ones, which cost waiting for all that was
// written.
bool GroupSender::IsLast(const EngineUse& use, Run run) const {
  return async_ != nullptr && run.last && rest_.empty() && by_lines_ == 0 &&
         use.channel()->HasRoom(run.chunk->bin.lcore);
}

// False: no room. The request is back then, its memory as it was until another one is allocated.
bool GroupSender::Post(const EngineUse& use, Run run, CallRequests::Room room) {
  Request* request = room.request;
  // While memory may run out.
  std::unique_ptr<Request, void (*)(Request*)> guard(request, Channel::Discard);
  if (async_ != nullptr && async_->wants_errors) {
    // In memory of the send's own: the request's is the thread's to use again.
    request->errors = async_->AddPosted(run.chunk, run.from, run.members());
  } else if (async_ == nullptr && !nonblocking_) {
    posted_.push_back({run.chunk, run.from});
  }
  guard.release();
  request->lines = run.chunk->lines.data() + run.from;
  request->alike = run.chunk->alike;
  ended_ = IsLast(use, run);
  if (!HoldsSnapshot()) HoldLines(request, &snapshot_holds_, ended_);
  request->sharing = static_cast<Sharing>(options_.strategy);
  request->hop_limit = options_.hop_limit;
  if (room.copy != nullptr) {
    requests_->UseCopy(run.chunk->bin.port, room);
  } else if (body_.len() > 0) {
    request->payload_sum = payload_sum_;
    request->segments = body_.segments().data();
    request->nb_segments = static_cast<uint16_t>(body_.segments().size());
    HoldPayload(request, &body_holds_, ended_);
    request->followed = !IsConstant() && use.engine()->FollowsReading(run.chunk->bin.port);
  }
  request->bytes += uint64_t{run.members()} * (body_.len() + kIpv6Headers);
  if (async_ != nullptr) {
    request->progress = async_;
    if (WaitsForDone() && room.copy == nullptr) {
      request->reading = async_;
      left_to_lcores_++;  // also if it is given back
    }
    // Who collects it wants to know.
    request->nobody_waits.store(false, std::memory_order_relaxed);
    // Requests that were given back have advanced it.
    if (ended_) {
      SetResult({revision_, members_, members_ - failed_});
      async_->left.store(request->reading != nullptr ? 2 : 1, std::memory_order_relaxed);
    }
  }
  if (!requests_->Post(run.chunk->bin.lcore, request, [&](Request* done) { Gather(use, *done); })) {
    if (async_ != nullptr && async_->wants_errors) async_->nb_posted--;
    if (async_ == nullptr && !nonblocking_) posted_.pop_back();
    return false;
  }
  if (async_ != nullptr) left_to_lcores_++;
  by_lines_ += run.members();
  return true;
}

void GroupSender::SetResult(const SendResult& result) {
  async_->result.revision = result.revision;
  async_->result.members = result.members;
  async_->result.sent = result.sent;
}

void GroupSender::EndAsync(const SendResult& result) {
  if (ended_) return;
  SetResult(result);
  Advance(async_, AsyncSend::kPosting - left_to_lcores_);
}

// Requests are gathered in the order they were posted in.
void GroupSender::Gather(const EngineUse& use, const Request& request) {
  if (async_ != nullptr || nonblocking_) return;
  const Posted& posted = posted_[gathered_++];
  if (AllAccepted(request)) return;
  for (uint16_t i = 0; i < request.nb_recipients; i++) {
    if (request.errors[i] == 0) continue;
    const auto place = static_cast<uint16_t>(posted.first + i);
    by_lines_--;
    if (request.errors[i] != kNotStarted) {
      Fail(RecipientOf(*posted.chunk, place), request.errors[i]);
      continue;
    }
    use.seat().counters.Add(Counter::kKernelStopped);
    if (!HasPrivate()) {
      ToRest({posted.chunk, place, static_cast<uint16_t>(place + 1)});
      continue;
    }
    const PrivateBytes bytes = PrivateBytesIn(request, i);
    ToRest(*posted.chunk, place, bytes.prepend, bytes.append);
  }
}

void GroupSender::Fail(const Recipient& member, int error) {
  CountHere(Counter::kRecipientErrors, 1);
  if (error == EAGAIN) CountHere(Counter::kWouldBlock, 1);
  NoteFailure(member, error);
}

void GroupSender::NoteFailure(const Recipient& member, int error) {
  failed_++;
  if (async_ != nullptr) {
    if (async_->wants_errors) async_->result.errors.push_back({member, error});
  } else if (options_.errors != nullptr) {
    options_.errors->push_back({member, error});
  }
}

}  // namespace groupcast
