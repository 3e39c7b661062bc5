// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/wire/wire.h"

#include <arpa/inet.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mempool.h>
#include <rte_udp.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/datapath/hand_over.h"

namespace groupcast {
namespace {

constexpr rte_ether_addr kPortMac = {{0x02, 0, 0, 0, 0, 0x01}};
constexpr rte_ether_addr kNextHopMac = {{0x02, 0, 0, 0, 0, 0x02}};

// Before any thread exists: a namespace belongs to a thread, and EAL makes many.
[[maybe_unused]] const bool in_own_namespace = [] {
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    std::fprintf(stderr, "wire tests need a network namespace of their own: %s\n",
                 std::strerror(errno));
    std::exit(77);
  }
  return true;
}();

struct PoolUse {
  unsigned out = 0;
  std::string names;
};

void AddUse(rte_mempool* pool, void* use) {
  const unsigned out = rte_mempool_in_use_count(pool);
  if (out == 0) return;
  static_cast<PoolUse*>(use)->out += out;
  static_cast<PoolUse*>(use)->names += std::string(" ") + pool->name;
}

}  // namespace

sockaddr_in Address(const std::string& dotted, uint16_t udp_port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(udp_port);
  EXPECT_EQ(inet_pton(AF_INET, dotted.c_str(), &address.sin_addr), 1) << dotted;
  return address;
}

int BoundSocket() {
  const int sd = socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in any = Address("0.0.0.0", 0);
  EXPECT_EQ(bind(sd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
  return sd;
}

sockaddr_in6 Address6(const std::string& text, uint16_t udp_port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(udp_port);
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &address.sin6_addr), 1) << text;
  return address;
}

int BoundSocket6() {
  const int sd = socket(AF_INET6, SOCK_DGRAM, 0);
  const int off = 0;
  EXPECT_EQ(setsockopt(sd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
  EXPECT_EQ(setsockopt(sd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, &off, sizeof(off)), 0);
  const sockaddr_in6 any = Address6("::", 0);
  EXPECT_EQ(bind(sd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
  return sd;
}

std::string Bytes(size_t len, uint8_t seed) {
  std::string bytes(len, '\0');
  for (size_t i = 0; i < len; i++)
    bytes[i] = static_cast<char>((i * 131 + seed * 29 + i / 251) & 0xff);
  return bytes;
}

std::string FrameOf(const rte_mbuf* mbuf) {
  std::string frame;
  for (const rte_mbuf* m = mbuf; m != nullptr; m = m->next) {
    EXPECT_GT(m->data_len, 0) << "a zero-length segment";
    frame.append(rte_pktmbuf_mtod(m, const char*), m->data_len);
  }
  EXPECT_EQ(frame.size(), mbuf->pkt_len);
  return frame;
}

void Free(rte_mbuf* frame) {
  while (frame != nullptr) {
    rte_mbuf* next = frame->next;
    // One at a time: whoever waits for mbufs may have it before the next one is free.
    if (rte_mbuf* free = rte_pktmbuf_prefree_seg(frame); free != nullptr) {
      rte_mempool* pool = free->pool;
      HandOver(pool);
      rte_mbuf_raw_free(free);
      HandOver(pool);
    }
    frame = next;
  }
}

namespace {

void WriteEther(uint16_t type, rte_ether_hdr* ether) {
  ether->dst_addr = kNextHopMac;
  ether->src_addr = kPortMac;
  ether->ether_type = htons(type);
}

void WriteUdp(rte_be16_t from, rte_be16_t to, size_t datagram_len, rte_udp_hdr* udp) {
  udp->src_port = from;
  udp->dst_port = to;
  udp->dgram_len = htons(static_cast<uint16_t>(sizeof(*udp) + datagram_len));
}

}  // namespace

std::string ExpectedFrame(const sockaddr_in& from, const sockaddr_in& to, uint8_t ttl, uint8_t tos,
                          bool dont_fragment, rte_be16_t ip_id, const std::string& datagram) {
  std::string frame(sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr), '\0');
  frame += datagram;
  auto* ether = reinterpret_cast<rte_ether_hdr*>(frame.data());
  WriteEther(RTE_ETHER_TYPE_IPV4, ether);
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(ether + 1);
  ip->version_ihl = RTE_IPV4_VHL_DEF;
  ip->type_of_service = tos;
  ip->total_length = htons(static_cast<uint16_t>(frame.size() - sizeof(*ether)));
  ip->packet_id = ip_id;
  ip->fragment_offset = dont_fragment ? htons(RTE_IPV4_HDR_DF_FLAG) : 0;
  ip->time_to_live = ttl;
  ip->next_proto_id = IPPROTO_UDP;
  ip->src_addr = from.sin_addr.s_addr;
  ip->dst_addr = to.sin_addr.s_addr;
  ip->hdr_checksum = rte_ipv4_cksum(ip);
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  WriteUdp(from.sin_port, to.sin_port, datagram.size(), udp);
  udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
  return frame;
}

std::string ExpectedFrame6(const sockaddr_in6& from, const sockaddr_in6& to, uint8_t hop_limit,
                           uint8_t traffic_class, uint32_t flow_label,
                           const std::string& datagram) {
  std::string frame(sizeof(rte_ether_hdr) + sizeof(rte_ipv6_hdr) + sizeof(rte_udp_hdr), '\0');
  frame += datagram;
  auto* ether = reinterpret_cast<rte_ether_hdr*>(frame.data());
  WriteEther(RTE_ETHER_TYPE_IPV6, ether);
  auto* ip = reinterpret_cast<rte_ipv6_hdr*>(ether + 1);
  ip->vtc_flow = htonl(6U << 28 | uint32_t{traffic_class} << 20 | flow_label);
  ip->payload_len = htons(static_cast<uint16_t>(sizeof(rte_udp_hdr) + datagram.size()));
  ip->proto = IPPROTO_UDP;
  ip->hop_limits = hop_limit;
  std::memcpy(ip->src_addr, &from.sin6_addr, sizeof(ip->src_addr));
  std::memcpy(ip->dst_addr, &to.sin6_addr, sizeof(ip->dst_addr));
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  WriteUdp(from.sin6_port, to.sin6_port, datagram.size(), udp);
  udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
  return frame;
}

std::string Tagged(const std::string& frame, uint16_t vlan) {
  const char tag[] = {'\x81', '\0', static_cast<char>(vlan >> 8), static_cast<char>(vlan)};
  std::string tagged = frame;
  tagged.insert(2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
  return tagged;
}

uint64_t WireTest::Snapshot::at(const char* name) const {
  for (const groupcast_counter& counter : counters) {
    if (std::strcmp(counter.name, name) == 0) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

void WireTest::StartCounting() {
  before_.counters.resize(groupcast_counters(nullptr, 0));
  groupcast_counters(before_.counters.data(), before_.counters.size());
}

void WireTest::SetUp() {
  sd_ = BoundSocket();
  socklen_t len = sizeof(from_);
  getsockname(sd_, reinterpret_cast<sockaddr*>(&from_), &len);
  from_.sin_addr = Address(kSource, 0).sin_addr;
  StartCounting();
}

void WireTest::Attach(const std::string& device, const std::string& more, const StaticPort& port) {
  config_ = std::filesystem::temp_directory_path() /
            ("groupcast-wire-" + std::to_string(getpid()) + ".yaml");
  std::ofstream file(config_);
  file << "memory: {hugepages: \"off\"}\n"
          "resolver: {routes: 262144}\n"
          "ports:\n"
          "  - name: wire0\n"
          "    device: "
       << device
       << "\n"
          "    static:\n"
          "      mac: 02:00:00:00:00:01\n"
          "      mtu: "
       << port.mtu << "\n      address: " << kSource << "\n      address6: " << kSource6
       << "\n      next_hops:\n"
          "        - {to: 10.0.0.0/8, mac: \"02:00:00:00:00:02\"}\n"
          "        - {to: \"fd00::/8\", mac: \"02:00:00:00:00:02\"}\n";
  if (port.vlan != 0) file << "      vlan: " << port.vlan << "\n";
  file << more;
  file.close();
  ASSERT_EQ(groupcast_attach(config_.c_str()), 0) << groupcast_last_error();
  attached_ = true;
}

void WireTest::Detach() {
  StopEngine();
  ExpectPoolsFull();
}

void WireTest::StopEngine() {
  ASSERT_EQ(groupcast_detach(), 0) << groupcast_last_error();
  attached_ = false;
}

void WireTest::ExpectPoolsFull() {
  // An engine frees its mempools when every mbuf is back, and keeps the others.
  PoolUse use;
  rte_mempool_walk(AddUse, &use);
  EXPECT_EQ(use.out, 0U) << "mbufs are missing in" << use.names;
}

void WireTest::TearDown() {
  if (attached_) Detach();
  close(sd_);
  std::filesystem::remove(config_);
}

std::vector<rte_mbuf*> WireTest::Take(size_t most) {
  rte_ring* ring = rte_ring_lookup("ETH_RXTX0_net_ring0");
  EXPECT_NE(ring, nullptr);
  std::vector<rte_mbuf*> frames(most);
  frames.resize(rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(frames.data()),
                                       static_cast<unsigned>(most), nullptr));
  for (rte_mbuf* frame : frames) TakeOver(frame);
  return frames;
}

std::vector<rte_mbuf*> WireTest::TakeAll(size_t count) {
  std::vector<rte_mbuf*> frames;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (frames.size() < count && std::chrono::steady_clock::now() < deadline) {
    const std::vector<rte_mbuf*> some = Take(count - frames.size());
    frames.insert(frames.end(), some.begin(), some.end());
    if (some.empty()) std::this_thread::yield();
  }
  EXPECT_EQ(frames.size(), count);
  return frames;
}

}  // namespace groupcast
