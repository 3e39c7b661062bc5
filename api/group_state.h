// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "api/group_members.h"
#include "api/groupcast/group.h"
#include "api/seat.h"
#include "api/udp_socket.h"

namespace groupcast {

MemberKey KeyOf(const Recipient& member);

// What a Group stands for. Changes and Attend() take the writer's mutex; senders use members()
// only. Three files: group.cc (the public face), group_changes.cc (membership),
// group_lines.cc (what the lines say, and how they follow the routes).
class Group::State {
 public:
  static absl::StatusOr<std::shared_ptr<State>> Create(int sd);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  absl::StatusOr<uint64_t> Add(std::span<const Recipient> members);
  absl::StatusOr<uint64_t> Remove(std::span<const Recipient> members);
  absl::StatusOr<uint64_t> Replace(std::span<const Recipient> members);
  absl::Status Refresh();
  std::vector<Recipient> Members() const;

  // The control thread: follows what has changed for at most a few milliseconds; whether there is
  // more to do at once.
  bool Attend(int64_t now_ns);

  const GroupMembers& members() const { return members_; }
  int sd() const { return sd_; }
  bool six() const { return six_; }  // an AF_INET6 socket
  // As read at creation or by Refresh(), or for another engine, before the snapshot was published.
  static const UdpSocket& SocketOf(const LineSnapshot& snapshot) {
    return *static_cast<const UdpSocket*>(snapshot.options.get());
  }
  // Some sender sent to it: its next hops are in use.
  void NoteUsed() {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
  }
  // Which member a rotating send begins with.
  uint64_t NextRotation() { return rotation_.fetch_add(1, std::memory_order_relaxed); }
  // Whether a sender or one of its requests still reads lines.
  bool in_use() { return members_.Held(); }

  // What an Ingress receives goes to the members by this flow of the attached engine; null: none.
  // False: a change is under way; try again.
  bool SetFlow(std::shared_ptr<IngressFlow> flow, std::shared_ptr<LcoreGrace> readers);
  // Whether the members' lines are made for this engine, all for this lcore of it, as they are from
  // now on, while the group has an ingress.
  bool ReadyFor(uint32_t instance, uint16_t lcore);
  // One Ingress at a time: whether there was none.
  bool TakeIngress() { return !has_ingress_.exchange(true, std::memory_order_acq_rel); }
  void GiveIngress() { has_ingress_.store(false, std::memory_order_release); }

 private:
  static constexpr uint16_t kStale = 1;  // a stamp: to be asked again
  static constexpr uint16_t kFirstStamp = 2;

  explicit State(int sd) : sd_(sd) {}

  // group_changes.cc
  absl::Status Check(std::span<const Recipient> members) const;
  uint64_t PublishChange();
  void Publish(uint32_t engine) { members_.Publish(revision_, engine, published_socket_); }

  // group_lines.cc; the writer's mutex is held.
  bool ReadSocketAgain();
  uint16_t LcoreOf(const EngineUse& use, const Route& route, const Destination& to) const;
  void SyncEngine(const EngineUse& use);
  void Place(std::span<const Recipient> members);
  struct Answer {
    HeaderLine line{};
    Bin bin;
  };
  std::vector<Answer> Ask(const EngineUse& use, std::span<const MemberKey> keys);
  bool Walk(const EngineUse& use);
  void WalkChunk(const EngineUse& use, size_t number);
  void Invalidate(std::span<const IpAddress> addresses);
  void FollowPathMtu(Resolver& resolver, int64_t now_ns);
  void MarkUsed(Resolver& resolver);
  void NextStamp();
  void GiveBack(const EngineUse& use);

  const int sd_;
  bool six_ = false;      // AF_INET6
  bool v6_only_ = false;  // and takes no mapped addresses

  mutable std::mutex writer_mutex_;
  GroupMembers members_;
  uint64_t revision_ = 0;
  uint32_t engine_ = 0;  // that the lines were last made for
  uint16_t stamp_ = kFirstStamp;
  uint32_t generation_ = 0;  // Resolver's, seen
  uint64_t mtu_changes_ = 0;
  bool walking_ = false;
  size_t walk_clean_ = 0;  // chunks since the last one that had some to be asked
  bool changed_ = false;   // and some line is another one now
  size_t walk_place_ = 0;
  bool rebuilding_ = false;  // not all lines are for `engine_` yet
  int64_t marked_ns_ = 0;
  absl::flat_hash_map<IpAddress, int64_t> expiries_;  // of path MTUs, CLOCK_MONOTONIC

  UdpSocket socket_;
  std::shared_ptr<const UdpSocket> published_socket_ = std::make_shared<UdpSocket>();

  std::atomic<bool> has_ingress_{false};
  // Under the writer's mutex: the engine and its lcore that own the ingress's flow; none: 0.
  uint32_t ingress_engine_ = 0;
  uint16_t ingress_lcore_ = 0;
  std::atomic<bool> used_{false};
  std::atomic<uint64_t> rotation_{0};
};

}  // namespace groupcast
