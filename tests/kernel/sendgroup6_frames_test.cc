// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Each IPv6 frame that leaves by the engine, byte for byte against the frame of the kernel's own
// sendmsg() on the same socket. Excluded are the automatic flow label, which is a secret hash, and
// the id of fragments.
#include <gtest/gtest.h>
#include <linux/in6.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernel/hosts6.h"
#include "tests/kernel/namespaces.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr uint16_t kUdpPort = 5004;
constexpr size_t kIpOffset = 14;
constexpr size_t kNextHeaderOffset = kIpOffset + 6, kDestinationOffset = kIpOffset + 24;
constexpr size_t kFragmentIdOffset = kIpOffset + 40 + 4;
constexpr size_t kHeaders = 48;  // IPv6 and UDP
constexpr size_t kMtu = 1500;

uint32_t LabelOf(const std::string& frame) {
  uint32_t word;
  std::memcpy(&word, frame.data() + kIpOffset, sizeof(word));
  return ntohl(word) & 0xfffff;
}

using Frames = std::map<std::string, std::vector<std::string>>;

// Frames by destination address, without what may differ.
Frames Comparable(const std::vector<std::string>& frames, bool label) {
  Frames by_destination;
  for (std::string frame : frames) {
    if (!label) {
      frame[kIpOffset + 1] = static_cast<char>(frame[kIpOffset + 1] & 0xf0);
      frame.replace(kIpOffset + 2, 2, 2, 0);
    }
    if (frame[kNextHeaderOffset] == IPPROTO_FRAGMENT) frame.replace(kFragmentIdOffset, 4, 4, 0);
    by_destination[frame.substr(kDestinationOffset, 16)].push_back(frame);
  }
  return by_destination;
}

class Sendgroup6Frames : public TwoHosts6 {
 protected:
  void SetUp() override {
    TwoHosts6::SetUp();
    if (IsSkipped()) return;
    tx().Shell("ip address add 2001:db8:63::9/64 dev v0 nodad");
    Attach();
  }

  // Every kind of private data for one payload: absent, odd, even and long, on either side.
  static Groupcast6 AllKinds(size_t shared_length, const sockaddr_in6& first) {
    static constexpr std::pair<size_t, size_t> kPrivate[] = {
        {0, 0}, {1, 0}, {2, 0},  {12, 0},  {13, 0},   {0, 1},    {0, 2},   {0, 7},
        {0, 8}, {1, 1}, {12, 8}, {13, 16}, {12, 255}, {257, 12}, {64, 63}, {300, 301}};
    Groupcast6 groupcast(Pattern(shared_length));
    sockaddr_in6 to = first;
    unsigned seed = 1;
    for (auto [prepend, append] : kPrivate) {
      groupcast.Add(to, Pattern(prepend, seed), Pattern(append, seed + 1));
      to.sin6_addr.s6_addr[15]++, seed++;
    }
    return groupcast;
  }
  static Groupcast6 AllKinds(size_t shared_length) {
    return AllKinds(shared_length, Endpoint6(kBehindGateway6, kUdpPort, 1));
  }

  // Sends once by sendmsg() and once by sendgroup6() and compares frames, errnos, and who sent.
  // `label`: flow labels are compared, too.
  static void Compare(int sd, Groupcast6* groupcast, bool engine, bool label = false) {
    Capture capture(rx(), "v1", AF_INET6);
    Sink6 sink(rx(), kUdpPort);
    size_t frames = 0, by_engine = 0;
    std::vector<int> kernel_errnos;
    for (size_t i = 0; i < groupcast->size(); i++) {
      kernel_errnos.push_back(groupcast->KernelSend(sd, i));
      if (kernel_errnos.back() != 0) continue;
      const giovec6& to = groupcast->buf()->recinfo[i];
      const size_t length = groupcast->buf()->shared.iov_len + to.giov_prepend.iov_len +
                            to.giov_append.iov_len + kHeaders;
      frames += length <= kMtu ? 1 : 2;
      if (length <= kMtu) ++by_engine;
    }
    const std::vector<std::string> captured = capture.Take(frames);
    ASSERT_EQ(captured.size(), frames);
    Frames kernel = Comparable(captured, label);
    Counted counted;
    const int sent = groupcast->Send(sd);
    Frames ours = Comparable(capture.Take(frames), label);

    EXPECT_EQ(groupcast->errnos, kernel_errnos);
    EXPECT_EQ(sent, std::count(kernel_errnos.begin(), kernel_errnos.end(), 0));
    EXPECT_EQ(counted("engine_recipients"), engine ? static_cast<int64_t>(by_engine) : 0);
    ASSERT_EQ(ours.size(), kernel.size());
    for (const auto& [destination, expected] : kernel) {
      const std::vector<std::string>& found = ours[destination];
      const int recipient = destination[15];
      ASSERT_EQ(found.size(), expected.size()) << "recipient " << recipient;
      for (size_t i = 0; i < found.size(); i++) {
        EXPECT_EQ(found[i].size(), expected[i].size()) << "recipient " << recipient;
        EXPECT_TRUE(found[i] == expected[i])
            << "recipient " << recipient << "\n sendgroup6: " << Hex(found[i])
            << "\n sendmsg:    " << Hex(expected[i]);
      }
    }
  }

  // The labels of each recipient's datagrams of two sendgroup6() calls, by its address.
  static std::map<std::string, std::set<uint32_t>> Labels(int sd) {
    Capture capture(rx(), "v1", AF_INET6);
    Sink6 sink(rx(), kUdpPort);
    Groupcast6 groupcast = AllKinds(100);
    EXPECT_EQ(groupcast.Send(sd), static_cast<int>(groupcast.size()));
    EXPECT_EQ(groupcast.Send(sd), static_cast<int>(groupcast.size()));
    const std::vector<std::string> frames = capture.Take(2 * groupcast.size());
    EXPECT_EQ(frames.size(), 2 * groupcast.size());
    std::map<std::string, std::set<uint32_t>> labels;
    for (const std::string& frame : frames) {
      labels[frame.substr(kDestinationOffset, 16)].insert(LabelOf(frame));
    }
    EXPECT_EQ(labels.size(), groupcast.size());
    return labels;
  }

  // One label, not zero, for each. They are hashes: of 16 two are equal once in ten thousand times.
  static void ExpectOneEach(const std::map<std::string, std::set<uint32_t>>& labels) {
    std::set<uint32_t> all;
    for (const auto& [address, of_one] : labels) {
      EXPECT_EQ(of_one.size(), 1u) << Hex(address);
      EXPECT_FALSE(of_one.contains(0)) << Hex(address);
      all.insert(of_one.begin(), of_one.end());
    }
    EXPECT_GE(all.size() + 1, labels.size());
  }
};

class Lengths6 : public Sendgroup6Frames, public testing::WithParamInterface<size_t> {};

TEST_P(Lengths6, AreTheKernelsFrames) {
  Socket sd = BoundSocket6("::", 4000);
  Groupcast6 groupcast = AllKinds(GetParam());
  Compare(sd, &groupcast, true);
}

INSTANTIATE_TEST_SUITE_P(Shared, Lengths6, testing::Values(0, 1, 63, 255, 256, 257, 1000, 1452),
                         testing::PrintToStringParamName());

struct Option {
  const char* name;
  std::function<void(const Socket&)> set;
  bool engine = true;
  bool label = false;  // none is automatic

  friend void PrintTo(const Option& option, std::ostream* out) { *out << option.name; }
};

auto Integer(int level, int option, int value) {
  return [=](const Socket& sd) { sd.Set(level, option, value); };
}

auto Six(int option, int value) { return Integer(IPPROTO_IPV6, option, value); }

void BindToDevice(const Socket& sd) {
  ASSERT_EQ(setsockopt(sd, SOL_SOCKET, SO_BINDTODEVICE, "v0", 2), 0);
}

class Options6 : public Sendgroup6Frames, public testing::WithParamInterface<Option> {};

TEST_P(Options6, AreTheKernelsFrames) {
  Socket sd = BoundSocket6("::", 4001);
  GetParam().set(sd);
  for (size_t length : {0, 255, 1000, 1400}) {
    SCOPED_TRACE(length);
    Groupcast6 groupcast = AllKinds(length);
    Compare(sd, &groupcast, GetParam().engine, GetParam().label);
  }
}

// An option that is set later counts after groupcast_refresh(), at once.
TEST_P(Options6, CountAfterRefresh) {
  Socket sd = BoundSocket6("::", 4002);
  Groupcast6 groupcast = AllKinds(500);
  Compare(sd, &groupcast, true);
  GetParam().set(sd);
  ASSERT_EQ(groupcast_refresh(sd), 0);
  Compare(sd, &groupcast, GetParam().engine, GetParam().label);
}

INSTANTIATE_TEST_SUITE_P(
    Socket, Options6,
    testing::Values(Option{"Hops", Six(IPV6_UNICAST_HOPS, 7)},
                    Option{"HopsOfTheDefault", Six(IPV6_UNICAST_HOPS, 64)},
                    Option{"TrafficClass", Six(IPV6_TCLASS, 0xb9)},
                    Option{"PmtuDont", Six(IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT)},
                    Option{"PmtuWant", Six(IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT)},
                    Option{"PmtuDo", Six(IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO)},
                    Option{"PmtuProbe", Six(IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)},
                    Option{"PmtuInterface", Six(IPV6_MTU_DISCOVER, IPV6_PMTUDISC_INTERFACE)},
                    Option{"PmtuOmit", Six(IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT)},
                    Option{"DontFragment", Six(IPV6_DONTFRAG, 1)},
                    Option{"NoLabel", Six(IPV6_AUTOFLOWLABEL, 0), true, true},
                    Option{"FlowInformation", Six(IPV6_FLOWINFO_SEND, 1)},
                    Option{"RecvErr", Six(IPV6_RECVERR, 1)}, Option{"BindToDevice", BindToDevice},
                    Option{"Mark", Integer(SOL_SOCKET, SO_MARK, 77)},
                    // IPv4's, which change nothing here.
                    Option{"Ttl", Integer(IPPROTO_IP, IP_TTL, 9)},
                    Option{"Tos", Integer(IPPROTO_IP, IP_TOS, 0xb8)},
                    Option{"NoChecksum", Integer(IPPROTO_UDP, UDP_NO_CHECK6_TX, 1), false},
                    Option{"PreferTemporary", Six(IPV6_ADDR_PREFERENCES, IPV6_PREFER_SRC_TMP),
                           false}),
    [](const auto& row) { return row.param.name; });

struct Source {
  const char* name;
  const char* bound;
  bool engine = true;

  friend void PrintTo(const Source& source, std::ostream* out) { *out << source.name; }
};

class Sources6 : public Sendgroup6Frames, public testing::WithParamInterface<Source> {};

TEST_P(Sources6, AreTheKernelsFrames) {
  Socket sd = BoundSocket6(GetParam().bound, 4003);
  for (const char* first : {kBehindGateway6, kOnLink6}) {
    SCOPED_TRACE(first);
    Groupcast6 groupcast = AllKinds(700, Endpoint6(first, kUdpPort, 1));
    Compare(sd, &groupcast, GetParam().engine);
  }
}

INSTANTIATE_TEST_SUITE_P(Bound, Sources6,
                         testing::Values(Source{"Any", "::"}, Source{"First", kTxAddress6},
                                         Source{"Second", "2001:db8:63::9"},
                                         // The source is then another address.
                                         Source{"Multicast", "ff0e::1:5", false}),
                         [](const auto& row) { return row.param.name; });

TEST_F(Sendgroup6Frames, WithExtensionHeadersAreTheKernels) {
  Sink6 sink(rx(), kUdpPort);
  for (const int option : {IPV6_HOPOPTS, IPV6_DSTOPTS, IPV6_RTHDRDSTOPTS}) {
    Socket sd = BoundSocket6("::", 4001);
    Groupcast6 groupcast = AllKinds(500);
    ASSERT_EQ(groupcast.Send(sd), static_cast<int>(groupcast.size()));
    ASSERT_EQ(sink.Receive(groupcast.size()).size(), groupcast.size());
    const uint8_t padding[8] = {0, 0, 1, 4, 0, 0, 0, 0};  // PadN
    ASSERT_EQ(setsockopt(sd, IPPROTO_IPV6, option, padding, sizeof(padding)), 0)
        << std::strerror(errno);
    ASSERT_EQ(groupcast_refresh(sd), 0);
    Counted counted;
    EXPECT_EQ(groupcast.Send(sd), static_cast<int>(groupcast.size()));
    EXPECT_EQ(counted("engine_recipients"), 0) << option;
    EXPECT_EQ(sink.Receive(groupcast.size()).size(), groupcast.size());
  }
}

TEST_F(Sendgroup6Frames, ToALinkLocalAddress) {
  Socket sd = BoundSocket6("::", 4004);
  for (const bool bound : {false, true}) {
    Groupcast6 groupcast(Pattern(300));
    groupcast.Add(Endpoint6(kRxLinkLocal, kUdpPort, 0, Scope()), "a", "bc");
    if (bound) {
      BindToDevice(sd);
      ASSERT_EQ(groupcast_refresh(sd), 0);
      groupcast.Add(Endpoint6(kRxLinkLocal, kUdpPort), "a", "bc");
    }
    Compare(sd, &groupcast, true);
  }
  // Without an interface it is the kernel that chooses one.
  Socket unbound = BoundSocket6("::", 4005);
  Groupcast6 groupcast(Pattern(300));
  groupcast.Add(Endpoint6(kRxLinkLocal, kUdpPort));
  Compare(unbound, &groupcast, false);
}

TEST_F(Sendgroup6Frames, OfAConnectedSocket) {
  Socket sd = BoundSocket6("::", 4004);
  const sockaddr_in6 peer = Endpoint6(kBehindGateway6, 9, 999);
  ASSERT_EQ(connect(sd, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)), 0);
  Groupcast6 groupcast = AllKinds(700);
  Compare(sd, &groupcast, true);
}

// Until a socket says otherwise its hop limit is that of the peer's route, for getsockopt() only.
TEST_F(Sendgroup6Frames, OfASocketWhosePeersRouteHasAHopLimit) {
  tx().Shell("ip -6 route add 2001:db8:c9::/48 via " + std::string(kRxAddress6) + " hoplimit 7");
  for (const uint16_t udp_port : {9, 0}) {  // getpeername() does not tell of the latter
    SCOPED_TRACE(udp_port);
    Socket sd = BoundSocket6("::", 4010);
    const sockaddr_in6 peer = Endpoint6("2001:db8:c9::1", udp_port);
    ASSERT_EQ(connect(sd, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)), 0);
    Groupcast6 groupcast = AllKinds(300);
    Compare(sd, &groupcast, false);
  }
}

// The label of a flow is one of its own, and stays.
TEST_F(Sendgroup6Frames, HaveOneLabelPerFlow) {
  constexpr uint32_t kStateless = 0x80000;
  Socket sd = BoundSocket6("::", 4006), off = BoundSocket6("::", 4007),
         on = BoundSocket6("::", 4008);
  off.Set(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
  on.Set(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1);
  auto expect = [](int socket, bool automatic) {
    ASSERT_EQ(groupcast_refresh(socket), 0);
    Counted counted;
    const auto labels = Labels(socket);
    EXPECT_EQ(counted("engine_recipients"), static_cast<int64_t>(2 * labels.size()));
    if (automatic) {
      ExpectOneEach(labels);
    } else {
      for (const auto& [address, of_one] : labels) EXPECT_EQ(of_one, std::set<uint32_t>{0});
    }
  };
  const int expected[][3] = {{0, 0, 0}, {1, 0, 1}, {0, 0, 1}, {1, 1, 1}};  // sd, off, on
  for (int sysctl = 0; sysctl < 4; sysctl++) {
    SCOPED_TRACE(sysctl);
    tx().Sysctl("ipv6/auto_flowlabels", sysctl);
    expect(sd, expected[sysctl][0] != 0);
    expect(off, expected[sysctl][1] != 0);
    expect(on, expected[sysctl][2] != 0);
  }
  tx().Sysctl("ipv6/auto_flowlabels", 1);
  tx().Sysctl("ipv6/flowlabel_state_ranges", 1);
  ASSERT_EQ(groupcast_refresh(sd), 0);
  const auto labels = Labels(sd);
  tx().Sysctl("ipv6/flowlabel_state_ranges", 0);
  ExpectOneEach(labels);
  for (const auto& [address, of_one] : labels) EXPECT_NE(*of_one.begin() & kStateless, 0u);
}

// A router's advertisement may set an interface's own hop limit, which the sysctl stands for here.
TEST_F(Sendgroup6Frames, HaveTheHopLimitOfTheInterface) {
  ASSERT_EQ(groupcast_detach(), 0);
  tx().Sysctl("ipv6/conf/v0/hop_limit", 33);
  Attach();
  Socket sd = BoundSocket6("::", 4009);
  Groupcast6 groupcast = AllKinds(300);
  // 64, the default of all, may have been set or not: only the kernel knows.
  Compare(sd, &groupcast, false);
  sd.Set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
  ASSERT_EQ(groupcast_refresh(sd), 0);
  Compare(sd, &groupcast, true);
  sd.Set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64);
  ASSERT_EQ(groupcast_refresh(sd), 0);
  Compare(sd, &groupcast, false);
}

}  // namespace
}  // namespace groupcast
