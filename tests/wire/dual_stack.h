// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <rte_ether.h>
#include <rte_ip.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tests/wire/group_wire.h"

namespace groupcast {

struct Shape {
  size_t prepend, append;
};
// Absent, odd, even and long, on either side.
inline constexpr Shape kShapes[] = {{0, 0}, {1, 0},  {12, 0}, {7, 0},    {0, 1},
                                    {0, 8}, {7, 10}, {12, 3}, {100, 101}};

// A socket that sends to both families. Recipients are told apart by number, which their UDP ports
// tell.
class DualStackTest : public WireTest {
 protected:
  static constexpr uint16_t kFirstUdpPort = 5000;

  void SetUp() override {
    WireTest::SetUp();
    sd6_ = BoundSocket6();
    sockaddr_in6 bound{};
    socklen_t len = sizeof(bound);
    getsockname(sd6_, reinterpret_cast<sockaddr*>(&bound), &len);
    from4_ = Address(kSource, ntohs(bound.sin6_port));
    from6_ = Address6(kSource6, ntohs(bound.sin6_port));
  }
  void TearDown() override {
    WireTest::TearDown();
    close(sd6_);
  }

  int sd6() const { return sd6_; }
  const sockaddr_in6& from6() const { return from6_; }

  static Recipient Four(uint32_t number) {
    const std::string address =
        "10.7." + std::to_string(number / 200) + "." + std::to_string(1 + number % 200);
    return Recipient(Address(address, static_cast<uint16_t>(kFirstUdpPort + number)), number);
  }
  static Recipient Six(uint32_t number) {
    const std::string address = "fd00::7:" + std::to_string(number);
    return Recipient(Address6(address, static_cast<uint16_t>(kFirstUdpPort + number)), number);
  }
  // Every other one of the other family.
  static Recipient Either(uint32_t number) { return number % 2 == 0 ? Four(number) : Six(number); }
  static std::vector<Recipient> Many(uint32_t count) {
    std::vector<Recipient> members;
    for (uint32_t i = 0; i < count; i++) members.push_back(Either(i));
    return members;
  }

  // What the kernel says to `len` bytes for `to`: it has no route in this namespace.
  int KernelError(const Recipient& to, size_t len) const {
    const std::string bytes(len, 'x');
    const ssize_t sent =
        sendto(sd6_, bytes.data(), len, 0, reinterpret_cast<const sockaddr*>(&to.address()),
               sizeof(sockaddr_in6));
    EXPECT_EQ(sent, -1);
    return errno;
  }

  // What leaves for `to` with the socket's defaults.
  std::string Expected(const Recipient& to, const std::string& datagram, uint16_t vlan = 0) const {
    const std::string frame = to.is_ipv4()
                                  ? ExpectedFrame(from4_, to.ipv4(), 64, 0, true, 0, datagram)
                                  : ExpectedFrame6(from6_, to.address(), 64, 0, 0, datagram);
    return vlan != 0 ? Tagged(frame, vlan) : frame;
  }

  static uint32_t NumberOf(const std::string& frame) {
    const auto type = [&](size_t at) {
      return static_cast<uint8_t>(frame[at]) << 8 | static_cast<uint8_t>(frame[at + 1]);
    };
    size_t ip = sizeof(rte_ether_hdr);
    if (type(ip - 2) == RTE_ETHER_TYPE_VLAN) ip += sizeof(rte_vlan_hdr);
    const size_t udp =
        ip + (type(ip - 2) == RTE_ETHER_TYPE_IPV6 ? sizeof(rte_ipv6_hdr) : sizeof(rte_ipv4_hdr));
    return static_cast<uint32_t>(type(udp + 2)) - kFirstUdpPort;
  }

  // `count` frames by their recipients' numbers. The caller frees them.
  std::map<uint32_t, rte_mbuf*> TakeByNumber(size_t count) {
    std::map<uint32_t, rte_mbuf*> frames;
    for (rte_mbuf* frame : TakeAll(count)) {
      EXPECT_EQ(rte_mbuf_check(frame, 1, nullptr), 0);
      const uint32_t number = NumberOf(FrameOf(frame));
      EXPECT_TRUE(frames.emplace(number, frame).second) << "twice: " << number;
    }
    return frames;
  }

 private:
  int sd6_ = -1;
  sockaddr_in from4_{};
  sockaddr_in6 from6_{};
};

}  // namespace groupcast
