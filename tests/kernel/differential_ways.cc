// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_ways.h"

#include <linux/sockios.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <numeric>

#include "groupcast/sendgroup.h"

namespace groupcast {
namespace {

constexpr int kUntouched = 54321;
constexpr int kMostAgain = 10000;
constexpr useconds_t kAgainUs = 200, kLookUs = 20;
// What a corked socket holds does not leave by waiting.
constexpr std::chrono::milliseconds kLeavingPatience(200);
constexpr std::chrono::seconds kMarkerPatience(10);
constexpr uint16_t kKernelMarkerPort = 19999, kEngineMarkerPort = 19998;
// At each port of the engine, so that each lcore has one (by a hash of address and port).
constexpr uint16_t kMarkersPerLink = 16;
// Behind the headers of Ethernet, IP and UDP.
constexpr size_t kPayloadOffset = 42;

// ENOBUFS: of a datagram whose fragments need twice the socket's buffer beside what waits there
// already. It is for good only if nothing waited.
void WaitUntilSent(int sd) {
  const auto deadline = std::chrono::steady_clock::now() + kLeavingPatience;
  int waiting = 0;
  while (ioctl(sd, SIOCOUTQ, &waiting) == 0 && waiting > 0 &&
         std::chrono::steady_clock::now() < deadline) {
    usleep(kLookUs);
  }
}

int SendmsgErrno(int sd, const Round& round, size_t recipient) {
  const RandomRecipient& one = round.recipients[recipient];
  Address to = one.to;
  std::array<iovec, 3> parts = {one.prepend, round.shared, one.append};
  msghdr message = {};
  message.msg_name = &to.bytes;
  message.msg_namelen = to.length;
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return sendmsg(sd, &message, round.flags) < 0 ? errno : 0;
}

// One call with those recipients.
template <typename Buffer, typename Recipient, typename Call>
int SendTo(Call call, int sd, const Round& round, const std::vector<size_t>& recipients,
           int* errnos) {
  std::vector<char> bytes(sizeof(Buffer) + recipients.size() * sizeof(Recipient));
  auto* buf = reinterpret_cast<Buffer*>(bytes.data());
  buf->shared = round.shared;
  for (size_t i = 0; i < recipients.size(); i++) {
    const RandomRecipient& one = round.recipients[recipients[i]];
    Recipient& to = buf->recinfo[i];
    std::memcpy(&to.giov_dest, &one.to.bytes, sizeof(to.giov_dest));
    to.giov_prepend = one.prepend;
    to.giov_append = one.append;
  }
  return call(sd, buf, recipients.size(), round.flags, errnos);
}

int Sendgroup(int sd, const Round& round, const std::vector<size_t>& recipients,
              std::vector<int>* errnos) {
  errnos->assign(recipients.size(), kUntouched);
  if (round.six) {
    return SendTo<giobuf6, giovec6>(sendgroup6, sd, round, recipients, errnos->data());
  }
  return SendTo<giobuf, giovec>(sendgroup, sd, round, recipients, errnos->data());
}

// What sending says to one recipient that was refused with `error`, as soon as it is not for now.
template <typename Attempt>
int SettledErrno(int sd, int error, Attempt attempt, uint64_t* sent_again) {
  bool waited = false;
  for (int again = 0; again < kMostAgain; again++) {
    if (error == ENOBUFS && !waited) {
      WaitUntilSent(sd);
      waited = true;
    } else if (error == EAGAIN) {
      usleep(kAgainUs);
      waited = false;
    } else {
      break;
    }
    ++*sent_again;
    error = attempt();
  }
  return error;
}

void SendmsgToEach(int sd, const Round& round, std::vector<int>* errnos, uint64_t* sent_again) {
  for (size_t i = 0; i < round.recipients.size(); i++) {
    const auto attempt = [&] { return SendmsgErrno(sd, round, i); };
    errnos->push_back(SettledErrno(sd, attempt(), attempt, sent_again));
  }
}

void SendToGroup(int sd, const Round& round, std::vector<int>* errnos, Results* results,
                 uint64_t* sent_again) {
  std::vector<size_t> left(round.recipients.size());
  std::iota(left.begin(), left.end(), size_t{0});
  errnos->assign(left.size(), 0);
  for (int again = 0; again <= kMostAgain; again++) {
    std::vector<int> said;
    errno = kUntouched;
    const int sent = Sendgroup(sd, round, left, &said);
    if (sent < 0) {
      results->call_errno = errno;
      return;
    }
    if (errno != kUntouched) results->wrong = "errno was touched";
    if (sent != std::count(said.begin(), said.end(), 0)) {
      results->wrong = "returned " + std::to_string(sent) + ", but " +
                       std::to_string(std::count(said.begin(), said.end(), 0)) + " errnos are 0";
    }
    std::vector<size_t> no_room;
    for (size_t i = 0; i < left.size(); i++) {
      (*errnos)[left[i]] = said[i];
      if (said[i] == EAGAIN && again < kMostAgain) no_room.push_back(left[i]);
    }
    if (no_room.empty()) break;
    left = std::move(no_room);
    *sent_again += left.size();
    usleep(kAgainUs);
  }
  for (size_t i = 0; i < errnos->size(); i++) {
    const auto attempt = [&] {
      std::vector<int> said;
      return Sendgroup(sd, round, {i}, &said) < 0 ? errno : said[0];
    };
    if ((*errnos)[i] == ENOBUFS) (*errnos)[i] = SettledErrno(sd, ENOBUFS, attempt, sent_again);
  }
}

}  // namespace

Results Send(Way way, int sd, const Round& round, uint64_t* sent_again) {
  Results results;
  for (unsigned call = 0; call < round.calls; call++) {
    std::vector<int>& errnos = results.errnos.emplace_back();
    if (way == Way::kSendmsg) {
      SendmsgToEach(sd, round, &errnos, sent_again);
    } else {
      SendToGroup(sd, round, &errnos, &results, sent_again);
    }
  }
  // What a corked socket or MSG_MORE collected leaves now.
  int corked = 0;
  socklen_t length = sizeof(corked);
  getsockopt(sd, IPPROTO_UDP, UDP_CORK, &corked, &length);
  if (corked != 0 || (round.flags & MSG_MORE) != 0) {
    constexpr int kOff = 0;
    setsockopt(sd, IPPROTO_UDP, UDP_CORK, &kOff, sizeof(kOff));
    if (corked != 0) setsockopt(sd, IPPROTO_UDP, UDP_CORK, &corked, sizeof(corked));
  }
  return results;
}

std::vector<DocumentedDifference>& DocumentedDifferences() {
  static std::vector<DocumentedDifference> differences = {
      {"ENETDOWN: the port has no carrier (the kernel says sent, and drops)",
       [](const Epoch& epoch, const Round&, size_t, int kernel, int ours) {
         return !epoch.carrier && kernel == 0 && ours == ENETDOWN;
       }},
      {"EFAULT for the whole call: a shared payload without a base (sendmsg() finds other things "
       "first, or does not look with MSG_PROXY, MSG_PROBE in the kernel)",
       [](const Epoch&, const Round& round, size_t, int kernel, int ours) {
         return ours == EFAULT && ours == ExpectedCallErrno(round) &&
                (kernel != 0 || (round.flags & MSG_PROXY) != 0);
       }},
      {"EOPNOTSUPP for the whole call: MSG_OOB (sendmsg() finds other things first, and does not "
       "look at it on AF_INET6 sockets)",
       [](const Epoch&, const Round& round, size_t, int, int ours) {
         return ours == EOPNOTSUPP && (round.flags & MSG_OOB) != 0;
       }},
  };
  return differences;
}

bool IsDocumented(const Epoch& epoch, const Round& round, size_t recipient, int kernel, int ours) {
  for (DocumentedDifference& one : DocumentedDifferences()) {
    if (!one.allows(epoch, round, recipient, kernel, ours)) continue;
    one.met++;
    return true;
  }
  return false;
}

int ExpectedCallErrno(const Round& round) {
  if (round.recipients.empty() && (round.flags & MSG_OOB) == 0 && round.shared.iov_base != nullptr)
    return 0;
  if ((round.flags & MSG_OOB) != 0) return EOPNOTSUPP;
  return round.shared.iov_len > 0 && round.shared.iov_base == nullptr ? EFAULT : 0;
}

Markers::Markers()
    : by_kernel_(BoundSocket(0, kKernelMarkerPort)),
      by_engine_(BoundSocket(0, kEngineMarkerPort)) {}

void Markers::Pass(FrameCapture* capture, Packets* packets) {
  sequence_++;
  Groupcast engine(std::string(reinterpret_cast<const char*>(&sequence_), sizeof(sequence_)));
  for (uint32_t link = 0; link < kPorts; link++) {
    for (uint16_t i = 0; i < kMarkersPerLink; i++)
      engine.Add(Endpoint(Ip(10, link, 64, 7), 30000 + i));
  }
  engine.Send(by_engine_);
  // Of l2 without carrier nothing comes.
  const auto expected =
      static_cast<size_t>(kMarkersPerLink * (engine.errnos.back() == 0 ? kPorts : kPorts - 1));
  Groupcast kernel(std::string(reinterpret_cast<const char*>(&sequence_), sizeof(sequence_)));
  kernel.Add(Endpoint(Ip(10, 3, 64, 7), 30000));
  ASSERT_EQ(kernel.KernelSend(by_kernel_, 0), 0);

  const auto came = [&](uint16_t udp_port) {
    return std::ranges::count_if((*packets)[udp_port], [&](const Packet& packet) {
      return packet.frames[0].compare(kPayloadOffset, sizeof(sequence_),
                                      reinterpret_cast<const char*>(&sequence_),
                                      sizeof(sequence_)) == 0;
    });
  };
  const auto deadline = std::chrono::steady_clock::now() + kMarkerPatience;
  while (true) {
    capture->Take(packets);
    if (came(kKernelMarkerPort) == 1 && static_cast<size_t>(came(kEngineMarkerPort)) >= expected)
      break;
    if (std::chrono::steady_clock::now() > deadline) {
      FAIL() << "no markers: " << came(kEngineMarkerPort) << " of " << expected << ", "
             << came(kKernelMarkerPort) << " of 1";
    }
    usleep(kLookUs);
  }
  packets->erase(kKernelMarkerPort);
  packets->erase(kEngineMarkerPort);
}

}  // namespace groupcast
