// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/route_questions.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace groupcast {
namespace {

constexpr size_t kAnswerBytes = 1024;  // an answer with all metrics has about 300
constexpr size_t kReceiveBufferBytes = 1 << 20;
constexpr int kAttempts = 2;
constexpr uint32_t kLoopback = 1;  // LOOPBACK_IFINDEX: in every namespace
constexpr int kLinkTimeoutMs = 1000;

}  // namespace

absl::StatusOr<RouteQuestions> RouteQuestions::Open() {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_ROUTE, kReceiveBufferBytes);
  if (!socket.ok()) return socket.status();
  return RouteQuestions(*std::move(socket));
}

RouteQuestions::RouteQuestions(NetlinkSocket socket)
    : socket_(std::move(socket)),
      requests_(kBatch * kRouteMessageBytes),
      answers_(kBatch * kAnswerBytes) {}

void RouteQuestions::Ask(std::span<const Question> questions, RouteAnswer* answers) {
  for (size_t i = 0; i < questions.size(); i++) answers[i] = {};
  const uint32_t first = sequence_ + 1;
  sequence_ += static_cast<uint32_t>(questions.size());
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    Send(questions, answers, first);
    if (Receive(questions.size(), first, answers)) return;
  }
}

void RouteQuestions::Send(std::span<const Question> questions, const RouteAnswer* answers,
                          uint32_t first) {
  size_t length = 0;
  for (size_t i = 0; i < questions.size(); i++) {
    if (answers[i].answered) continue;
    const nlmsghdr* message =
        PutRouteQuestion(requests_.data() + length, first + static_cast<uint32_t>(i),
                         questions[i].profile, questions[i].destination);
    length += NLMSG_ALIGN(message->nlmsg_len);
  }
  if (length != 0) socket_.Send(requests_.data(), length);
}

bool RouteQuestions::Receive(size_t count, uint32_t first, RouteAnswer* answers) {
  std::array<mmsghdr, kBatch> headers{};
  std::array<iovec, kBatch> buffers;
  for (size_t i = 0; i < kBatch; i++) {
    buffers[i] = {.iov_base = answers_.data() + i * kAnswerBytes, .iov_len = kAnswerBytes};
    headers[i].msg_hdr.msg_iov = &buffers[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  // The kernel answers within send(): what is not there now does not come.
  while (true) {
    const int received = recvmmsg(socket_.fd(), headers.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (received < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
    if (received <= 0) return false;
    size_t answered = 0;
    for (int i = 0; i < received; i++) {
      ForEachNetlinkMessage({static_cast<const char*>(buffers[i].iov_base), headers[i].msg_len},
                            [&](const nlmsghdr* message) {
                              const uint32_t question = message->nlmsg_seq - first;
                              if (question < count) answers[question] = ParseRouteAnswer(message);
                            });
    }
    for (size_t i = 0; i < count; i++) answered += answers[i].answered ? 1 : 0;
    if (answered == count) return true;
  }
}

void RouteQuestions::AwaitChangeInProgress() {
  // Changes are made, and this question is answered, under the kernel's RTNL lock.
  NetlinkRoom<kRouteMessageBytes> room;
  const nlmsghdr* question = PutLinkQuestion(room.bytes.data(), ++sequence_, kLoopback);
  if (socket_.Send(question, question->nlmsg_len) != 0) return;
  pollfd readable = {.fd = socket_.fd(), .events = POLLIN, .revents = 0};
  poll(&readable, 1, kLinkTimeoutMs);
  while (socket_.Receive(answers_) > 0) {
  }
}

}  // namespace groupcast
