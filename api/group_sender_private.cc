// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// GroupSender's members with private bytes.
#include <algorithm>
#include <cerrno>
#include <memory>

#include "api/caller_buffer.h"
#include "api/group_sender.h"
#include "api/line_member.h"
#include "api/private_part.h"
#include "api/private_rows.h"
#include "engine/datapath/channel.h"

namespace groupcast {
namespace {

// Members per request: the lcore sends some while the others are asked. It does not wait as long
// for the first ones.
constexpr uint16_t kMembersFirst = 64;
constexpr uint16_t kMembersAtOnce = 128;

size_t LenOf(const PrivateBytes& bytes) { return bytes.prepend.iov_len + bytes.append.iov_len; }

}  // namespace

PrivateBytes GroupSender::PrivateBytesIn(const Request& request, uint16_t recipient) {
  const PrivatePart part = PartOf(request, recipient);
  // Nobody writes to an iovec's bytes here.
  auto* at = const_cast<uint8_t*>(request.private_bytes) + part.offset;
  return {{at, part.prepend_len}, {at + part.prepend_len, part.append_len}};
}

bool GroupSender::Fits(const HeaderLine& line, const PrivateBytes& bytes) const {
  return HasBase(bytes.prepend) && HasBase(bytes.append) &&
         bytes.prepend.iov_len <= line.path_mtu && bytes.append.iov_len <= line.path_mtu &&
         bytes.prepend.iov_len + bytes.append.iov_len + body_.len() + IpUdpLen(line) <=
             line.path_mtu;
}

// False: there are none for it, which is its error.
bool GroupSender::PrivateOf(const LineChunk& chunk, uint16_t place, PrivateBytes* bytes) {
  if (!HasTable()) {
    options_.private_bytes(RecipientOf(chunk, place), bytes);
    return true;
  }
  if (RowOf(options_.private_table, chunk.tags[place], bytes)) return true;
  Fail(RecipientOf(chunk, place), EINVAL);
  return false;
}

// Asks member run.from, and those behind it whom its line can't take, until one's can; that is
// run->from then. False: there is none.
bool GroupSender::Ask(Run* run, PrivateBytes* bytes) {
  for (; run->from < run->to; run->from++) {
    *bytes = {};
    if (likely(!HasTable())) {
      options_.private_bytes(RecipientOf(*run->chunk, run->from), bytes);
    } else if (!PrivateOf(*run->chunk, run->from, bytes)) {
      continue;
    }
    // Most often room for everyone.
    const bool bases = HasBase(bytes->prepend) && HasBase(bytes->append);
    if (likely(bases && all_fit_ && bytes->prepend.iov_len <= private_room_ &&
               bytes->append.iov_len <= private_room_ - bytes->prepend.iov_len)) {
      return true;
    }
    if (Fits(run->chunk->lines[run->from], *bytes)) return true;
    ToRest(*run->chunk, run->from, bytes->prepend, bytes->append);
  }
  return false;
}

void GroupSender::PostWithPrivate(const EngineUse& use, Run run) {
  const Bin bin = run.chunk->bin;
  const size_t shared_len = body_.len() + kIpv6Headers;
  all_fit_ = shared_len <= run.chunk->least_mtu;
  private_room_ = all_fit_ ? run.chunk->least_mtu - shared_len : 0;
  const PrivateTable& table = options_.private_table;
  if (HasTable() && all_fit_ && table.base != nullptr && table.prepend_len <= private_room_ &&
      table.append_len <= private_room_ - table.prepend_len) {
    PostWithTable(use, run);
    return;
  }
  const size_t most_len =
      use.channel()->MostPrivate(bin.port, bin.lcore, {kMembersAtOnce, false, true, 0}) / 2;
  PrivateBytes bytes;
  for (bool asked = Ask(&run, &bytes); asked;) {
    Run some = run;
    const uint16_t at_once = by_lines_ == 0 ? kMembersFirst : kMembersAtOnce;
    some.to = std::min<uint16_t>(run.to, run.from + at_once);
    // Enough if the others have as many.
    const size_t len = LenOf(bytes);
    const size_t room_len = std::max(len, std::min(len * some.members(), most_len));
    const CallRequests::Room room = Allocate(use, some, room_len);
    if (room.request == nullptr) {
      NoRoomFor(use, *run.chunk, run.from, bytes);
      run.from++;
      asked = Ask(&run, &bytes);
      continue;
    }
    std::unique_ptr<Request, void (*)(Request*)> request(room.request, Channel::Discard);
    asked = PutPrivates(room_len, &run, &bytes, request.get());
    some.to = static_cast<uint16_t>(some.from + request->nb_recipients);
    some.last = run.last && !asked;
    if (Post(use, some, {request.release(), room.copy})) continue;
    for (uint16_t i = 0; i < some.members(); i++) {
      NoRoomFor(use, *some.chunk, static_cast<uint16_t>(some.from + i),
                PrivateBytesIn(*room.request, i));
    }
  }
}

// Members whose lines can take the table's bytes, whosever they are.
void GroupSender::PostWithTable(const EngineUse& use, Run run) {
  const PrivateTable& table = options_.private_table;
  const Bin bin = run.chunk->bin;
  const Channel::Shape none{kMembersAtOnce, false, true, 0, true};
  const size_t each = table.prepend_len + table.append_len;
  const size_t most_len = use.channel()->MostPrivate(bin.port, bin.lcore, none) / 2;
  while (run.from < run.to) {
    const size_t at_once = by_lines_ == 0 ? kMembersFirst : kMembersAtOnce;
    size_t n = std::min<size_t>(at_once, run.members());
    if (each * n > most_len) n = std::max<size_t>(most_len / each, 1);
    Run some{run.chunk, run.from, static_cast<uint16_t>(run.from + n)};
    const CallRequests::Room room = Allocate(use, some, each * n);
    if (room.request != nullptr) some.to = PutRows(some, room.request);
    some.last = run.last && some.to == run.to;
    if (some.members() > 0 && (room.request == nullptr || !Post(use, some, room))) {
      NoRoomFor(use, some);
    }
    run.from = some.to;
    // The request ends where a member has no row.
    if (some.members() == n) continue;
    if (some.members() == 0) Channel::Discard(room.request);
    Fail(RecipientOf(*run.chunk, run.from++), EINVAL);
  }
}

// The rows of the run's members up to the first that has none, which it returns.
uint16_t GroupSender::PutRows(Run run, Request* request) const {
  const PrivateTable& table = options_.private_table;
  const PrivateRows rows(table, body_.len(), request);
  const uint16_t n = rows.Copy(run.chunk->tags.data() + run.from, run.members());
  request->nb_recipients = n;
  request->prepend_len = static_cast<uint16_t>(table.prepend_len);
  request->append_len = static_cast<uint16_t>(table.append_len);
  request->bytes = n * (table.prepend_len + table.append_len);
  return static_cast<uint16_t>(run.from + n);
}

// Member run->from, whose bytes these are, and those behind it as long as the request has room for
// them and they follow each other. True: run->from was asked and is not in it.
bool GroupSender::PutPrivates(size_t room_len, Run* run, PrivateBytes* bytes, Request* request) {
  PrivateParts parts(request, body_.len());
  bool asked = true;
  for (uint16_t next = run->from; asked && next == run->from; next++) {
    if (parts.count() == request->nb_recipients || parts.len() + LenOf(*bytes) > room_len) break;
    parts.Put(bytes->prepend, bytes->append);
    run->from++;
    asked = Ask(run, bytes);
  }
  parts.Finish(request);
  request->nb_recipients = parts.count();
  request->bytes = parts.len();
  return asked;
}

void GroupSender::NoRoomFor(const EngineUse& use, Run run) {
  for (uint16_t i = run.from; i < run.to; i++) {
    if (use.engine()->stopping()) {
      ToRest({run.chunk, i, static_cast<uint16_t>(i + 1)});
    } else {
      Fail(RecipientOf(*run.chunk, i), EAGAIN);
    }
  }
}

void GroupSender::NoRoomFor(const EngineUse& use, const LineChunk& chunk, uint16_t place,
                            const PrivateBytes& bytes) {
  if (use.engine()->stopping()) {
    ToRest(chunk, place, bytes.prepend, bytes.append);
  } else {
    Fail(RecipientOf(chunk, place), EAGAIN);
  }
}

}  // namespace groupcast
