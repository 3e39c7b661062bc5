// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Ingress::Forward(): what the engine could not send, and what came to the sockets.
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "api/group_sender.h"
#include "api/ingress_state.h"
#include "api/line_member.h"
#include "api/plain_members.h"
#include "engine/control/clock.h"

namespace groupcast {
namespace {

constexpr size_t kBatch = 32;         // datagrams received at once
constexpr size_t kLongest = 1 << 16;  // bytes of a datagram
constexpr size_t kMembersAtOnce = 256;
constexpr int64_t kDiscardNs = 250'000'000;

// Memory to receive into; each thread that forwards has one.
class Batch {
 public:
  Batch() : bytes_(kBatch * kLongest) {}

  int Receive(int fd, size_t most) {
    for (size_t i = 0; i < most; i++) {
      parts_[i] = {&bytes_[i * kLongest], kLongest};
      msghdr& header = messages_[i].msg_hdr;
      header = msghdr{};
      header.msg_name = &senders_[i];
      header.msg_namelen = sizeof(senders_[i]);
      header.msg_iov = &parts_[i];
      header.msg_iovlen = 1;
      header.msg_control = controls_[i].bytes.data();
      header.msg_controllen = controls_[i].bytes.size();
    }
    return recvmmsg(fd, messages_.data(), static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
  }
  absl::Span<const uint8_t> datagram(size_t i) const {
    return {&bytes_[i * kLongest], messages_[i].msg_len};
  }
  IpAddress sender(size_t i) const {
    return AddressOf(reinterpret_cast<const sockaddr*>(&senders_[i]));
  }
  // The hop limit that it came with; 0 if that says nothing of how far it came: by multicast.
  uint8_t hop_limit(size_t i) {
    int came_with = 0;
    bool multicast = false;
    msghdr& header = messages_[i].msg_hdr;
    const auto read = [](const cmsghdr* from, auto* to) {
      std::memcpy(to, CMSG_DATA(from), sizeof(*to));
    };
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
      const auto is = [one](int level, int type) {
        return one->cmsg_level == level && one->cmsg_type == type;
      };
      if (is(IPPROTO_IP, IP_TTL) || is(IPPROTO_IPV6, IPV6_HOPLIMIT)) {
        read(one, &came_with);
      } else if (is(IPPROTO_IP, IP_PKTINFO)) {
        in_pktinfo info;
        read(one, &info);
        multicast = IpAddress::FromIpv4(info.ipi_addr.s_addr).IsMulticast();
      } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
        in6_pktinfo info;
        read(one, &info);
        multicast = IpAddress::FromIpv6(info.ipi6_addr).IsMulticast();
      }
    }
    return multicast ? uint8_t{0} : static_cast<uint8_t>(came_with);
  }

 private:
  struct Control {
    alignas(cmsghdr) std::array<char, 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in_pktinfo)) +
                                          CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
  };
  std::vector<uint8_t> bytes_;
  std::array<iovec, kBatch> parts_;
  std::array<mmsghdr, kBatch> messages_;
  std::array<sockaddr_in6, kBatch> senders_;
  std::array<Control, kBatch> controls_;
};

// From the socket, or from the received mbuf.
void CountCopy(size_t bytes) {
  CountHere(Counter::kPayloadCopies, 1);
  CountHere(Counter::kPayloadBytesCopied, bytes);
}

}  // namespace

void Ingress::State::Count(size_t members, const std::vector<MemberError>& failed,
                           std::vector<MemberError>* errors) {
  {
    const std::lock_guard lock(counts_mutex_);
    counts_.sent += members - failed.size();
    for (const MemberError& one : failed) counts_.errors[one.error]++;
  }
  if (errors != nullptr) errors->insert(errors->end(), failed.begin(), failed.end());
}

std::vector<std::shared_ptr<IngressFlow>> Ingress::State::Flows() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<IngressFlow>> flows = flows_before_;
  if (flow_ != nullptr) flows.push_back(flow_);
  return flows;
}

std::vector<Ingress::State::Socket> Ingress::State::Sockets() const {
  const std::lock_guard lock(mutex_);
  return sockets_;
}

uint64_t Ingress::State::Discard() {
  uint64_t discarded = 0;
  const int64_t until_ns = MonotonicNs() + kDiscardNs;
  for (const auto& flow : Flows()) {
    while (LeftDatagram* left = flow->leftovers().Take()) {
      IngressLeftovers::Release(left);
      discarded++;
    }
  }
  char byte;
  for (const Socket& socket : Sockets()) {
    while (MonotonicNs() < until_ns && recv(socket.fd, &byte, 1, MSG_DONTWAIT) >= 0) discarded++;
  }
  return discarded;
}

size_t Ingress::State::Forward(size_t most, std::vector<MemberError>* errors) try {
  const std::vector<Socket> sockets = Sockets();
  // Neither keeps the other from its turn.
  left_first_ = !left_first_;
  size_t done = ForwardLeft(most > 1 ? most / 2 : left_first_ ? 1 : 0, errors);
  // Another one first each time.
  for (size_t i = 0; i < sockets.size() && done < most; i++) {
    done += ForwardSocket(sockets[(next_socket_ + i) % sockets.size()], most - done, errors);
  }
  if (!sockets.empty()) next_socket_ = (next_socket_ + 1) % sockets.size();
  if (done < most) done += ForwardLeft(most - done, errors);
  return done;
} catch (const std::bad_alloc&) {
  const std::lock_guard lock(counts_mutex_);
  counts_.unsent++;
  return most;
}

size_t Ingress::State::ForwardLeft(size_t most, std::vector<MemberError>* errors) {
  eventfd_t signals;
  eventfd_read(event_, &signals);
  size_t done = 0;
  for (const auto& flow : Flows()) {
    struct Hold {
      LeftDatagram* left;
      ~Hold() {
        if (left != nullptr) IngressLeftovers::Release(left);
      }
    };
    while (done < most) {
      const Hold hold{flow->leftovers().Take()};
      if (hold.left == nullptr) break;
      SendLeft(hold.left, errors);
      done++;
    }
    // Somebody has to come again.
    if (!flow->leftovers().Empty()) eventfd_write(event_, 1);
  }
  return done;
}

void Ingress::State::SendLeft(LeftDatagram* left, std::vector<MemberError>* errors) {
  CountCopy(left->payload_len);
  const iovec shared = {left->payload(), left->payload_len};
  std::vector<std::array<uint8_t, kRtpHeader>> headers(kMembersAtOnce);
  std::vector<Recipient> members;
  std::vector<MemberError> failed;
  size_t sent_to = 0;
  const auto send = [&] {
    PlainMembers plain(group_->sd(), group_->six(), members.size());
    for (size_t i = 0; i < members.size(); i++) {
      iovec prepend{};
      if (left->rtp) {
        const MemberKey key = KeyOf(members[i]);
        WriteRtp(left->place, RtpOffsetsOf(rtp_secret_, key.address, key.udp_port),
                 headers[i].data());
        prepend = {headers[i].data(), kRtpHeader};
      }
      plain.Add(members[i], prepend, {});
    }
    std::vector<int> results(members.size());
    plain.SendWithoutRoom(shared, left->hop_limit, results.data());
    for (size_t i = 0; i < members.size(); i++) {
      if (results[i] != 0) failed.push_back({members[i], results[i]});
    }
    sent_to += members.size();
    members.clear();
  };
  for (uint16_t r = 0; r < left->nb_runs; r++) {
    const LeftDatagram::Run& run = left->runs[r];
    for (uint16_t i = run.from; i < run.to; i++) {
      members.push_back(RecipientOf(*run.chunk, i));
      if (members.size() == kMembersAtOnce) send();
    }
  }
  if (!members.empty()) send();
  Count(sent_to, failed, errors);
}

size_t Ingress::State::ForwardSocket(const Socket& socket, size_t most,
                                     std::vector<MemberError>* errors) {
  static thread_local Batch batch;
  struct Forwards {
    explicit Forwards(std::atomic<bool>* flag) : flag_(flag) { flag_->store(true); }
    ~Forwards() { flag_->store(false); }
    std::atomic<bool>* const flag_;
  };
  const Forwards forwards(&forwards_);
  size_t done = 0;
  while (done < most) {
    const size_t wanted = std::min(kBatch, most - done);
    const int received = batch.Receive(socket.fd, wanted);
    for (int i = 0; i < received; i++) {
      const auto index = static_cast<size_t>(i);
      const auto& from = socket.wanted.from;
      const bool filtered =
          !from.empty() && std::find(from.begin(), from.end(), batch.sender(index)) == from.end();
      const uint8_t hop_limit = batch.hop_limit(index);
      if (filtered || hop_limit == 1) {
        const std::lock_guard lock(counts_mutex_);
        (filtered ? counts_.filtered : counts_.expired)++;
        continue;
      }
      Send(batch.datagram(index), hop_limit == 0 ? uint8_t{0} : uint8_t(hop_limit - 1), errors);
    }
    done += received > 0 ? static_cast<size_t>(received) : 0;
    if (received < static_cast<int>(wanted)) break;
  }
  return done;
}

void Ingress::State::Send(absl::Span<const uint8_t> datagram, uint8_t hop_limit,
                          std::vector<MemberError>* errors) {
  SendOptions options;
  options.strategy = options_.strategy;
  options.hop_limit = hop_limit;
  std::vector<MemberError> failed;
  options.errors = &failed;
  RtpPlace place{};
  std::array<uint8_t, kRtpHeader> header;
  std::shared_ptr<IngressFlow> flow;
  {
    const std::lock_guard lock(mutex_);
    flow = flow_;
  }
  {
    const std::lock_guard lock(counts_mutex_);
    counts_.socket_datagrams++;
    counts_.bytes += datagram.size();
    if (options_.rtp) {
      const uint64_t restarts = rtp_stream_.restarts();
      const bool is_rtp = rtp_stream_.Translate(datagram.data(), datagram.size(),
                                                static_cast<uint64_t>(MonotonicNs()), &place);
      if (!is_rtp) {
        counts_.not_rtp++;
        return;
      }
      if (flow == nullptr || !flow->rtp_bases.Translate(datagram.data(), &place)) {
        counts_.rtp_restarts += rtp_stream_.restarts() - restarts;
      }
    }
  }
  if (options_.rtp) {
    datagram.remove_prefix(kRtpHeader);
    options.private_bytes = [&](const Recipient& member, PrivateBytes* bytes) {
      const MemberKey key = KeyOf(member);
      WriteRtp(place, RtpOffsetsOf(rtp_secret_, key.address, key.udp_port), header.data());
      bytes->prepend = {header.data(), kRtpHeader};
    };
  }
  CountCopy(datagram.size());
  const absl::StatusOr<Payload> copy = Payload::Copy(datagram);
  if (!copy.ok()) {
    const std::lock_guard lock(counts_mutex_);
    counts_.unsent++;
    return;
  }
  const SendResult sent =
      GroupSender(group_.get(), GroupSender::BodyOf(*copy), options, nullptr).Send();
  Count(sent.members, failed, errors);
}

}  // namespace groupcast
