// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A packet socket with a transmit ring (PACKET_TX_RING): frames are written into memory that is
// shared with the kernel, and one system call sends many. Routes, neighbours, headers and checksums
// are the program's own business. As a program would that wants to be fast, it keeps the headers of
// each recipient ready, with the sum over all of them that stays, and sums up the payload once per
// groupcast.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "bench/peers/peer.h"
#include "tools/file_descriptor.h"

namespace groupcast {
namespace {

constexpr unsigned kFrames = 1024;
constexpr size_t kLeastFrame = 2048, kLeastBlock = 1 << 16;
constexpr size_t kFrameAt =
    TPACKET_ALIGN(sizeof(tpacket2_hdr));  // packet(7): without tp_net, tp_mac
constexpr uint16_t kSourcePort = 40000;

struct Headers {
  rte_ether_hdr ether;
  rte_ipv4_hdr ip;
  rte_udp_hdr udp;
};
static_assert(sizeof(Headers) == 42, "as they stand on the wire");

struct Line {
  Headers headers;
  uint32_t sum;  // of pseudo header and UDP header, without the checksum
};

uint16_t Fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

absl::Status Failed(const char* what) {
  return absl::InternalError(absl::StrFormat("%s: %s", what, std::strerror(errno)));
}

class PacketRingPeer : public Peer {
 public:
  PacketRingPeer(Load* load, unsigned batch) : load_(load), batch_(batch) {}
  ~PacketRingPeer() override {
    if (ring_ != nullptr) munmap(ring_, ring_bytes_);
  }

  absl::Status Start(const PeerOptions& options);
  void Send() override;
  void Finish() override;

 private:
  absl::Status OpenSocket(const PeerOptions& options);
  absl::Status MakeRing();
  absl::Status WriteLines(const PeerOptions& options);
  tpacket2_hdr* frame(unsigned index) {
    return reinterpret_cast<tpacket2_hdr*>(ring_ + index * frame_bytes_);
  }
  // The next frame of the ring, once the kernel has given it back.
  tpacket2_hdr* Next();
  void Write(size_t recipient, uint16_t payload_sum, uint8_t* to);
  // Returns an errno.
  int Kick(int flags);

  Load* load_;
  const unsigned batch_;
  FileDescriptor socket_;
  rte_ether_addr source_mac_{};
  std::vector<Line> lines_;
  uint8_t* ring_ = nullptr;
  size_t frame_bytes_ = kLeastFrame, ring_bytes_ = 0;
  unsigned next_ = 0;
  unsigned written_ = 0;  // since the last system call
};

absl::Status PacketRingPeer::Start(const PeerOptions& options) {
  if (absl::Status status = OpenSocket(options); !status.ok()) return status;
  if (absl::Status status = MakeRing(); !status.ok()) return status;
  return WriteLines(options);
}

absl::Status PacketRingPeer::OpenSocket(const PeerOptions& options) {
  // Protocol 0: receives nothing.
  socket_ = FileDescriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket_.valid()) return Failed("packet socket (needs CAP_NET_RAW)");
  ifreq request{};
  if (options.device.empty() || options.device.size() >= sizeof(request.ifr_name)) {
    return absl::InvalidArgumentError("af_packet_ring needs --device, the interface to send by");
  }
  std::memcpy(request.ifr_name, options.device.data(), options.device.size());
  if (ioctl(socket_.get(), SIOCGIFMTU, &request) != 0) return Failed(options.device.c_str());
  const size_t packet = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr) + load_->datagram_bytes();
  if (packet > static_cast<size_t>(request.ifr_mtu)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("packets of %d bytes are above the MTU of %s, %d; use a shorter --payload",
                        packet, options.device, request.ifr_mtu));
  }
  if (ioctl(socket_.get(), SIOCGIFHWADDR, &request) != 0) return Failed(options.device.c_str());
  std::memcpy(&source_mac_, request.ifr_hwaddr.sa_data, sizeof(source_mac_));
  const int version = TPACKET_V2, bypass = options.qdisc_bypass ? 1 : 0;
  if (setsockopt(socket_.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0) {
    return Failed("PACKET_VERSION");
  }
  if (setsockopt(socket_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass)) != 0) {
    return Failed("PACKET_QDISC_BYPASS");
  }
  sockaddr_ll local{};
  local.sll_family = AF_PACKET;
  local.sll_ifindex = static_cast<int>(if_nametoindex(options.device.c_str()));
  if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&local), sizeof(local)) != 0) {
    return Failed("bind");
  }
  return absl::OkStatus();
}

absl::Status PacketRingPeer::MakeRing() {
  frame_bytes_ =
      std::max(kLeastFrame, std::bit_ceil(kFrameAt + sizeof(Headers) + load_->datagram_bytes()));
  ring_bytes_ = frame_bytes_ * kFrames;
  tpacket_req request{};
  request.tp_frame_size = static_cast<unsigned>(frame_bytes_);
  request.tp_frame_nr = kFrames;
  request.tp_block_size = static_cast<unsigned>(std::max(kLeastBlock, frame_bytes_));
  request.tp_block_nr = static_cast<unsigned>(ring_bytes_ / request.tp_block_size);
  if (setsockopt(socket_.get(), SOL_PACKET, PACKET_TX_RING, &request, sizeof(request)) != 0) {
    return Failed("PACKET_TX_RING");
  }
  // Else the kernel stops in the middle of the ring, at the socket's own limit.
  const int buffer = static_cast<int>(ring_bytes_);
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
  void* memory = mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, socket_.get(), 0);
  if (memory == MAP_FAILED) return Failed("mmap of the ring");
  ring_ = static_cast<uint8_t*>(memory);
  return absl::OkStatus();
}

absl::Status PacketRingPeer::WriteLines(const PeerOptions& options) {
  Line line{};
  rte_ether_hdr& ether = line.headers.ether;
  ether_addr next_hop;
  if (ether_aton_r(options.next_hop_mac.c_str(), &next_hop) == nullptr) {
    return absl::InvalidArgumentError("af_packet_ring needs --next-hop-mac XX:XX:XX:XX:XX:XX");
  }
  std::memcpy(&ether.dst_addr, &next_hop, sizeof(next_hop));
  ether.src_addr = source_mac_;
  ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
  // The source address is the one that the kernel takes for the first recipient.
  const FileDescriptor udp(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in local{};
  socklen_t local_bytes = sizeof(local);
  if (connect(udp.get(), reinterpret_cast<sockaddr*>(load_->address(0)), sizeof(sockaddr_in)) !=
          0 ||
      getsockname(udp.get(), reinterpret_cast<sockaddr*>(&local), &local_bytes) != 0) {
    return Failed("route to the first recipient");
  }
  const auto udp_bytes = static_cast<uint16_t>(sizeof(rte_udp_hdr) + load_->datagram_bytes());
  for (size_t i = 0; i < load_->recipients(); i++) {
    rte_ipv4_hdr ip{};
    ip.version_ihl = RTE_IPV4_VHL_DEF;
    ip.total_length = htons(static_cast<uint16_t>(sizeof(ip) + udp_bytes));
    ip.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);  // so that the identification may be 0
    ip.time_to_live = 64;
    ip.next_proto_id = IPPROTO_UDP;
    ip.src_addr = local.sin_addr.s_addr;
    ip.dst_addr = load_->address(i)->sin_addr.s_addr;
    ip.hdr_checksum = rte_ipv4_cksum(&ip);
    const rte_udp_hdr header = {.src_port = RTE_BE16(kSourcePort),
                                .dst_port = load_->address(i)->sin_port,
                                .dgram_len = htons(udp_bytes),
                                .dgram_cksum = 0};
    line.headers.ip = ip;
    line.headers.udp = header;
    line.sum = uint32_t{rte_ipv4_phdr_cksum(&ip, 0)} + rte_raw_cksum(&header, sizeof(header));
    lines_.push_back(line);
  }
  return absl::OkStatus();
}

void PacketRingPeer::Send() {
  uint16_t payload_sum = rte_raw_cksum(load_->payload().data(), load_->payload().size());
  // Behind an odd number of private bytes each of its own is in the other half of a word.
  if (load_->prepend_bytes() % 2 != 0) payload_sum = std::rotl(payload_sum, 8);
  for (size_t i = 0; i < load_->recipients(); i++) {
    tpacket2_hdr* header = Next();
    Write(i, payload_sum, reinterpret_cast<uint8_t*>(header) + kFrameAt);
    header->tp_len = static_cast<uint32_t>(sizeof(Headers) + load_->datagram_bytes());
    // Publishes the frame to the kernel.
    __atomic_store_n(&header->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
    if (++written_ >= batch_) Kick(MSG_DONTWAIT);
  }
  // What one call would send must not wait for the next groupcast.
  if (written_ > 0) Kick(MSG_DONTWAIT);
}

tpacket2_hdr* PacketRingPeer::Next() {
  tpacket2_hdr* header = frame(next_);
  next_ = (next_ + 1) % kFrames;
  uint32_t status;
  while ((status = __atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE)) != TP_STATUS_AVAILABLE) {
    int error = EINVAL;
    if ((status & TP_STATUS_WRONG_FORMAT) == 0) error = Kick(0);
    if (error == 0 || error == ENOBUFS || error == EAGAIN || error == EINTR) continue;
    CountError(error);
    break;
  }
  return header;
}

void PacketRingPeer::Write(size_t recipient, uint16_t payload_sum, uint8_t* to) {
  const Line& line = lines_[recipient];
  const std::span<const uint8_t> prepend = load_->prepend(recipient);
  std::memcpy(to, &line.headers, sizeof(line.headers));
  const uint64_t sum =
      uint64_t{line.sum} + rte_raw_cksum(prepend.data(), prepend.size()) + payload_sum;
  auto checksum = static_cast<uint16_t>(~Fold(sum));
  if (checksum == 0) checksum = 0xffff;  // 0 would be "none" (RFC 768)
  std::memcpy(to + offsetof(Headers, udp.dgram_cksum), &checksum, sizeof(checksum));
  to += sizeof(Headers);
  std::memcpy(to, prepend.data(), prepend.size());
  std::memcpy(to + prepend.size(), load_->payload().data(), load_->payload().size());
}

int PacketRingPeer::Kick(int flags) {
  written_ = 0;
  // What is not sent (ENOBUFS, EAGAIN) stays in the ring for the next call.
  return send(socket_.get(), nullptr, 0, flags) < 0 ? errno : 0;
}

void PacketRingPeer::Finish() {
  for (unsigned i = 0; i < kFrames; i++) Next();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> MakePacketRingPeer(const PeerOptions& options, Load* load) {
  auto peer = std::make_unique<PacketRingPeer>(load, options.batch);
  if (absl::Status status = peer->Start(options); !status.ok()) return status;
  return peer;
}

}  // namespace groupcast
