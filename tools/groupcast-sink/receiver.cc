// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-sink/receiver.h"

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace groupcast {
namespace {

constexpr size_t kControlBytes =
    std::max(CMSG_SPACE(sizeof(in_pktinfo)), CMSG_SPACE(sizeof(tpacket_auxdata)));

// Leaves `value` as it is if the message does not bring it.
template <typename T>
void ReadControl(const mmsghdr& message, int level, int type, T* value) {
  const cmsghdr* control = CMSG_FIRSTHDR(&message.msg_hdr);
  if (control != nullptr && control->cmsg_level == level && control->cmsg_type == type) {
    memcpy(value, CMSG_DATA(control), sizeof(*value));
  }
}

uint32_t SumWords(const uint8_t* bytes, size_t count) {
  uint32_t sum = 0;
  for (size_t i = 0; i < count; ++i) sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
  return sum;
}

// RFC 768, over the pseudo header too.
bool IsUdpChecksumRight(const uint8_t* packet, size_t ip_bytes, size_t udp_bytes) {
  constexpr size_t kAddressesAt = 12;
  constexpr size_t kAddressesBytes = 8;
  uint32_t sum = SumWords(packet + kAddressesAt, kAddressesBytes) + IPPROTO_UDP +
                 static_cast<uint32_t>(udp_bytes) + SumWords(packet + ip_bytes, udp_bytes);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

uint64_t DestinationKey(uint32_t address, uint16_t udp_port) {
  return uint64_t{address} << 16 | udp_port;
}

uint64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// A whole groupcast arrives in one burst: 64 MiB where one socket gets it all (about 28,000
// datagrams of 1400 bytes), less where many share the work. It is a limit, not an allocation.
int ReceiveBufferBytes(const ReceiverConfig& config, size_t ports) {
  constexpr size_t kTotal = size_t{1} << 30;
  constexpr size_t kLeast = size_t{1} << 20;
  constexpr size_t kMost = size_t{64} << 20;
  if (config.receive_buffer_bytes != 0) return static_cast<int>(config.receive_buffer_bytes);
  return static_cast<int>(std::clamp(kTotal / std::max<size_t>(ports, 1), kLeast, kMost));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Receiver>> Receiver::Create(const ReceiverConfig& config,
                                                           Verifier* verifier) {
  std::unique_ptr<Receiver> receiver(new Receiver(config, verifier));
  if (absl::Status status = receiver->Open(config); !status.ok()) return status;
  return receiver;
}

Receiver::Receiver(const ReceiverConfig& config, Verifier* verifier)
    : verifier_(verifier),
      max_datagram_bytes_(config.max_datagram_bytes),
      // A watched recipient's packets come with their headers.
      buffer_bytes_(config.max_datagram_bytes + 128),
      events_(1024),
      buffers_(kBatch * buffer_bytes_),
      messages_(kBatch),
      iovecs_(kBatch),
      controls_(kBatch * kControlBytes) {
  for (size_t i = 0; i < kBatch; ++i) {
    iovecs_[i] = {&buffers_[i * buffer_bytes_], buffer_bytes_};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = &iovecs_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

absl::Status Receiver::Open(const ReceiverConfig& config) {
  std::map<uint16_t, std::vector<uint32_t>> by_port;
  for (uint32_t i = 0; i < config.recipients.size(); ++i) {
    by_port[config.recipients[i].udp_port].push_back(i);
    if (config.recipients[i] == config.reference) {
      return absl::InvalidArgumentError(absl::StrCat("the reference ", ToString(*config.reference),
                                                     " is a recipient, too; use another one"));
    }
  }
  const bool reference_shares_port =
      config.reference && by_port.count(config.reference->udp_port) > 0;
  if (reference_shares_port) {
    by_port[config.reference->udp_port].push_back(kReferenceIndex);
    by_destination_[DestinationKey(config.reference->address, config.reference->udp_port)] =
        kReferenceIndex;
  }
  const bool reference_has_socket = config.reference && !reference_shares_port;
  const size_t sockets = by_port.size() + config.watched.size() + (reference_has_socket ? 1 : 0);
  if (absl::Status status = RaiseOpenFiles(sockets); !status.ok()) return status;
  epoll_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.get() < 0) return absl::ErrnoToStatus(errno, "epoll_create1");
  checksum_errors_before_ = UdpChecksumErrors();

  const int buffer_bytes = ReceiveBufferBytes(config, by_port.size());
  sockets_.reserve(sockets);
  if (reference_has_socket) {
    reference_ = sockets_.size();
    absl::Status status = Add(OpenUdpSocket(*config.reference, false, buffer_bytes),
                              Kind::kReference, config.reference->udp_port, 0);
    if (!status.ok()) return status;
  }
  for (const auto& [udp_port, recipients] : by_port) {
    const bool one = recipients.size() == 1;
    const Recipient local = one ? config.recipients[recipients[0]] : Recipient{0, udp_port};
    absl::Status status =
        Add(OpenUdpSocket(local, !one, buffer_bytes),
            one ? Kind::kOneRecipient : Kind::kManyRecipients, udp_port, recipients[0]);
    if (!status.ok()) return status;
    if (one) continue;
    for (const uint32_t recipient : recipients) {
      if (recipient == kReferenceIndex) continue;
      by_destination_[DestinationKey(config.recipients[recipient].address, udp_port)] = recipient;
    }
  }
  for (size_t i = 0; i < config.watched.size(); ++i) {
    absl::Status status =
        Add(OpenWatchSocket(config.watched[i], buffer_bytes), Kind::kWatched,
            config.watched[i].udp_port, static_cast<uint32_t>(config.recipients.size() + i));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Receiver::Add(absl::StatusOr<FileDescriptor> fd, Kind kind, uint16_t udp_port,
                           uint32_t recipient) {
  if (!fd.ok()) return fd.status();
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = sockets_.size();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd->get(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  }
  sockets_.push_back({*std::move(fd), kind, udp_port, recipient});
  return absl::OkStatus();
}

size_t Receiver::Poll(int timeout_ms) {
  const int ready =
      epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
  size_t datagrams = 0;
  for (int i = 0; i < ready; ++i) {
    const Socket& socket = sockets_[events_[i].data.u64];
    if (socket.kind == Kind::kReference) continue;
    // Before each of the others: what they got is compared with it.
    if (reference_) datagrams += Read(sockets_[*reference_]);
    datagrams += Read(socket);
  }
  if (ready > 0 && reference_) datagrams += Read(sockets_[*reference_]);
  return datagrams;
}

size_t Receiver::Read(const Socket& socket) {
  size_t datagrams = 0;
  for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
    const size_t count = ReadBatch(socket);
    datagrams += count;
    if (count < kBatch) break;
  }
  return datagrams;
}

size_t Receiver::ReadBatch(const Socket& socket) {
  for (size_t i = 0; i < kBatch; ++i) {
    messages_[i].msg_hdr.msg_control = &controls_[i * kControlBytes];
    messages_[i].msg_hdr.msg_controllen = kControlBytes;
  }
  const int count = recvmmsg(socket.fd.get(), messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;
  const uint64_t now_ns = MonotonicNs();
  for (int i = 0; i < count; ++i) {
    Deliver(socket, messages_[i], &buffers_[i * buffer_bytes_], now_ns);
  }
  return static_cast<size_t>(count);
}

void Receiver::Deliver(const Socket& socket, const mmsghdr& message, const uint8_t* bytes,
                       uint64_t now_ns) {
  if (socket.kind == Kind::kWatched) {
    DeliverWatched(socket, message, bytes, now_ns);
    return;
  }
  uint32_t recipient = socket.kind == Kind::kReference ? kReferenceIndex : socket.recipient;
  if (socket.kind == Kind::kManyRecipients) {
    in_pktinfo info = {};
    ReadControl(message, IPPROTO_IP, IP_PKTINFO, &info);
    const auto found =
        by_destination_.find(DestinationKey(ntohl(info.ipi_addr.s_addr), socket.udp_port));
    if (found == by_destination_.end()) {
      ++unexpected_;
      return;
    }
    recipient = found->second;
  }
  if (recipient == kReferenceIndex) {
    verifier_->Reference({bytes, message.msg_len});
  } else if (message.msg_len > max_datagram_bytes_) {
    verifier_->Unusable(recipient);
  } else {
    verifier_->Datagram(recipient, {bytes, message.msg_len}, now_ns);
  }
}

void Receiver::DeliverWatched(const Socket& socket, const mmsghdr& message, const uint8_t* packet,
                              uint64_t now_ns) {
  // The filter has read both headers; a length may still be wrong.
  const size_t read_bytes = message.msg_len;
  const size_t ip_bytes = size_t{packet[0] & 0xfu} * 4;
  udphdr udp;
  if (read_bytes < ip_bytes + sizeof(udp)) {
    verifier_->Unusable(socket.recipient);
    return;
  }
  memcpy(&udp, packet + ip_bytes, sizeof(udp));
  const size_t udp_bytes = ntohs(udp.len);
  if (udp_bytes < sizeof(udp) || ip_bytes + udp_bytes > read_bytes ||
      udp_bytes - sizeof(udp) > max_datagram_bytes_) {
    verifier_->Unusable(socket.recipient);
    return;
  }
  // The kernel verifies later than this socket looks, unless the device did or, between interfaces
  // of one host, nobody has to.
  tpacket_auxdata state = {};
  ReadControl(message, SOL_PACKET, PACKET_AUXDATA, &state);
  const bool settled = (state.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0;
  if (!settled && udp.check != 0 && !IsUdpChecksumRight(packet, ip_bytes, udp_bytes)) {
    verifier_->Unusable(socket.recipient);
    return;
  }
  verifier_->Datagram(socket.recipient, {packet + ip_bytes + sizeof(udp), udp_bytes - sizeof(udp)},
                      now_ns);
}

uint64_t Receiver::OwnBufferDrops() const {
  uint64_t drops = 0;
  for (const Socket& socket : sockets_) {
    if (socket.kind != Kind::kReference) drops += SocketDrops(socket.fd.get());
  }
  return drops;
}

uint64_t Receiver::ReferenceDrops() const {
  return reference_ ? SocketDrops(sockets_[*reference_].fd.get()) : 0;
}

uint64_t Receiver::ChecksumErrors() const {
  const uint64_t now = UdpChecksumErrors();
  return now - std::min(now, checksum_errors_before_);
}

}  // namespace groupcast
