// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_world.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <numeric>
#include <sstream>

#include "groupcast/sendgroup.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

using Answers = AddressClass::Answers;

// Of each link's prefix 10.LINK.0.0/16.
constexpr uint32_t kPermanent = 64 << 8, kUnanswered = 32 << 8, kResolvable = 128 << 8;
// How many of each there are: the kernel collects its neighbours' garbage from 128 on.
constexpr uint32_t kNeighbours = 8;
constexpr useconds_t kFollowUs = 30000;  // that a change of a link takes to reach the engine

constexpr uint32_t OnLink(uint32_t link, uint32_t offset) { return Ip(10, link, 0, 0) + offset; }

std::vector<AddressClass> Ipv4Classes() {
  return {
      {"on-link, permanent neighbour", 12, OnLink(0, kPermanent), kNeighbours},
      {"on-link of l1", 8, OnLink(1, kPermanent), kNeighbours},
      {"on-link of l2", 8, OnLink(2, kPermanent), kNeighbours, Answers::kNothing, true},
      {"on-link, resolved", 12, OnLink(0, kResolvable), kNeighbours},
      {"on-link of l1, resolved", 8, OnLink(1, kResolvable), kNeighbours},
      {"behind a gateway", 24, Ip(10, 100, 0, 0), 1 << 16},
      {"behind a gateway of l1", 16, Ip(10, 101, 0, 0), 1 << 16},
      {"behind a gateway of l2", 16, Ip(10, 102, 0, 0), 1 << 16, Answers::kNothing, true},
      {"behind a permanent gateway", 8, Ip(10, 110, 0, 0), 1 << 16},
      {"on-link, unanswered", 2, OnLink(0, kUnanswered), 4, Answers::kNoSolicit},
      {"behind an unanswered gateway", 2, Ip(10, 120, 0, 0), 64, Answers::kNoSolicit},
      {"out of no port", 3, OnLink(3, kPermanent), kNeighbours},
      {"behind a gateway out of no port", 3, Ip(10, 103, 0, 0), 1 << 16},
      {"route with an MTU of 1300", 4, Ip(10, 130, 0, 0), 1 << 16},
      {"route with a locked MTU of 1000", 4, Ip(10, 131, 0, 0), 1 << 16},
      {"route with an MTU of 600", 4, Ip(10, 132, 0, 0), 1 << 16, Answers::kNothing, true},
      {"on-link route with a locked MTU of 1200", 3, OnLink(1, 70 << 8), kNeighbours},
      {"route with a hop limit", 3, Ip(10, 134, 0, 0), 1 << 16},
      {"route with a source", 5, Ip(10, 135, 0, 0), 1 << 16},
      {"route for a TOS", 5, Ip(10, 136, 0, 0), 1 << 16},
      {"route over two links", 5, Ip(10, 137, 0, 0), 1 << 16},
      {"route by a policy", 10, Ip(10, 138, 0, 0), 1 << 16},
      {"blackhole", 2, Ip(10, 201, 0, 0), 1 << 16},
      {"unreachable", 2, Ip(10, 202, 0, 0), 1 << 16},
      {"prohibit", 2, Ip(10, 203, 0, 0), 1 << 16},
      {"throw", 2, Ip(10, 204, 0, 0), 1 << 16},
      {"no route but a default one", 4, Ip(192, 0, 2, 0), 256},
      {"class E", 1, Ip(240, 0, 0, 1), 16},
      {"loopback", 1, Ip(127, 0, 0, 1), 1 << 16, Answers::kErrors},
      {"own address", 1, OnLink(0, 1), 1, Answers::kErrors},
      {"own address of l2", 1, OnLink(2, 1), 1, Answers::kErrors},
      {"this host", 1, 0, 1, Answers::kErrors},
      {"this network", 1, Ip(0, 1, 2, 0), 8},
      {"limited broadcast", 2, INADDR_BROADCAST, 1},
      {"broadcast", 2, Ip(10, 0, 255, 255), 1},
      {"broadcast of l1", 1, Ip(10, 1, 255, 255), 1},
      {"broadcast out of no port", 1, Ip(10, 3, 255, 255), 1},
      {"address of the network", 1, Ip(10, 0, 0, 0), 1, Answers::kNoSolicit},
      {"multicast with a route", 2, Ip(239, 1, 2, 0), 8},
      {"multicast on the link", 1, Ip(224, 0, 0, 5), 2},
      {"multicast", 1, Ip(233, 5, 5, 0), 8},
  };
}

}  // namespace

void Address::SetUdpPort(uint16_t udp_port) {
  // In the same place for both families.
  reinterpret_cast<sockaddr_in*>(&bytes)->sin_port = htons(udp_port);
}

Address Ipv4Address(uint32_t host_order, uint16_t udp_port) {
  Address address;
  const sockaddr_in made = Endpoint(host_order, udp_port);
  std::memcpy(&address.bytes, &made, sizeof(made));
  address.length = sizeof(made);
  return address;
}

Epoch::Epoch(uint64_t seed, uint64_t epoch) : number(epoch) {
  Random random(seed ^ 0xe90c4, epoch);
  constexpr uint32_t kMtus[][kPorts] = {{1500, 1280, 9000}, {1500, 1500, 1280},
                                        {1280, 9000, 1500}, {9000, 1500, 1500},
                                        {1500, 1300, 9000}, {1500, 1500, 65535}};
  for (size_t i = 0, set = random.Below(std::size(kMtus)); i < kPorts; i++) mtu[i] = kMtus[set][i];
  mtu[kPorts] = 1500;
  later_mtu = mtu;
  if (random.Percent(40)) {
    uint32_t& changed = later_mtu[random.Below(kPorts)];
    changed =
        random.Of<uint32_t>({1280, 1400, changed - 4, changed + 100 < 9100 ? changed + 100 : 1500});
  }
  // The first ones have one of everything, so that the shortest run does.
  engine = epoch % 16 != 3;
  egress_policy = epoch % 16 == 5;
  carrier = epoch % 8 != 1;
  default_route = random.Percent(50);
  multipath_hash = random.Below(2u);
  if (random.Percent(30)) ports = ",framecnt=" + std::to_string(random.Of({64, 256, 1024}));
  // A frame of 64 KiB in each place of a long ring is more than the memory of a small machine.
  if (mtu[2] == 65535) ports = ",framecnt=64";
  if (random.Percent(30)) more += "idle: poll\n";
  if (random.Percent(30)) more += "lcores: [0, 1]\n";
  more += "resolver: {wait_ms: 20, routes: ";
  more += epoch % 16 == 2 ? "64" : "262144";
  more += "}\n";
}

std::string Epoch::Description() const {
  std::ostringstream text;
  text << "epoch " << number << ": MTUs";
  for (size_t i = 0; i < kLinks; i++) text << " " << mtu[i] << "/" << later_mtu[i];
  text << (engine ? "" : ", no engine") << (carrier ? "" : ", no carrier on l2")
       << (default_route ? ", default route" : "") << (egress_policy ? ", egress policy" : "")
       << ", multipath hash " << multipath_hash << ", ports" << ports << ", " << more;
  return text.str();
}

World::World() {
  if (tx_.error() != 0) return;
  MakeLinks();
  MakeRoutes();
}

void World::MakeLinks() {
  for (size_t i = 0; i < kLinks; i++) {
    const std::string n = std::to_string(i), l = "l" + n, p = "p" + n;
    std::ostringstream script;
    script << "ip link add " << l << " address 02:00:00:00:01:0" << n << " type veth peer name "
           << p << " address 02:00:00:00:02:0" << n << " netns "
           << rx_.Path()
           // Checksums of the kernel's own datagrams are then as full as ours.
           << " && ethtool -K " << l << " tx off && ip address add 10." << n << ".0.1/16 dev " << l
           << " brd + && ip address add 10." << n << ".0.9/16 dev " << l << " brd +"
           << " && ip link set " << l << " up";
    for (uint32_t k = 0; k < kNeighbours; k++) {
      for (int place : {64, 70}) {
        script << " && ip neighbour add 10." << n << "." << place << "." << k
               << " lladdr 02:00:00:" << n << n << ":" << place << ":0" << k << " dev " << l
               << " nud permanent";
      }
    }
    tx_.Shell(script.str());
    rx_.Shell("ip address add 10." + n + ".0.254/32 dev " + p + " && ip link set " + p +
              " mtu 65535 up && ip route add local 10." + n + ".128.0/17 dev " + p);
    // What waits for a neighbour that never answers is soon given up.
    tx_.Sysctl("ipv4/neigh/" + l + "/retrans_time_ms", 50);
    tx_.Sysctl("ipv4/neigh/" + l + "/mcast_solicit", 1);
  }
}

void World::MakeRoutes() {
  std::ostringstream script;
  const auto add = [&script](const std::string& what) {
    script << "ip " << what << " || exit 1\n";
  };
  for (int i = 0; i < 4; i++) {
    const std::string n = std::to_string(i);
    add("route add 10.10" + n + ".0.0/16 via 10." + n + ".0.254");
    add("route add 10.11" + n + ".0.0/16 via 10." + n + ".64.1");
  }
  add("route add 10.120.0.0/16 via 10.0.32.200");
  add("route add 10.130.0.0/16 via 10.0.0.254 mtu 1300");
  add("route add 10.131.0.0/16 via 10.0.0.254 mtu lock 1000");
  add("route add 10.132.0.0/16 via 10.2.0.254 mtu 600");
  add("route add 10.1.70.0/24 dev l1 mtu lock 1200");
  add("route add 10.134.0.0/16 via 10.0.0.254 hoplimit 7");
  add("route add 10.135.0.0/16 via 10.0.0.254 src 10.0.0.9");
  add("route add 10.136.0.0/16 via 10.0.0.254");
  add("route add 10.136.0.0/16 tos 0x10 via 10.1.0.254");
  add("route add 10.137.0.0/16 nexthop via 10.0.0.254 nexthop via 10.1.64.1 weight 2");
  add("route add 10.138.0.0/16 via 10.0.64.2");
  add("route add blackhole 10.201.0.0/16");
  add("route add unreachable 10.202.0.0/16");
  add("route add prohibit 10.203.0.0/16");
  add("route add throw 10.204.0.0/16");
  add("route add 239.0.0.0/8 dev l0");
  // Policies: each sends 10.138.0.0/16 another way.
  const char* const kRules[] = {
      "fwmark 7", "uidrange 12345-12345",          "tos 0x08",   "from 10.0.0.9",
      "oif l2",   "ipproto udp sport 20000-20031", "dport 7000", "ipproto tcp"};
  int table = 300;
  for (const char* rule : kRules) {
    const std::string t = std::to_string(++table), n = std::to_string(table % 3);
    add("rule add " + std::string(rule) + " lookup " + t);
    add("route add 10.138.0.0/16 via 10." + n + ".64." + std::to_string(table % 8) + " table " + t);
  }
  tx_.Shell(script.str());
}

void World::Begin(const Epoch& epoch) {
  groupcast_detach();
  std::ostringstream script;
  for (size_t i = 0; i < kLinks; i++) {
    script << "ip link set l" << i << " mtu " << epoch.mtu[i] << " && ip neighbour flush dev l" << i
           << " && ";
  }
  script
      << "{ ip route del default 2>/dev/null; ip xfrm policy flush; ip route flush cache; true; }";
  if (epoch.default_route) script << " && ip route add default via 10.0.0.254";
  if (epoch.egress_policy) {
    script << " && ip xfrm policy add src 10.77.0.1/32 dst 10.78.0.1/32 dir out";
  }
  tx_.Shell(script.str());
  rx_.Shell(epoch.carrier ? "ip link set p2 up; ip route replace local 10.2.128.0/17 dev p2"
                          : "ip link set p2 down");
  tx_.Sysctl("ipv4/fib_multipath_hash_policy", static_cast<int>(epoch.multipath_hash));
  usleep(kFollowUs);
  if (!epoch.engine) return;
  std::string text = "memory: {hugepages: off}\n" + epoch.more + "ports:\n";
  for (size_t i = 0; i < kPorts; i++) {
    const std::string n = std::to_string(i);
    text += "  - {name: lan" + n + ", device: \"net_af_packet" + n + ",iface=l" + n + epoch.ports +
            "\"}\n";
  }
  ASSERT_EQ(groupcast_attach(TwoHosts::WriteFile(text).c_str()), 0)
      << std::strerror(errno) << ": " << groupcast_last_error() << "\n"
      << text;
}

void World::ChangeMtus(const Epoch& epoch) {
  std::string script = "true";
  for (size_t i = 0; i < kLinks; i++) {
    if (epoch.mtu[i] == epoch.later_mtu[i]) continue;
    script +=
        " && ip link set l" + std::to_string(i) + " mtu " + std::to_string(epoch.later_mtu[i]);
  }
  if (script == "true") return;
  tx_.Shell(script);
  usleep(kFollowUs);
}

const std::vector<AddressClass>& World::Classes() {
  static const std::vector<AddressClass> classes = Ipv4Classes();
  return classes;
}

const AddressClass& World::RandomClass(Random* random) {
  static const unsigned total =
      std::accumulate(Classes().begin(), Classes().end(), 0u,
                      [](unsigned sum, const AddressClass& one) { return sum + one.weight; });
  unsigned place = random->Below(total);
  for (const AddressClass& one : Classes()) {
    if (place < one.weight) return one;
    place -= one.weight;
  }
  return Classes().front();
}

}  // namespace groupcast
