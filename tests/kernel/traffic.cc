// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/traffic.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unordered_map>

#include "groupcast/statistics.h"

namespace groupcast {
namespace {

constexpr int kReceiveBufferBytes = 256 << 20;
// Long enough for a frame that is on its way, short enough to be waited for in every test.
constexpr int kLateMs = 30;

bool Readable(int sd, int timeout_ms) {
  pollfd wanted = {.fd = sd, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, timeout_ms) > 0;
}

}  // namespace

sockaddr_in Endpoint(uint32_t address, uint16_t udp_port) {
  sockaddr_in endpoint = {};
  endpoint.sin_family = AF_INET;
  endpoint.sin_addr.s_addr = htonl(address);
  endpoint.sin_port = htons(udp_port);
  return endpoint;
}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

void Socket::Set(int level, int option, int value) const {
  ASSERT_EQ(setsockopt(fd_, level, option, &value, sizeof(value)), 0)
      << "option " << level << "/" << option << ": " << std::strerror(errno);
}

Socket BoundSocket(uint32_t address, uint16_t udp_port) {
  Socket sd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in local = Endpoint(address, udp_port);
  EXPECT_EQ(bind(sd, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0)
      << std::strerror(errno);
  return sd;
}

std::string Pattern(size_t length, unsigned seed) {
  std::string bytes(length, 0);
  for (size_t i = 0; i < length; i++) bytes[i] = static_cast<char>(i * 7 + i / 251 + seed * 31);
  return bytes;
}

template <typename Call>
BasicGroupcast<Call>& BasicGroupcast<Call>::Add(const Address& to, std::string prepend,
                                                std::string append) {
  recipients_.push_back({to, std::move(prepend), std::move(append)});
  storage_.clear();
  return *this;
}

template <typename Call>
BasicGroupcast<Call>& BasicGroupcast<Call>::AddRange(uint32_t first, size_t count,
                                                     uint16_t udp_port) {
  if constexpr (std::same_as<Address, sockaddr_in>) {
    for (size_t i = 0; i < count; i++) Add(Endpoint(first + static_cast<uint32_t>(i), udp_port));
  } else {
    std::abort();
  }
  return *this;
}

template <typename Call>
typename Call::Buffer* BasicGroupcast<Call>::buf() {
  if (storage_.empty()) {
    storage_.resize(sizeof(Buffer) + recipients_.size() * sizeof(Recipient));
    auto* made = reinterpret_cast<Buffer*>(storage_.data());
    made->shared = {shared_.data(), shared_.size()};
    Recipient* to = made->recinfo;
    for (Kept& recipient : recipients_) {
      *to++ = {recipient.to,
               {recipient.prepend.data(), recipient.prepend.size()},
               {recipient.append.data(), recipient.append.size()}};
    }
  }
  return reinterpret_cast<Buffer*>(storage_.data());
}

template <typename Call>
int BasicGroupcast<Call>::Send(int sd, int flags) {
  errnos.assign(size(), kUntouched);
  Buffer* passed = buf();
  errno = kUntouched;
  int sent = Call::kSend(sd, passed, size(), flags, errnos.data());
  error = errno;
  return sent;
}

template <typename Call>
int BasicGroupcast<Call>::KernelSend(int sd, size_t recipient, int flags) {
  Recipient& to = buf()->recinfo[recipient];
  iovec parts[] = {to.giov_prepend, buf()->shared, to.giov_append};
  for (iovec& part : parts) {
    if (part.iov_len == 0) part.iov_base = nullptr;
  }
  msghdr message = {};
  message.msg_name = &to.giov_dest;
  message.msg_namelen = sizeof(to.giov_dest);
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  return sendmsg(sd, &message, flags) < 0 ? errno : 0;
}

template class BasicGroupcast<Ipv4Call>;
template class BasicGroupcast<Ipv6Call>;

Sink::Sink(const NetworkNamespace& where, uint16_t udp_port, uint32_t address) {
  where.Run([&] { sd_ = BoundSocket(address, udp_port); });
  sd_.Set(SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes);
  sd_.Set(SOL_SOCKET, SO_RXQ_OVFL, 1);
  sd_.Set(IPPROTO_IP, IP_PKTINFO, 1);
}

bool Sink::ReceiveOne(int timeout_ms, std::vector<Datagram>* received) {
  if (!Readable(sd_, timeout_ms)) return false;
  char bytes[65536];
  alignas(cmsghdr) char control[256];
  Datagram datagram = {};
  iovec part = {bytes, sizeof(bytes)};
  msghdr message = {};
  message.msg_name = &datagram.from;
  message.msg_namelen = sizeof(datagram.from);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t length = recvmsg(sd_, &message, MSG_DONTWAIT);
  if (length < 0) return false;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof(info));
      datagram.to = ntohl(info.ipi_addr.s_addr);
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      uint32_t dropped;
      std::memcpy(&dropped, CMSG_DATA(c), sizeof(dropped));
      EXPECT_EQ(dropped, 0u) << "lost in the receiver's own socket buffer, not on the way";
    }
  }
  datagram.payload.assign(bytes, static_cast<size_t>(length));
  received->push_back(std::move(datagram));
  return true;
}

std::vector<Datagram> Sink::ReceiveSoFar(size_t count, int patience_ms) {
  std::vector<Datagram> received;
  while (received.size() < count && ReceiveOne(patience_ms, &received)) {
  }
  while (ReceiveOne(0, &received)) {
  }
  return received;
}

std::vector<Datagram> Sink::Receive(size_t count, int patience_ms) {
  std::vector<Datagram> received = ReceiveSoFar(count, patience_ms);
  while (ReceiveOne(kLateMs, &received)) {
  }
  return received;
}

void ExpectExactlyOnce(const std::vector<Datagram>& received, uint32_t first, size_t count,
                       const std::string& payload) {
  std::vector<int> copies(count);
  for (const Datagram& datagram : received) {
    ASSERT_LT(datagram.to - first, count) << "received at an address that is no recipient";
    ++copies[datagram.to - first];
    ASSERT_EQ(datagram.payload, payload);
  }
  size_t lost = 0, doubled = 0;
  for (int n : copies) {
    if (n == 0) ++lost;
    if (n > 1) ++doubled;
  }
  EXPECT_EQ(lost, 0u) << "of " << count;
  EXPECT_EQ(doubled, 0u) << "of " << count;
}

Capture::Capture(const NetworkNamespace& where, const std::string& device, int family)
    : family_(family) {
  where.Run([&] {
    sd_ = Socket(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    ASSERT_GE(sd_, 0) << std::strerror(errno);
    sd_.Set(SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes);
    sockaddr_ll local = {};
    local.sll_family = AF_PACKET;
    local.sll_protocol = htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
    local.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
    ASSERT_EQ(bind(sd_, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
  });
}

std::vector<std::string> Capture::Take(size_t count) {
  std::vector<std::string> frames;
  while (Readable(sd_, frames.size() < count ? 10000 : kLateMs)) {
    char bytes[65536];
    sockaddr_ll from = {};
    socklen_t from_length = sizeof(from);
    ssize_t length = recvfrom(sd_, bytes, sizeof(bytes), MSG_DONTWAIT,
                              reinterpret_cast<sockaddr*>(&from), &from_length);
    if (length < 34 || from.sll_pkttype == PACKET_OUTGOING) continue;
    uint8_t protocol = static_cast<uint8_t>(bytes[family_ == AF_INET ? 23 : 20]);
    if (family_ == AF_INET6 && protocol == IPPROTO_FRAGMENT)
      protocol = static_cast<uint8_t>(bytes[54]);
    if (protocol != IPPROTO_UDP) continue;
    frames.emplace_back(bytes, static_cast<size_t>(length));
  }
  return frames;
}

namespace {

uint16_t Checksum(const std::string& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]) << 8 |
                                 static_cast<uint8_t>(bytes[i + 1]));
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace

void TellFragmentationNeeded(const NetworkNamespace& router, const std::string& frame,
                             uint16_t mtu) {
  constexpr size_t kQuotedBytes = 28;
  ASSERT_GE(frame.size(), ETH_HLEN + kQuotedBytes);
  std::string icmp = {ICMP_DEST_UNREACH,
                      ICMP_FRAG_NEEDED,
                      0,
                      0,
                      0,
                      0,
                      static_cast<char>(mtu >> 8),
                      static_cast<char>(mtu & 0xff)};
  icmp += frame.substr(ETH_HLEN, kQuotedBytes);
  const uint16_t sum = Checksum(icmp);
  icmp[2] = static_cast<char>(sum >> 8), icmp[3] = static_cast<char>(sum & 0xff);
  router.Run([&] {
    Socket raw(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    sockaddr_in to = Endpoint(kTxAddress, 0);
    ASSERT_EQ(
        sendto(raw, icmp.data(), icmp.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
        static_cast<ssize_t>(icmp.size()));
  });
}

int QueuedErrno(int sd) {
  char bytes[512], control[512];
  iovec part = {bytes, sizeof(bytes)};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  pollfd queue = {.fd = sd, .events = 0, .revents = 0};  // POLLERR always counts
  if (poll(&queue, 1, 10000) != 1 || recvmsg(sd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
    return 0;
  }
  sock_extended_err error = {};
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
        (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
      std::memcpy(&error, CMSG_DATA(c), sizeof(error));
    }
  }
  return static_cast<int>(error.ee_errno);
}

std::string Hex(const std::string& bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size() && i < kHexBytes; i++) {
    char digits[4];
    snprintf(digits, sizeof(digits), "%02x ", static_cast<uint8_t>(bytes[i]));
    text += digits;
  }
  return text;
}

std::string SoftnetDrops() {
  std::ifstream file("/proc/net/softnet_stat");
  uint64_t drops = 0;
  for (std::string line; std::getline(file, line);) {
    uint64_t processed, dropped;
    std::istringstream(line) >> std::hex >> processed >> dropped;
    drops += dropped;
  }
  return "softnet drops since boot: " + std::to_string(drops);
}

Counted::Counted() {
  std::vector<groupcast_counter> counters(groupcast_counters(nullptr, 0));
  groupcast_counters(counters.data(), counters.size());
  for (const groupcast_counter& counter : counters)
    before_.emplace_back(counter.name, counter.value);
}

int64_t Counted::operator()(const char* name) const {
  for (const auto& [known, value] : before_) {
    if (known == name) return static_cast<int64_t>(groupcast_counter_value(name) - value);
  }
  ADD_FAILURE() << name << ": there is no such counter";
  return 0;
}

}  // namespace groupcast
