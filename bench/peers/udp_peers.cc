// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What most programs do: a loop over sendmsg(), and sendmmsg().
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "bench/peers/peer.h"
#include "bench/peers/udp_messages.h"

namespace groupcast {
namespace {

constexpr int kSendBuffer = 4 << 20;  // so that no send waits for an earlier one
constexpr size_t kMostAtOnce = 1024;  // UIO_MAXIOV: sendmmsg() takes no more

class SendmsgPeer : public Peer {
 public:
  explicit SendmsgPeer(UdpMessages messages) : messages_(std::move(messages)) {}

  void Send() override {
    for (size_t i = 0; i < messages_.size(); i++) {
      if (sendmsg(messages_.sd(), &messages_.message(i)->msg_hdr, 0) < 0) CountError(errno);
    }
  }

 private:
  UdpMessages messages_;
};

class SendmmsgPeer : public Peer {
 public:
  explicit SendmmsgPeer(UdpMessages messages) : messages_(std::move(messages)) {}

  void Send() override {
    for (size_t i = 0; i < messages_.size();) {
      const auto n = static_cast<unsigned>(std::min(kMostAtOnce, messages_.size() - i));
      const int taken = sendmmsg(messages_.sd(), messages_.message(i), n, 0);
      if (taken <= 0) {
        // The first of them failed; the others were not tried.
        CountError(errno);
        i++;
        continue;
      }
      i += static_cast<size_t>(taken);
    }
  }

 private:
  UdpMessages messages_;
};

}  // namespace

UdpMessages::UdpMessages(FileDescriptor socket, Load* load)
    : socket_(std::move(socket)), parts_(2 * load->recipients()), messages_(load->recipients()) {
  for (size_t i = 0; i < messages_.size(); i++) {
    parts_[2 * i] = {load->prepend(i).data(), load->prepend_bytes()};
    parts_[2 * i + 1] = {load->payload().data(), load->payload().size()};
    // Without private bytes there is one part only.
    const size_t first = load->prepend_bytes() == 0 ? 1 : 0;
    msghdr& header = messages_[i].msg_hdr;
    header.msg_name = load->address(i);
    header.msg_namelen = sizeof(sockaddr_in);
    header.msg_iov = &parts_[2 * i + first];
    header.msg_iovlen = 2 - first;
  }
}

absl::StatusOr<UdpMessages> UdpMessages::Create(Load* load) {
  FileDescriptor sd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  if (!sd.valid() || bind(sd.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0) {
    return absl::InternalError(absl::StrFormat("UDP socket: %s", std::strerror(errno)));
  }
  // Without the right to it what net.core.wmem_max allows has to do.
  if (setsockopt(sd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof(kSendBuffer)) != 0) {
    setsockopt(sd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(kSendBuffer));
  }
  return UdpMessages(std::move(sd), load);
}

absl::StatusOr<std::unique_ptr<Peer>> MakePeer(const PeerOptions& options, Load* load) {
  if (options.name == "af_packet_ring") return MakePacketRingPeer(options, load);
  if (options.name.starts_with("io_uring")) return MakeIoUringPeer(options, load);
  auto messages = UdpMessages::Create(load);
  if (!messages.ok()) return messages.status();
  if (options.name == "sendmsg") return std::make_unique<SendmsgPeer>(*std::move(messages));
  if (options.name == "sendmmsg") return std::make_unique<SendmmsgPeer>(*std::move(messages));
  return absl::InvalidArgumentError(absl::StrFormat("%s: no such peer", options.name));
}

}  // namespace groupcast
