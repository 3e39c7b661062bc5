// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_world.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "groupcast/sendgroup.h"
#include "tests/kernel/differential_addresses.h"
#include "tests/kernel/differential_random.h"
#include "tests/kernel/traffic.h"

namespace groupcast {
namespace {

constexpr useconds_t kFollowUs = 30000;  // that a change of a link takes to reach the engine
constexpr int kCarrierPatienceMs = 5000;

}  // namespace

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
    changed = random.Of<uint32_t>(
        {1280, 1400, changed > 1284 ? changed - 4 : 1280, changed < 9000 ? changed + 100 : 1500});
  }
  // The first ones have one of everything, so that the shortest run does.
  engine = epoch % 64 != 3;
  egress_policy = epoch % 64 == 5;
  carrier = epoch % 8 != 1;
  default_route = random.Percent(50);
  // IPv6 prefers it to the route of a gateway that does not answer, as soon as that is known.
  default_route6 = default_route && carrier;
  multipath_hash = random.Below(2u);
  auto_flow_labels = random.Percent(50) ? 1 : random.Below(4);
  flow_label_ranges = random.Percent(30);
  // Where it is none of the routes', the kernel has most of IPv6.
  hop_limit = random.Percent(90) ? 64 : World::kHopLimit;
  hop_limit_of_l1 = random.Percent(75) ? 64 : random.Of({World::kHopLimit, 50});
  if (random.Percent(30)) ports = ",framecnt=" + std::to_string(random.Of({64, 256, 1024}));
  // A frame of 64 KiB in each place of a long ring is more than the memory of a small machine.
  if (mtu[2] == 65535) ports = ",framecnt=64";
  if (random.Percent(30)) more += "idle: poll\n";
  if (random.Percent(30)) more += "lcores: [0, 1]\n";
  more += "resolver: {wait_ms: 5, routes: ";
  more += epoch % 64 == 2 ? "64" : "262144";
  more += "}\n";
}

std::string Epoch::Description() const {
  std::ostringstream text;
  text << "epoch " << number << ": MTUs";
  for (size_t i = 0; i < kLinks; i++) text << " " << mtu[i] << "/" << later_mtu[i];
  text << (engine ? "" : ", no engine") << (carrier ? "" : ", no carrier on l2")
       << (default_route ? ", default route" : "") << (default_route6 ? " of IPv6, too" : "")
       << (egress_policy ? ", egress policy" : "") << ", multipath hash " << multipath_hash
       << ", automatic flow labels " << auto_flow_labels << (flow_label_ranges ? " in ranges" : "")
       << ", hop limits " << hop_limit << " and, of l1, " << hop_limit_of_l1 << ", ports" << ports
       << ", " << more;
  return text.str();
}

World::World() {
  if (tx_.error() != 0) return;
  for (const NetworkNamespace* host : {&tx_, &rx_}) {
    for (const auto& [name, value] : {std::pair{"default/disable_ipv6", 0},
                                      {"all/disable_ipv6", 0},
                                      {"default/accept_dad", 0},
                                      {"default/accept_ra", 0},
                                      {"default/router_solicitations", 0},
                                      {"default/addr_gen_mode", 1}}) {
      host->Sysctl("ipv6/conf/" + std::string(name), value);
    }
  }
  for (size_t i = 0; i < kLinks; i++) MakeLink(i);
  MakeRoutes();
}

void World::MakeLink(size_t link) {
  const std::string n = std::to_string(link), l = LinkName(link), p = "p" + n;
  std::ostringstream script, answers;
  script << "set -e\nip link add " << l << " address 02:00:00:00:01:0" << n
         << " type veth peer name " << p << " address 02:00:00:00:02:0" << n << " netns "
         << rx_.Path()
         // Checksums of the kernel's own datagrams are then as full as ours.
         << "\nethtool -K " << l << " tx off\nip link set " << l << " up\n";
  for (int host : {1, 9}) {
    script << "ip address add 10." << n << ".0." << host << "/16 dev " << l << " brd +\n"
           << "ip address add fd00:" << n << "::" << host << "/64 dev " << l << " nodad\n";
  }
  script << "ip address add fe80::1/64 dev " << l << " nodad\n";
  answers << "set -e\nip link set " << p << " mtu 65535 up\nip address add 10." << n
          << ".0.254/32 dev " << p << "\nip route add local 10." << n << ".128.0/17 dev " << p
          << "\nsysctl -qw net.ipv6.conf." << p << ".keep_addr_on_down=1\n";
  for (const std::string& address : {"fd00:" + n + "::fe", std::string("fe80::fe")}) {
    answers << "ip address add " << address << "/128 dev " << p << " nodad\n";
  }
  for (uint32_t k = 0; k < kNeighbours; k++) {
    answers << "ip address add fd00:" << n << "::1:" << k << "/128 dev " << p << " nodad\n";
    int kind = 0;
    for (const std::string& address : {"10." + n + ".64.", "10." + n + ".70.", "fd00:" + n + "::2:",
                                       std::string("fe80::2:"), std::string("fd13::")}) {
      script << "ip neighbour add " << address << k << " lladdr 02:00:00:0" << ++kind << ":0" << n
             << ":0" << k << " dev " << l << " nud permanent\n";
    }
  }
  tx_.Shell(script.str());
  rx_.Shell(answers.str());
  // What waits for a neighbour that never answers is soon given up.
  for (const char* family : {"ipv4", "ipv6"}) {
    tx_.Sysctl(family + std::string("/neigh/") + l + "/retrans_time_ms", 50);
    tx_.Sysctl(family + std::string("/neigh/") + l + "/mcast_solicit", 1);
  }
}

void World::MakeRoutes() {
  std::ostringstream script;
  script << "set -e\n";
  const auto add = [&script](const std::string& what) {
    script << "ip route add " << what << "\n";
  };
  for (const char* n : {"0", "1", "2", "3"}) {
    const std::string link = n;
    add("10.10" + link + ".0.0/16 via 10." + link + ".0.254");
    add("fd01:" + link + "::/64 via fd00:" + link + "::fe");
  }
  add("10.110.0.0/16 via 10.0.64.1");
  add("10.120.0.0/16 via 10.0.32.200");
  add("10.130.0.0/16 via 10.0.0.254 mtu 1300");
  add("10.131.0.0/16 via 10.0.0.254 mtu lock 1000");
  add("10.132.0.0/16 via 10.2.0.254 mtu 600");
  add("10.1.70.0/24 dev l1 mtu lock 1200");
  const std::string hop_limit = std::to_string(kRouteHopLimit);
  add("10.134.0.0/16 via 10.0.0.254 hoplimit " + hop_limit);
  add("10.135.0.0/16 via 10.0.0.254 src 10.0.0.9");
  add("10.136.0.0/16 via 10.0.0.254");
  add("10.136.0.0/16 tos 0x10 via 10.1.0.254");
  add("10.137.0.0/16 nexthop via 10.0.0.254 nexthop via 10.1.64.1 weight 2");
  add("10.138.0.0/16 via 10.0.64.2");
  add("239.0.0.0/8 dev l0");
  add("fd02::/64 via fd00::2:1");
  add("fd03::/64 via fe80::fe dev l0");
  add("fd04::/64 via fd00::3:99");
  add("fd10::/64 via fd00::fe mtu 1300");
  add("fd11::/64 via fd00::fe mtu lock 1280");
  add("fd12::/64 via fd00:2::fe mtu 1400");
  add("fd13::/64 dev l1 mtu 1290");
  add("fd14::/64 via fd00::fe hoplimit " + hop_limit);
  add("fd15::/64 via fd00::fe src fd00::9");
  add("fd17::/64 nexthop via fd00::fe nexthop via fd00:1::2:1 weight 2");
  add("fd18::/64 via fd00::2:2");
  int place = 1;
  for (const char* refusal : {"blackhole", "unreachable", "prohibit", "throw"}) {
    add(std::string(refusal) + " 10.20" + std::to_string(place) + ".0.0/16");
    add(std::string(refusal) + " fd2" + std::to_string(place++) + "::/64");
  }
  // Policies: each sends 10.138.0.0/16 and fd18::/64 another way.
  const char* const kRules[][2] = {
      {"fwmark 7", "fwmark 7"},
      {"uidrange 12345-12345", "uidrange 12345-12345"},
      {"tos 0x08", "tos 0x08"},
      {"from 10.0.0.9", "from fd00::9"},
      {"oif l2", "oif l2"},
      {"ipproto udp sport 20000-20031", "ipproto udp sport 20000-20031"},
      {"dport 7000", "dport 7000"},
      {"ipproto tcp", "ipproto tcp"}};
  int table = 300;
  for (const auto& [four, six] : kRules) {
    const std::string t = std::to_string(++table), n = std::to_string(table % 3),
                      k = std::to_string(table % 8);
    script << "ip rule add " << four << " lookup " << t << "\nip -6 rule add " << six << " lookup "
           << t << "\n";
    add("10.138.0.0/16 via 10." + n + ".64." + k + " table " + t);
    add("fd18::/64 via fd00:" + n + "::2:" + k + " table " + t);
  }
  tx_.Shell(script.str());
}

void World::AwaitCarrier(bool wanted) {
  const int sd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::strcpy(request.ifr_name, "l2");
  int waited_ms = 0;
  // The kernel may think about it for a second.
  while (ioctl(sd, SIOCGIFFLAGS, &request) == 0 &&
         ((request.ifr_flags & IFF_RUNNING) != 0) != wanted) {
    ASSERT_LT(waited_ms++, kCarrierPatienceMs) << "l2's carrier stays as it is";
    usleep(1000);
  }
  close(sd);
}

void World::Begin(const Epoch& epoch) {
  groupcast_detach();
  std::ostringstream script;
  script
      << "ip route del default 2>&-; ip -6 route del default 2>&-; ip xfrm policy flush\nset -e\n";
  for (size_t i = 0; i < kLinks; i++) {
    script << "ip link set l" << i << " mtu " << epoch.mtu[i] << "\nip neighbour flush dev l" << i
           << "\n";
  }
  if (epoch.default_route) {
    script << "ip route add default via 10.0.0.254\n";
  }
  if (epoch.default_route6) script << "ip route add ::/0 via fd00::fe\n";
  if (epoch.egress_policy) {
    script << "ip xfrm policy add src 10.77.0.1/32 dst 10.78.0.1/32 dir out\n";
  }
  tx_.Shell(script.str());
  rx_.Shell(epoch.carrier ? "ip link set p2 up; ip route replace local 10.2.128.0/17 dev p2"
                          : "ip link set p2 down");
  for (const char* family : {"ipv4", "ipv6"}) {
    tx_.Sysctl(std::string(family) + "/fib_multipath_hash_policy",
               static_cast<int>(epoch.multipath_hash));
  }
  tx_.Sysctl("ipv6/auto_flowlabels", epoch.auto_flow_labels);
  tx_.Sysctl("ipv6/flowlabel_state_ranges", epoch.flow_label_ranges ? 1 : 0);
  tx_.Sysctl("ipv6/conf/all/hop_limit", epoch.hop_limit);
  tx_.Sysctl("ipv6/conf/l1/hop_limit", epoch.hop_limit_of_l1);
  AwaitCarrier(epoch.carrier);
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

}  // namespace groupcast
