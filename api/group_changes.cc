// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A group's membership: checked, placed, published as one change.
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "api/group_control.h"
#include "api/group_state.h"
#include "api/left_behind.h"
#include "api/line_member.h"

namespace groupcast {
namespace {

constexpr char kNoMemory[] = "no memory for the change; it may have been made in part";

// The kernel binds a socket with what it sends first; a group's lines need its port before.
void BindIfUnbound(int sd, bool six) {
  sockaddr_in6 local{};
  socklen_t len = sizeof(local);
  getsockname(sd, reinterpret_cast<sockaddr*>(&local), &len);
  // At the same place in both structures.
  if (local.sin6_port != 0) return;
  const sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  if (six) {
    bind(sd, reinterpret_cast<const sockaddr*>(&any6), sizeof(any6));
  } else {
    bind(sd, reinterpret_cast<const sockaddr*>(&any4), sizeof(any4));
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<Group::State>> Group::State::Create(int sd) {
  const int error = CheckUdpSocket(sd);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Group::Create: descriptor ", sd, ": ",
                     error == EOPNOTSUPP ? "not a UDP socket" : std::strerror(error)));
  }
  const int own = fcntl(sd, F_DUPFD_CLOEXEC, 3);
  if (own < 0) {
    return absl::ResourceExhaustedError(
        "Group::Create: no descriptor is free; raise the limit of open files");
  }
  // Whoever still reads lines when the group goes keeps this alive.
  std::shared_ptr<State> state(
      new State(own), [](State* gone) { LeftBehind<State>::Leave(std::unique_ptr<State>(gone)); });
  state->six_ = SocketOption(own, SOL_SOCKET, SO_DOMAIN) == AF_INET6;
  state->v6_only_ = state->six_ && SocketOption(own, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
  BindIfUnbound(own, state->six_);
  {
    const std::lock_guard lock(state->writer_mutex_);
    const EngineUse use(EngineUse::Need::kEngineOnly);
    state->SyncEngine(use);
    // Nobody is a member yet.
    state->walking_ = state->rebuilding_ = false;
    state->Publish(state->engine_);
  }
  GroupControl::Get().Watch(state);
  return state;
}

Group::State::~State() {
  const EngineUse use(EngineUse::Need::kEngineOnly);
  if (use.engine() != nullptr && use.engine()->instance() == engine_) {
    // All of them, as if every member were removed.
    for (size_t number = 0; number < members_.chunk_numbers(); number++) {
      const LineChunk* chunk = members_.chunk(number);
      if (chunk == nullptr || chunk->bin.port == Bin::kKernel) continue;
      std::vector<uint32_t> next_hops;
      for (uint16_t i = 0; i < chunk->count; i++) {
        if (members_.stamp(number, i) != 0) next_hops.push_back(chunk->lines[i].next_hop);
      }
      use.engine()->resolver().ReleaseNextHops(next_hops);
    }
    Publish(0);
    use.engine()->resolver().ReleaseNextHops(members_.Reclaim());
  }
  close(sd_);
}

absl::Status Group::State::Check(std::span<const Recipient> members) const {
  for (const Recipient& member : members) {
    const char* wrong = nullptr;
    if (member.address().sin6_family != AF_INET6) {
      wrong = "is empty";
    } else if (member.address().sin6_port == 0) {
      wrong = "has the UDP port 0";
    } else if (!member.is_ipv4() && !six_) {
      wrong = "is IPv6, and the group's socket is AF_INET";
    } else if (member.is_ipv4() && v6_only_) {
      wrong = "is IPv4, and the group's socket is IPV6_V6ONLY";
    } else if (IN6_IS_ADDR_LINKLOCAL(&member.address().sin6_addr) &&
               member.address().sin6_scope_id == 0) {
      wrong = "is link-local and names no interface (sin6_scope_id, or '%eth0')";
    }
    if (wrong != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("member ", member.ToString(), " ", wrong, "; nothing was changed"));
    }
  }
  return absl::OkStatus();
}

uint64_t Group::State::PublishChange() {
  revision_++;
  Publish(rebuilding_ ? 0 : engine_);
  const EngineUse use(EngineUse::Need::kEngineOnly);
  GiveBack(use);
  return revision_;
}

absl::StatusOr<uint64_t> Group::State::Add(std::span<const Recipient> members) try {
  const std::lock_guard lock(writer_mutex_);
  if (absl::Status status = Check(members); !status.ok()) return status;
  std::vector<Recipient> fresh;
  for (const Recipient& member : members) {
    if (!members_.SetTag(KeyOf(member), member.tag())) fresh.push_back(member);
  }
  Place(fresh);
  return PublishChange();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(kNoMemory);
}

absl::StatusOr<uint64_t> Group::State::Remove(std::span<const Recipient> members) try {
  const std::lock_guard lock(writer_mutex_);
  for (const Recipient& member : members) members_.Remove(KeyOf(member));
  return PublishChange();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(kNoMemory);
}

absl::StatusOr<uint64_t> Group::State::Replace(std::span<const Recipient> members) try {
  const std::lock_guard lock(writer_mutex_);
  if (absl::Status status = Check(members); !status.ok()) return status;
  std::vector<bool> kept(members_.chunk_numbers() * kMaxGroupRecipients);
  std::vector<Recipient> fresh;
  for (const Recipient& member : members) {
    const MemberKey key = KeyOf(member);
    const auto place = members_.Find(key);
    if (place) {
      kept[place->number * kMaxGroupRecipients + place->place] = true;
      members_.SetTag(key, member.tag());
    } else {
      fresh.push_back(member);
    }
  }
  std::vector<MemberKey> gone;
  for (size_t number = 0; number < members_.chunk_numbers(); number++) {
    const LineChunk* chunk = members_.chunk(number);
    for (uint16_t i = 0; chunk != nullptr && i < chunk->count; i++) {
      if (!kept[number * kMaxGroupRecipients + i]) gone.push_back(KeyOf(chunk->lines[i]));
    }
  }
  for (const MemberKey& key : gone) members_.Remove(key);
  Place(fresh);
  return PublishChange();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(kNoMemory);
}

absl::Status Group::State::Refresh() try {
  const std::lock_guard lock(writer_mutex_);
  if (!ReadSocketAgain()) {
    return absl::FailedPreconditionError("Group::Refresh: the socket can't be read");
  }
  v6_only_ = six_ && SocketOption(sd_, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
  const EngineUse use(EngineUse::Need::kEngineOnly);
  SyncEngine(use);
  if (use.engine() == nullptr) return absl::OkStatus();
  NextStamp();
  while (walking_ && !use.engine()->stopping()) {
    Walk(use);
    GiveBack(use);
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(kNoMemory);
}

std::vector<Recipient> Group::State::Members() const {
  struct Hold {
    const LineSnapshot* snapshot;
    ~Hold() { GroupMembers::Release(snapshot); }
  };
  const Hold hold{members_.Acquire()};
  const LineSnapshot* snapshot = hold.snapshot;
  std::vector<Recipient> members;
  members.reserve(snapshot->members);
  for (const LineChunk* chunk : snapshot->chunks) {
    for (uint16_t i = 0; i < chunk->count; i++) members.push_back(RecipientOf(*chunk, i));
  }
  return members;
}

}  // namespace groupcast
