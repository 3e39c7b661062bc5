// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "api/group_state.h"
#include "api/groupcast/ingress.h"
#include "engine/control/ingress_claims.h"
#include "engine/datapath/ingress_flow.h"

namespace groupcast {

// What an Ingress stands for. Three files: ingress.cc (the public face, and following the engine),
// ingress_forward.cc (what the engine leaves) and ingress_statistics.cc.
class Ingress::State {
 public:
  static absl::StatusOr<std::shared_ptr<State>> Create(std::shared_ptr<Group::State> group,
                                                       const IngressOptions& options);
  ~State();  // Stop() was called, or nothing was begun
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  absl::Status Add(int sd, absl::Span<const in6_addr> sources);
  int event_fd() const { return epoll_; }
  size_t Forward(size_t most, std::vector<MemberError>* errors);
  uint64_t Discard();
  void Release();
  bool busy() const;
  bool settled() const;
  void Stop();
  IngressStatistics statistics() const;

  // The control thread: follows the engine. False: there is one that does not receive for all of
  // its sockets yet.
  bool Attend();
  // The control thread: wakes who waits for something to forward; whether it should look again
  // soon.
  bool Signal(int64_t now_ns);

 private:
  struct Socket {
    int fd;
    IngressClaims::Wanted wanted;
    bool taken_over = false;  // by the engine, or it can't be
  };

  State(std::shared_ptr<Group::State> group, const IngressOptions& options);

  // ingress.cc; mutex_ is held.
  IngressFlow::Options FlowOptions() const;
  void Follow(const EngineUse& use);
  void TakeOver(const EngineUse& use);
  bool Forwarded(const Socket& socket) const;
  void Claim(const EngineUse& use, Socket* socket);
  bool Follows(const EngineUse& use) const;
  void LeaveFlow();
  bool sending() const;

  // ingress_statistics.cc; mutex_ is held.
  void FoldFlowsBefore();

  // ingress_forward.cc
  std::vector<std::shared_ptr<IngressFlow>> Flows() const;
  std::vector<Socket> Sockets() const;
  size_t ForwardLeft(size_t most, std::vector<MemberError>* errors);
  void SendLeft(LeftDatagram* left, std::vector<MemberError>* errors);
  size_t ForwardSocket(const Socket& socket, size_t most, std::vector<MemberError>* errors);
  void Send(absl::Span<const uint8_t> datagram, uint8_t hop_limit,
            std::vector<MemberError>* errors);
  void Count(size_t members, const std::vector<MemberError>& failed,
             std::vector<MemberError>* errors);

  const std::shared_ptr<Group::State> group_;
  const IngressOptions options_;
  const uint64_t rtp_secret_;
  int epoll_ = -1;
  int event_ = -1;  // readable while the engine has left something

  mutable std::mutex mutex_;  // guards these
  std::vector<Socket> sockets_;
  std::shared_ptr<IngressFlow> flow_;
  uint32_t engine_ = 0;                     // RunningEngine::instance() that it is of; 0: none
  std::shared_ptr<IngressFlow> next_flow_;  // of the engine that is to be followed
  uint32_t next_engine_ = 0;                // which that is
  int64_t take_over_ns_ = 0;                // when its sockets are, whatever waits there
  bool released_ = false;
  bool stopped_ = false;
  uint64_t kernel_dropped_before_ = 0;  // of flows that are no more
  bool told_ = false;                   // that the engine can't take it
  // Of earlier engines: the lcores are through with them, but for what is left to forward.
  std::vector<std::shared_ptr<IngressFlow>> flows_before_;

  std::atomic<bool> forwards_{false};  // what came to a socket

  // Forward(), one at a time.
  RtpStream rtp_stream_;
  size_t next_socket_ = 0;
  bool left_first_ = true;

  int64_t left_seen_ns_ = 0;  // control thread
  mutable std::mutex counts_mutex_;
  IngressStatistics counts_;  // of what Forward() does
};

}  // namespace groupcast
