// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/kernel_path.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "api/seat.h"
#include "api/udp_socket.h"
#include "engine/control/clock.h"

namespace groupcast {
namespace {

constexpr size_t kBatch = 64;

// Behind others, sendmmsg() does not say why it stopped, so that datagram is sent once more. Where
// datagrams are collected into one, the first attempt has thrown away all of it.
bool Collects(int sd, int flags) {
  int corked = 0;
  socklen_t len = sizeof(corked);
  return (flags & MSG_MORE) != 0 ||
         (getsockopt(sd, IPPROTO_UDP, UDP_CORK, &corked, &len) == 0 && corked != 0);
}

size_t PutIovec(const iovec& part, iovec* at) {
  if (part.iov_len == 0) return 0;
  *at = part;
  return 1;
}

// A control message that lowers what the socket would send with, of either family.
class HopLimit {
 public:
  // `most`: 0 for none.
  HopLimit(int sd, uint8_t most) : most_(most) {
    if (most_ == 0) return;
    socket_ = {SocketOption(sd, IPPROTO_IP, IP_TTL, -1),
               SocketOption(sd, IPPROTO_IP, IP_MULTICAST_TTL, -1),
               SocketOption(sd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1),
               SocketOption(sd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, -1)};
  }

  void PutTo(const sockaddr* destination, msghdr* header) {
    if (most_ == 0) return;
    const IpAddress to = AddressOf(destination);
    const bool by_ipv6 = !to.IsIpv4();
    const int set = socket_[(by_ipv6 ? 2 : 0) + (to.IsMulticast() ? 1 : 0)];
    if (set >= 0 && set <= most_) return;
    // An IPv6 socket takes the IPv4 message for mapped addresses.
    Put(by_ipv6 ? &six_ : &four_, by_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
        by_ipv6 ? IPV6_HOPLIMIT : IP_TTL, header);
  }

 private:
  struct Control {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
  };
  void Put(Control* control, int level, int type, msghdr* header) const {
    header->msg_control = control->bytes.data();
    header->msg_controllen = control->bytes.size();
    cmsghdr* message = CMSG_FIRSTHDR(header);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof(int));
    const int value = most_;
    std::memcpy(CMSG_DATA(message), &value, sizeof(value));
  }

  uint8_t most_;
  std::array<int, 4> socket_{};
  Control four_, six_;
};

// `index_of`: place in the call of the i-th recipient to send to.
template <typename IndexOf>
size_t Send(int sd, const CallerBuffer& buf, size_t count, IndexOf index_of, int flags,
            int* gerrno) {
  flags |= buf.kernel_flags();
  std::array<mmsghdr, kBatch> messages;
  std::array<std::array<iovec, 3>, kBatch> parts;
  size_t sent = 0, errors = 0, would_block = 0;
  HopLimit hop_limit(sd, buf.hop_limit());
  const size_t at_once = count > 1 && Collects(sd, flags) ? 1 : kBatch;
  for (size_t done = 0; done < count;) {
    const size_t n = std::min(at_once, count - done);
    for (size_t i = 0; i < n; i++) {
      const size_t index = index_of(done + i);
      size_t used = PutIovec(buf.Prepend(index), parts[i].data());
      used += PutIovec(buf.shared(), parts[i].data() + used);
      used += PutIovec(buf.Append(index), parts[i].data() + used);
      msghdr& header = messages[i].msg_hdr;
      header = msghdr{};
      header.msg_name = const_cast<sockaddr*>(buf.Address(index));
      header.msg_namelen = buf.address_len();
      header.msg_iov = parts[i].data();
      header.msg_iovlen = used;
      hop_limit.PutTo(buf.Address(index), &header);
    }
    int64_t since_ns = MonotonicNs();  // that the datagram in front waits
    for (size_t i = 0; i < n;) {
      const int rc = sendmmsg(sd, messages.data() + i, static_cast<unsigned>(n - i), flags);
      if (rc > 0) {
        for (size_t end = i + static_cast<size_t>(rc); i < end; i++) {
          if (gerrno != nullptr) gerrno[index_of(done + i)] = 0;
        }
        sent += static_cast<size_t>(rc);
        since_ns = MonotonicNs();
        continue;
      }
      // sendmmsg() stops at the first failure and reports it only if nothing preceded it.
      int error = errno;
      if (error == EINTR) {
        // Each signal would begin SO_SNDTIMEO anew.
        const int64_t timeout_ns = SendTimeoutNs(sd);
        if (timeout_ns == 0 || MonotonicNs() - since_ns < timeout_ns) continue;
        error = EAGAIN;
      }
      errors++;
      would_block += error == EAGAIN ? 1 : 0;
      if (gerrno != nullptr) gerrno[index_of(done + i)] = error;
      since_ns = MonotonicNs();
      i++;
    }
    done += n;
  }
  CountHere(Counter::kKernelRecipients, count);
  if (errors > 0) CountHere(Counter::kRecipientErrors, errors);
  if (would_block > 0) CountHere(Counter::kWouldBlock, would_block);
  return sent;
}

}  // namespace

size_t SendByKernel(int sd, const CallerBuffer& buf, size_t recnum, int flags, int* gerrno) {
  return Send(
      sd, buf, recnum, [](size_t i) { return i; }, flags, gerrno);
}

size_t SendByKernel(int sd, const CallerBuffer& buf, std::span<const uint32_t> indices, int flags,
                    int* gerrno) {
  return Send(
      sd, buf, indices.size(), [&](size_t i) { return indices[i]; }, flags, gerrno);
}

}  // namespace groupcast
