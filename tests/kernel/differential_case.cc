// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_case.h"

#include <net/if.h>
#include <netinet/udp.h>
#include <sys/fsuid.h>
#include <sys/socket.h>

#include <algorithm>
#include <sstream>

namespace groupcast {
namespace {

constexpr size_t kNoiseBytes = 1 << 18, kLargestPart = 1 << 17;
constexpr size_t kUdpHeader = 8, kLargestPacket = 65535;
constexpr size_t kIpv4Header = 20, kIpv6Header = 40;
// Above these lengths, groups are small: the kernel's buffers have to hold a whole batch.
constexpr size_t kLong = 3000, kVeryLong = 20000, kFewRecipients = 30, kVeryFewRecipients = 6;
// What waits for a neighbour that never answers holds the socket's memory.
constexpr size_t kMostUnanswered = 3, kLongestUnanswered = 1500;
constexpr uint64_t kSourcePorts = 10000;

// Some bytes, the same for both ways.
iovec Noise(Random* random, size_t length) {
  static const std::string* const noise = [] {
    auto* made = new std::string(kNoiseBytes, 0);
    Random bytes(1, 1);
    for (char& c : *made) c = static_cast<char>(bytes.Next());
    return made;
  }();
  const size_t offset = random->Below(kNoiseBytes - kLargestPart);
  return {const_cast<char*>(noise->data()) + offset, std::min(length, kLargestPart)};
}

size_t PrivateLength(Random* random) {
  const unsigned kind = random->Below(64u);
  if (kind < 32) return 0;
  if (kind < 40) return random->Of<size_t>({1, 7, 100, 2});
  if (kind < 48) return 12;
  if (kind < 62) return random->Below(300u);
  return random->Below(random->Percent(10) ? 65600u : 3000u);
}

// Of a whole datagram.
size_t Length(Random* random, const Epoch& epoch, bool six) {
  const size_t headers = kUdpHeader + (six ? kIpv6Header : kIpv4Header);
  const size_t largest = kLargestPacket - kUdpHeader - (six ? 0 : kIpv4Header);
  const size_t kind = random->Below(100u);
  if (kind < 8) return 0;
  if (kind < 12) return random->Between(1, 8);
  if (kind < 25) return random->Between(254u, 258u);
  if (kind < 50) return random->Below(1500u);
  if (kind < 78) {
    const auto& mtus = random->Percent(50) ? epoch.mtu : epoch.later_mtu;
    const uint32_t mtu = random->Percent(65) ? random->In(mtus) : random->In(World::kRouteMtus);
    return mtu - headers + random->Below(3u) - 1;
  }
  if (kind < 88) return random->Below(9100u);
  if (kind < 93) return random->Below(random->Percent(30) ? 66000u : 20000u);
  if (kind < 96) return largest - 2 + random->Below(4u);
  return random->Between(1400u, 1480u);
}

uint16_t UdpPort(Random* random) {
  const unsigned kind = random->Below(100u);
  if (kind < 70) return static_cast<uint16_t>(5000 + random->Below(64));
  if (kind < 85) return World::kRuleUdpPort;
  if (kind < 98) return static_cast<uint16_t>(random->Below(65536));
  return 0;
}

int Flags(Random* random) {
  const unsigned kind = random->Below(100u);
  if (kind < 72) return 0;
  if (kind < 82) return MSG_DONTWAIT;
  if (kind < 87) return MSG_NOSIGNAL;
  if (kind < 92) return MSG_DONTWAIT | MSG_NOSIGNAL;
  constexpr int kUnknown = 0x1000000;
  return random->Of<int>({MSG_CONFIRM, MSG_DONTROUTE, MSG_EOR, MSG_OOB, MSG_MORE, MSG_PROXY,
                          MSG_ZEROCOPY, MSG_TRUNC, MSG_DONTROUTE | MSG_DONTWAIT, kUnknown});
}

size_t Recipients(Random* random, size_t length) {
  const unsigned kind = random->Below(100u);
  size_t count = kind < 40   ? random->Between(1, 4)
                 : kind < 85 ? random->Between(5, 20)
                             : random->Between(21, 100);
  if (length > kLong) count = std::min(count, kFewRecipients);
  if (length > kVeryLong) count = std::min(count, kVeryFewRecipients);
  return count;
}

// "" for a socket that the kernel is left to bind.
std::string BoundTo(Random* random, int family) {
  const unsigned kind = random->Below(100u);
  if (kind < 50) return family == AF_INET6 ? "::" : "0.0.0.0";
  if (family == AF_INET6) {
    if (kind < 62) return "fd00::1";
    if (kind < 74) return "fd00::9";
    if (kind < 78) return "fd00:1::1";
    if (kind < 82) return "fe80::1";
    if (kind < 84) return "::1";
    if (kind < 87) return "::ffff:10.0.0.1";
    if (kind < 89) return "::ffff:10.0.0.9";
    if (kind < 91) return "ff02::1:5";
    return "";
  }
  if (kind < 65) return "10.0.0.1";
  if (kind < 78) return "10.0.0.9";
  if (kind < 85) return "10.1.0.1";
  if (kind < 87) return "127.0.0.1";
  if (kind < 89) return "239.1.2.3";
  if (kind < 91) return "10.0.255.255";
  return "";
}

std::string Peer(Random* random, int family) {
  if (family == AF_INET6 && random->Percent(80)) {
    return random->Of({"fd00::2:3", "fd00:1::2:3", "fd01::64:3", "fd01:1::64:3", "fd02::3",
                       "fd18::3", "fe80::2:3"});
  }
  const std::string prefix = family == AF_INET6 ? "::ffff:" : "";
  return prefix + random->Of({"10.0.64.3", "10.1.64.3", "10.100.64.3", "10.101.64.3", "10.110.64.3",
                              "10.138.64.3"});
}

// Makes neighbours of addresses that are none: none of them answers.
bool ChoosesInterface(const SocketOption& option) {
  switch (option.level) {
    case SOL_SOCKET:
      return option.option == SO_BINDTODEVICE || option.option == SO_BINDTOIFINDEX ||
             option.option == SO_DONTROUTE;
    case IPPROTO_IP:
      return option.option == IP_UNICAST_IF;
    case IPPROTO_IPV6:
      return option.option == IPV6_UNICAST_IF;
    default:
      return false;
  }
}

// Several datagrams into one: those that are sent again, for want of room, come too late for it.
bool Collects(const SocketOption& option) {
  return option.level == IPPROTO_UDP && option.option == UDP_CORK;
}

// Of a socket address that may be link-local.
uint32_t Scope(Random* random, const std::string& address) {
  if (!address.starts_with("fe80") && !address.starts_with("ff02")) return 0;
  return if_nametoindex(World::LinkName(random->Below(kLinks)).c_str());
}

}  // namespace

Case::Case(uint64_t seed, uint64_t number, const Epoch& epoch) : number_(number) {
  Random random(seed, number);
  family_ = random.Percent(45) ? AF_INET : AF_INET6;
  rounds_.resize(random.Percent(15) ? 2 : 1);
  for (Round& round : rounds_) round.options = RandomOptions(&random, family_);
  ChooseSocket(&random);
  // Such errors come when they like, and would end another call.
  hears_errors_ =
      peer_ || HasOption(IPPROTO_IP, IP_RECVERR) || HasOption(IPPROTO_IPV6, IPV6_RECVERR);
  little_memory_ = HasOption(SOL_SOCKET, SO_SNDBUF);
  for (Round& round : rounds_) {
    std::erase_if(round.options, [this](const SocketOption& option) {
      return (hears_errors_ && ChoosesInterface(option)) || (little_memory_ && Collects(option));
    });
  }
  for (Round& round : rounds_) FillRound(&random, epoch, &round);
}

void Case::ChooseSocket(Random* random) {
  auto udp_port = static_cast<uint16_t>(World::kFirstSourcePort + number_ % kSourcePorts);
  // Some have one of those that a policy names.
  if (random->Percent(5)) {
    udp_port = static_cast<uint16_t>(World::kFirstSourcePort + number_ % World::kRuleSourcePorts);
  }
  const std::string bound = BoundTo(random, family_);
  if (!bound.empty()) bound_ = MakeAddress(bound, udp_port, Scope(random, bound));
  other_user_ = random->Percent(8);
  if (random->Percent(12)) {
    const std::string peer = Peer(random, family_);
    peer_ = MakeAddress(peer, UdpPort(random), Scope(random, peer));
    disconnected_ = random->Percent(15);
  }
}

bool Case::HasOption(int level, int option) const {
  return std::ranges::any_of(rounds_, [&](const Round& round) {
    return std::ranges::any_of(round.options, [&](const SocketOption& one) {
      return one.level == level && one.option == option;
    });
  });
}

// Whether such an address may be among the recipients.
bool Case::Suits(const AddressClass& kind, const Epoch& epoch, size_t length,
                 size_t* unanswered) const {
  if (kind.answers == Answers::kErrors) return !hears_errors_;
  // Without carrier, the kernel forgets the neighbours of a link.
  if (kind.answers != Answers::kNeighbours && (!kind.link_2 || epoch.carrier)) return true;
  if (epoch.default_route6 && MakeAddress(kind.first).IsSix()) return false;
  return !hears_errors_ && !little_memory_ && length <= kLongestUnanswered &&
         ++*unanswered <= kMostUnanswered;
}

void Case::FillRound(Random* random, const Epoch& epoch, Round* round) {
  // Each call on its own kind of socket, mostly.
  round->six = (family_ == AF_INET6) != random->Percent(family_ == AF_INET6 ? 12 : 3);
  const size_t length = Length(random, epoch, round->six);
  const size_t count = Recipients(random, length);
  const bool alike = random->Percent(50);
  const size_t prepend = PrivateLength(random), append = PrivateLength(random);
  round->shared = Noise(random, length > prepend + append ? length - prepend - append : 0);
  if (random->Below(200) == 0) round->shared.iov_base = nullptr;
  round->flags = Flags(random);
  if (little_memory_) round->flags &= ~MSG_MORE;
  round->calls = random->Percent(10) ? 2 : 1;
  const auto random_class = [&] {
    return &RandomClass(random, round->six && random->Percent(80) ? AF_INET6 : AF_INET);
  };
  // A few kinds in each group, so that there are runs of equal next hops.
  std::vector<const AddressClass*> kinds;
  for (int i = random->Between(1, 5); i > 0; i--) kinds.push_back(random_class());
  size_t unanswered = 0;
  for (size_t i = 0; i < count; i++) {
    const AddressClass* kind = random->Percent(60) ? random->In(kinds) : random_class();
    RandomRecipient recipient = {RandomAddress(random, *kind, UdpPort(random)), kind,
                                 Noise(random, alike ? prepend : PrivateLength(random)),
                                 Noise(random, alike ? append : PrivateLength(random))};
    if (!round->recipients.empty() && random->Below(25) == 0) {
      const RandomRecipient& same = random->In(round->recipients);
      recipient.to = same.to, recipient.kind = same.kind;
    }
    const size_t all = round->shared.iov_len + recipient.prepend.iov_len + recipient.append.iov_len;
    if (!Suits(*recipient.kind, epoch, all, &unanswered)) continue;
    if (round->six) recipient.to = recipient.to.Mapped();
    if (round->six && random->Below(25) == 0) {
      recipient.to.six()->sin6_flowinfo =
          htonl(random->Of({0x0ff00000u, 0x00012345u, 0x02000000u, 0xf0000000u}));
    }
    if (random->Below(150) == 0) recipient.prepend.iov_base = nullptr;
    if (random->Below(150) == 0) recipient.append.iov_base = nullptr;
    // As AF_INET, the address of a sockaddr_in6 is 0.0.0.0: this host, which answers.
    if (random->Below(100) == 0 && !(round->six && hears_errors_)) {
      recipient.to.bytes.ss_family =
          random->Of<sa_family_t>({AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, AF_MAX});
    }
    round->recipients.push_back(recipient);
  }
}

Socket Case::Open() const {
  // A socket belongs to who makes it.
  if (other_user_) setfsuid(World::kUid);
  Socket sd(socket(family_, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (other_user_) setfsuid(0);
  EXPECT_GE(sd, 0);
  for (const SocketOption& option : rounds_[0].options) option.Set(sd);
  // What the kernel refuses here, too, is the same for both ways.
  [[maybe_unused]] int rc;
  if (bound_) rc = bind(sd, bound_->get(), bound_->length);
  if (peer_) rc = connect(sd, peer_->get(), peer_->length);
  const sockaddr nobody = {};
  if (disconnected_) rc = connect(sd, &nobody, sizeof(nobody));
  return sd;
}

std::string Case::Description(const Round& round) const {
  std::ostringstream text;
  text << (family_ == AF_INET6 ? "AF_INET6" : "AF_INET") << " socket "
       << (bound_ ? "bound to " + Show(*bound_) : "unbound");
  if (peer_) text << (disconnected_ ? ", was connected to " : ", connected to ") << Show(*peer_);
  if (other_user_) text << ", of user " << World::kUid;
  for (const Round& one : rounds_) {
    for (const SocketOption& option : one.options) {
      text << ", " << option.name << "=" << option.Integer();
    }
    if (&one == &round) break;
    text << "; then";
  }
  text << "; sendgroup" << (round.six ? "6" : "") << "(), flags 0x" << std::hex << round.flags
       << std::dec << ", " << round.calls << " call(s), " << round.recipients.size()
       << " recipients, shared " << round.shared.iov_len
       << (round.shared.iov_base == nullptr ? " without a base" : "");
  return text.str();
}

std::string Case::Description(const Round& round, size_t recipient) const {
  const RandomRecipient& one = round.recipients[recipient];
  std::ostringstream text;
  text << "recipient " << recipient << ": " << Show(one.to) << " (" << one.kind->name
       << "), prepend " << one.prepend.iov_len
       << (one.prepend.iov_base == nullptr ? " without a base" : "") << ", append "
       << one.append.iov_len << (one.append.iov_base == nullptr ? " without a base" : "");
  return text.str();
}

}  // namespace groupcast
