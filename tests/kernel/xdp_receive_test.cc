// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Claimed datagrams from an interface to the receive queue of its net_af_xdp port, and all others
// to the kernel's sockets.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "engine/control/eal.h"
#include "engine/control/port_setup.h"
#include "tests/kernel/xdp_frames.h"

namespace groupcast {
namespace {

// More than one fill ring, so that buffers have to come back.
constexpr int kFrames = 5000;

// v0 and v1 in a network namespace; the parameter is the port's interface, on v0.
class XdpReceive : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "no network namespace (" << std::strerror(errno) << "): run as root";
    }
    const std::string interface = GetParam();
    ASSERT_EQ(
        std::system(
            ("ip link add v0 type veth peer name v1 && ip link set v0 up && "
             "ip link set v1 up && " +
             std::string(interface == "m0" ? "ip link add m0 link v0 type macvlan && " : "") +
             "ip link set " + interface + " up && ip address add 10.99.0.1/16 dev " + interface)
                .c_str()),
        0);
    EngineConfig engine;
    engine.hugepages = Hugepages::kOff;
    ASSERT_TRUE(StartEal(engine).ok());
    PortConfig config;
    config.name = "lan0";
    config.device = "net_af_xdp0,iface=" + interface;
    config.interface = config.kernel_interface = interface;
    auto port = PortSetup::Start(config, 1);
    ASSERT_TRUE(port.ok()) << port.status();
    port_ = *std::move(port);
    ASSERT_NE(port_->xdp_program(), nullptr);
    const sockaddr_ll wire = {.sll_family = AF_PACKET,
                              .sll_protocol = 0,
                              .sll_ifindex = static_cast<int>(if_nametoindex("v1")),
                              .sll_hatype = 0,
                              .sll_pkttype = 0,
                              .sll_halen = 0,
                              .sll_addr = {}};
    wire_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    ASSERT_EQ(bind(wire_, reinterpret_cast<const sockaddr*>(&wire), sizeof(wire)), 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(kUdpPort);
    kernel_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(bind(kernel_, reinterpret_cast<const sockaddr*>(&here), sizeof(here)), 0);
  }
  void TearDown() override {
    for (const int descriptor : {wire_, kernel_}) {
      if (descriptor >= 0) close(descriptor);
    }
  }

  // A datagram from the other end of the wire, with this number in it.
  void Send(uint16_t number, size_t payload = 100) const {
    Bytes frame = Ipv4(payload);
    ifreq mac{};
    std::strcpy(mac.ifr_name, GetParam());
    ASSERT_EQ(ioctl(kernel_, SIOCGIFHWADDR, &mac), 0);
    std::memcpy(frame.data(), mac.ifr_hwaddr.sa_data, 6);
    frame[6] = 2;
    frame[kIp + 8] = 64;
    const uint8_t source[] = {10, 99, 0, 2};
    std::memcpy(&frame[kIp + 12], source, sizeof(source));
    Put16(&frame, kIp + 28, number);
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2) sum += frame[kIp + i] << 8 | frame[kIp + i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    Put16(&frame, kIp + 10, static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16))));
    ASSERT_EQ(send(wire_, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
  }
  // The number in the next frame of the port's queue, and its length; −1 if none comes.
  int Receive(uint32_t* length = nullptr) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    rte_mbuf* mbuf = nullptr;
    while (rte_eth_rx_burst(port_->Plan(0).port_id, 0, &mbuf, 1) == 0) {
      if (std::chrono::steady_clock::now() > end) return -1;
      std::this_thread::yield();
    }
    const auto* bytes = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    const int number = bytes[kIp + 28] << 8 | bytes[kIp + 29];
    if (length != nullptr) *length = mbuf->pkt_len;
    rte_pktmbuf_free(mbuf);
    return number;
  }
  // The same of the kernel's socket.
  int ReceiveByKernel() const {
    const timeval patience = {1, 0};
    setsockopt(kernel_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    uint8_t bytes[2048];
    if (recv(kernel_, bytes, sizeof(bytes), 0) < 2) return -1;
    return bytes[0] << 8 | bytes[1];
  }
  ClaimMap& claims() { return port_->xdp_program()->claims(); }

  std::unique_ptr<PortSetup> port_;
  int wire_ = -1;
  int kernel_ = -1;
};

TEST_P(XdpReceive, FromClaimToRemoval) {
  Send(1);
  EXPECT_EQ(ReceiveByKernel(), 1);
  ASSERT_TRUE(claims().Add(Key(kAddress)).ok());
  for (int i = 0; i < kFrames; i++) {
    Send(static_cast<uint16_t>(i));
    ASSERT_EQ(Receive(), i);
  }
  uint32_t length = 0;
  Send(2, 1472);
  EXPECT_EQ(Receive(&length), 2);
  EXPECT_EQ(length, 1514u);
  claims().Remove(Key(kAddress));
  Send(3);
  EXPECT_EQ(ReceiveByKernel(), 3);
  EXPECT_EQ(Receive(), -1);
}

// The umem's mbufs wait for a receiver, and what is more is lost: nothing else of the interface is.
TEST_P(XdpReceive, NobodyReceives) {
  ASSERT_TRUE(claims().Add(Key(kAddress)).ok());
  for (int i = 0; i < kFrames; i++) Send(static_cast<uint16_t>(i));
  claims().Remove(Key(kAddress));
  Send(9);
  EXPECT_EQ(ReceiveByKernel(), 9);
  EXPECT_EQ(Receive(), 0);
  int more = 1;
  while (Receive() >= 0) more++;
  EXPECT_EQ(more, 1024);  // the ring's length
}

INSTANTIATE_TEST_SUITE_P(Mode, XdpReceive, testing::Values("v0", "m0"),
                         [](const auto& made) { return made.index == 0 ? "Native" : "Generic"; });

}  // namespace
}  // namespace groupcast
