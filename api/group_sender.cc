// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/group_sender.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "api/caller_buffer.h"
#include "api/private_part.h"

namespace groupcast {

GroupSender::GroupSender(Group::State* group, Payload::Body* body, const SendOptions& options,
                         AsyncSend* async)
    : group_(*group),
      body_(*body),
      options_(options),
      async_(async),
      snapshot_(group->members().Acquire()),
      socket_(group->socket()),
      nonblocking_(async != nullptr || options.nonblocking || socket_.nonblocking) {
  body_.holds.fetch_add(1, std::memory_order_relaxed);
  if (async_ != nullptr && async_->wants_errors) {
    GroupMembers::HoldsOf(snapshot_)->fetch_add(1, std::memory_order_relaxed);
    async_->snapshot = snapshot_;
  }
}

GroupSender::~GroupSender() {
  body_.holds.fetch_sub(1, std::memory_order_release);
  GroupMembers::Release(snapshot_);
}

SendResult GroupSender::Send() {
  CountHere(Counter::kGroupcasts, 1);
  CountHere(Counter::kRecipients, snapshot_->members);
  {
    const EngineUse use;
    if (use.engine() != nullptr) call_ = ++use.seat().calls;
    if (UsesLines(use)) {
      SendLines(use);
    } else {
      for (const LineChunk* chunk : snapshot_->chunks) ToRest({chunk, 0, chunk->count});
    }
    // In here, where what it sends itself goes by the kernel.
    if (options_.private_bytes != nullptr) AskRest();
  }
  // A kernel that blocks must not hold up an engine that stops.
  SendRest();
  return {snapshot_->revision, snapshot_->members, snapshot_->members - failed_};
}

bool GroupSender::UsesLines(const EngineUse& use) const {
  return use.engine() != nullptr && snapshot_->engine == use.engine()->instance() &&
         !socket_.kernel_only && !(socket_.watch_errors && ErrorPending(group_.sd())) &&
         !use.engine()->resolver().EgressPolicy();
}

void GroupSender::SendLines(const EngineUse& use) {
  group_.NoteUsed();
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
    const LineChunk* chunk = chunks[(first + i) % n];
    SendChunk(use, {chunk, i == 0 ? first_place : uint16_t{0}, chunk->count});
  }
  if (first_place > 0) SendChunk(use, {chunks[first], 0, first_place});
  if (async_ == nullptr && !nonblocking_) {
    const auto gather = [&](Request* request) { Gather(use, *request); };
    while (!requests_->GatherDone(gather) && requests_->Wait()) {
    }
  }
  // Whoever collects it takes the results.
  if (async_ != nullptr) requests_->LeaveToOthers();
  CountHere(Counter::kEngineRecipients, by_lines_);
}

// The longest run of lines that can be used as they are, again and again; the others are rest.
void GroupSender::SendChunk(const EngineUse& use, const Run& run) {
  const LineChunk& chunk = *run.chunk;
  // Without carrier the plain call says what that means.
  if (chunk.bin.port == Bin::kKernel || !use.engine()->LinkUp(chunk.bin.port)) {
    ToRest(run);
    return;
  }
  Resolver& resolver = use.engine()->resolver();
  const NextHopTable& next_hops = resolver.next_hops();
  const bool all_fit =
      options_.private_bytes != nullptr || body_.len() + kIpv6Headers <= chunk.least_mtu;
  if (all_fit && AllUsable(chunk, next_hops, resolver.UsableChanges())) {
    PostRun(use, run);
    return;
  }
  const auto good = [&](uint16_t i) {
    const HeaderLine& line = chunk.lines[i];
    return (options_.private_bytes != nullptr || body_.len() + IpUdpLen(line) <= line.path_mtu) &&
           IsUsable(next_hops[line.next_hop], line.next_hop_tag);
  };
  for (uint16_t from = run.from; from < run.to;) {
    const bool is_good = good(from);
    auto to = static_cast<uint16_t>(from + 1);
    while (to < run.to && good(to) == is_good) to++;
    if (is_good) {
      PostRun(use, {&chunk, from, to});
    } else {
      ToRest({&chunk, from, to});
    }
    from = to;
  }
}

bool GroupSender::Fits(const HeaderLine& line, const PrivateBytes& bytes) const {
  return HasBase(bytes.prepend) && HasBase(bytes.append) &&
         bytes.prepend.iov_len <= line.path_mtu && bytes.append.iov_len <= line.path_mtu &&
         bytes.prepend.iov_len + bytes.append.iov_len + body_.len() + IpUdpLen(line) <=
             line.path_mtu;
}

// Asks for the private bytes of members from run.from on, each once, as many as one request holds.
// What a line can't take is rest.
GroupSender::Asked GroupSender::StagePrivate(const EngineUse& use, const Run& run) {
  const LineChunk& chunk = *run.chunk;
  const size_t most = use.channel()->MostPrivate(chunk.bin.port, chunk.bin.lcore,
                                                 {kMaxGroupRecipients, false, true, 0}) /
                      2;
  staged_.clear();
  staged_.reserve(kMaxGroupRecipients);
  staged_len_ = 0;
  staged_alike_ = true;
  for (uint16_t i = run.from; i < run.to && staged_len_ < most; i++) {
    PrivateBytes bytes;
    options_.private_bytes(RecipientOf(chunk, i), &bytes);
    if (!Fits(chunk.lines[i], bytes)) {
      ToRest(chunk, i, bytes.prepend, bytes.append);
      const auto staged = static_cast<uint16_t>(staged_.size());
      return {staged, static_cast<uint16_t>(staged + 1)};
    }
    const size_t end = staged_len_ + bytes.prepend.iov_len + bytes.append.iov_len;
    if (staged_bytes_.size() < end + kPrivateSlack) {
      // Enough if the others have as many.
      const size_t others = static_cast<size_t>(run.to - i) * (end - staged_len_);
      staged_bytes_.resize(std::min(staged_len_ + others, most + end) + end + kPrivateSlack);
    }
    staged_.push_back(PutPrivate(bytes.prepend, bytes.append, body_.len(), staged_bytes_.data(),
                                 static_cast<uint32_t>(staged_len_)));
    staged_alike_ &= AreAlike(staged_.back(), staged_.front());
    staged_len_ = end;
  }
  const auto staged = static_cast<uint16_t>(staged_.size());
  return {staged, staged};
}

void GroupSender::PostRun(const EngineUse& use, Run run) {
  while (run.from < run.to) {
    Run some = run;
    uint16_t next = run.to;
    if (options_.private_bytes != nullptr) {
      const Asked asked = StagePrivate(use, run);
      some.to = static_cast<uint16_t>(run.from + asked.staged);
      next = static_cast<uint16_t>(run.from + asked.members);
    }
    if (some.from < some.to && !Post(use, some)) {
      const bool stopping = use.engine()->stopping();
      for (uint16_t i = some.from; i < some.to; i++) {
        if (!stopping) {
          Fail(RecipientOf(*run.chunk, i), EAGAIN);
        } else if (options_.private_bytes == nullptr) {
          ToRest({run.chunk, i, static_cast<uint16_t>(i + 1)});
        } else {
          const PrivatePart& part = staged_[i - some.from];
          uint8_t* bytes = staged_bytes_.data() + part.offset;
          ToRest(*run.chunk, i, {bytes, part.prepend_len},
                 {bytes + part.prepend_len, part.append_len});
        }
      }
    }
    run.from = next;
  }
}

void GroupSender::PutPrivates(Request* request) const {
  std::copy(staged_.begin(), staged_.end(), request->own_privates);
  if (staged_alike_) NoteUniform(staged_.front(), request);
  if (staged_len_ > 0) {
    std::memcpy(request->own_private_bytes, staged_bytes_.data(), staged_len_);
  }
}

// False: no room.
bool GroupSender::Post(const EngineUse& use, const Run& run) {
  const Bin bin = run.chunk->bin;
  const auto n = static_cast<uint16_t>(run.to - run.from);
  const bool privates = options_.private_bytes != nullptr;
  const bool waits_for_done = async_ != nullptr && async_->stage == Stage::kDone;
  // Nobody waits for the end of reading what never changes.
  const bool constant = body_.form() == Payload::Body::Form::kCopied && !waits_for_done;
  const bool copy =
      body_.len() > 0 && use.engine()->CopiesPayload(bin.port, body_.for_devices(), constant);
  const auto gather = [&](Request* request) { Gather(use, *request); };
  const CallRequests::Room room =
      requests_->Allocate(bin.port, bin.lcore, {n, false, privates, privates ? staged_len_ : 0},
                          body_.segments(), copy, gather);
  Request* request = room.request;
  if (request == nullptr) return false;
  request->lines = run.chunk->lines.data() + run.from;
  request->line_holds = GroupMembers::HoldsOf(snapshot_);
  request->line_holds->fetch_add(1, std::memory_order_relaxed);
  request->sharing = static_cast<Sharing>(options_.strategy);
  request->hop_limit = options_.hop_limit;
  if (copy) {
    requests_->UseCopy(bin.port, room);
  } else if (body_.len() > 0) {
    request->payload_sum = payload_sum_;
    request->segments = body_.segments().data();
    request->nb_segments = static_cast<uint16_t>(body_.segments().size());
    request->payload_holds = &body_.holds;
    body_.holds.fetch_add(1, std::memory_order_relaxed);
  }
  if (privates) PutPrivates(request);
  request->bytes = uint64_t{n} * (body_.len() + kIpv6Headers) + (privates ? staged_len_ : 0);
  if (async_ != nullptr) {
    request->progress = &async_->progress;
    async_->progress.requests_left.fetch_add(1, std::memory_order_relaxed);
    if (waits_for_done && !copy) {
      request->requests_reading = &async_->progress.requests_reading;
      async_->progress.requests_reading.fetch_add(1, std::memory_order_relaxed);
    }
    // Who collects it wants to know.
    request->nobody_waits.store(false, std::memory_order_relaxed);
    if (async_->wants_errors) {
      // In memory of the send's own: the request's is the thread's to use again.
      async_->posted.push_back({run.chunk, run.from, std::vector<uint8_t>(n)});
      request->errors = async_->posted.back().errors.data();
    }
  } else if (!nonblocking_) {
    posted_.push_back({run.chunk, run.from});
  }
  if (!requests_->Post(bin.lcore, request, gather)) {
    if (async_ != nullptr) async_->progress.requests_left.fetch_sub(1, std::memory_order_relaxed);
    if (async_ != nullptr && async_->wants_errors) async_->posted.pop_back();
    if (async_ == nullptr && !nonblocking_) posted_.pop_back();
    return false;
  }
  by_lines_ += n;
  return true;
}

// Requests are gathered in the order they were posted in.
void GroupSender::Gather(const EngineUse& use, const Request& request) {
  if (async_ != nullptr || nonblocking_) return;
  const Posted& posted = posted_[gathered_++];
  for (uint16_t i = 0; i < request.nb_recipients && request.failed > 0; i++) {
    if (request.errors[i] == 0) continue;
    const auto place = static_cast<uint16_t>(posted.first + i);
    by_lines_--;
    if (request.errors[i] != kNotStarted) {
      Fail(RecipientOf(*posted.chunk, place), request.errors[i]);
      continue;
    }
    use.seat().counters.Add(Counter::kKernelStopped);
    if (request.privates == nullptr) {
      ToRest({posted.chunk, place, static_cast<uint16_t>(place + 1)});
      continue;
    }
    const PrivatePart& part = request.privates[i];
    auto* bytes = const_cast<uint8_t*>(request.private_bytes) + part.offset;
    ToRest(*posted.chunk, place, {bytes, part.prepend_len},
           {bytes + part.prepend_len, part.append_len});
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
    if (async_->wants_errors) async_->completed.errors.push_back({member, error});
  } else if (options_.errors != nullptr) {
    options_.errors->push_back({member, error});
  }
}

}  // namespace groupcast
