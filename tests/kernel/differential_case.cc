// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/kernel/differential_case.h"

#include <arpa/inet.h>
#include <sys/fsuid.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace groupcast {
namespace {

using Answers = AddressClass::Answers;

constexpr size_t kNoiseBytes = 1 << 18, kLargest = 1 << 17;
constexpr size_t kIpv4Headers = 28;
constexpr size_t kLargestDatagram = 65535;
// Above these lengths, groups are small: the kernel's buffers have to hold a whole batch.
constexpr size_t kLong = 3000, kVeryLong = 20000, kFewRecipients = 30, kVeryFewRecipients = 6;
// What waits for a neighbour that never answers holds the socket's memory.
constexpr size_t kMostUnanswered = 3, kLongestUnanswered = 1500;
constexpr uint16_t kFirstSourcePort = 20000, kSourcePorts = 10000;

// Some bytes, the same for both ways.
iovec Noise(Random* random, size_t length) {
  static const std::string* const noise = [] {
    auto* made = new std::string(kNoiseBytes, 0);
    Random bytes(1, 1);
    for (char& c : *made) c = static_cast<char>(bytes.Next());
    return made;
  }();
  const size_t offset = random->Below(kNoiseBytes - kLargest);
  return {const_cast<char*>(noise->data()) + offset, std::min(length, kLargest)};
}

size_t PrivateLength(Random* random) {
  switch (random->Below(16)) {
    case 0:
      return 1;
    case 1:
      return 7;
    case 2:
    case 3:
      return 12;
    case 4:
      return 100;
    case 5:
      return random->Below(300u) | 1;
    case 6:
      return random->Below(300u);
    case 7:
      return random->Percent(20) ? random->Below(random->Percent(20) ? 65600u : 3000u) : 2;
    default:
      return 0;
  }
}

// Of a whole datagram.
size_t Length(Random* random, const Epoch& epoch, size_t headers) {
  const size_t kind = random->Below(100u);
  if (kind < 8) return 0;
  if (kind < 12) return random->Between(1, 8);
  if (kind < 25) return random->Between(254u, 258u);
  if (kind < 50) return random->Below(1500u);
  if (kind < 78) {
    const uint32_t mtu = random->Percent(65)
                             ? random->In(random->Percent(50) ? epoch.mtu : epoch.later_mtu)
                             : random->In(World::kRouteMtus);
    return std::min<size_t>(mtu, kLargestDatagram) - headers + random->Below(3u) - 1;
  }
  if (kind < 88) return random->Below(9100u);
  if (kind < 93) return random->Below(random->Percent(30) ? 66000u : 20000u);
  if (kind < 96) return kLargestDatagram - headers - 2 + random->Below(4u);
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
  constexpr int kTryHard = MSG_DONTROUTE, kUnknown = 0x1000000;
  return random->Of({int{MSG_CONFIRM}, int{MSG_DONTROUTE}, int{MSG_EOR}, int{MSG_OOB},
                     int{MSG_MORE}, int{MSG_PROXY}, int{MSG_ZEROCOPY}, int{MSG_TRUNC},
                     kTryHard | MSG_DONTWAIT, kUnknown});
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

std::optional<Address> Bound(Random* random, uint16_t udp_port) {
  const unsigned kind = random->Below(100u);
  if (kind < 52) return Ipv4Address(INADDR_ANY, udp_port);
  if (kind < 67) return Ipv4Address(Ip(10, 0, 0, 1), udp_port);
  if (kind < 79) return Ipv4Address(Ip(10, 0, 0, 9), udp_port);
  if (kind < 85) return Ipv4Address(Ip(10, 1, 0, 1), udp_port);
  if (kind < 87) return Ipv4Address(INADDR_LOOPBACK, udp_port);
  if (kind < 89) return Ipv4Address(Ip(239, 1, 2, 3), udp_port);
  if (kind < 91) return Ipv4Address(Ip(10, 0, 255, 255), udp_port);
  return {};
}

bool HasOption(const Case& one, int level, int option) {
  return std::ranges::any_of(one.rounds, [&](const Round& round) {
    return std::ranges::any_of(round.options, [&](const SocketOption& o) {
      return o.level == level && o.option == option;
    });
  });
}

}  // namespace

Case::Case(uint64_t seed, uint64_t case_number, const Epoch& epoch) : number(case_number) {
  Random random(seed, case_number);
  udp_port = static_cast<uint16_t>(kFirstSourcePort + case_number % kSourcePorts);
  if (random.Percent(5)) udp_port = static_cast<uint16_t>(kFirstSourcePort + case_number % 32);
  bound = Bound(&random, udp_port);
  other_user = random.Percent(8);
  if (random.Percent(12)) {
    peer = Ipv4Address(Ip(10, random.Of<uint32_t>({0, 1, 100, 101, 110, 138}), 64, 3),
                       UdpPort(&random));
  }
  disconnected = peer && random.Percent(15);
  rounds.resize(random.Percent(15) ? 2 : 1);
  for (Round& round : rounds) round.options = RandomOptions(&random);
  // ICMP errors come when they like, and would end another call.
  const bool hears_errors = peer || HasOption(*this, IPPROTO_IP, IP_RECVERR);
  const bool little_memory = HasOption(*this, SOL_SOCKET, SO_SNDBUF);
  for (Round& round : rounds) {
    const size_t length = Length(&random, epoch, kIpv4Headers);
    const size_t recipients = Recipients(&random, length);
    const bool alike = random.Percent(50);
    const size_t prepend = PrivateLength(&random), append = PrivateLength(&random);
    round.shared = Noise(&random, length > prepend + append ? length - prepend - append : 0);
    if (random.Below(200) == 0) round.shared.iov_base = nullptr;
    round.flags = Flags(&random);
    round.calls = random.Percent(10) ? 2 : 1;
    size_t unanswered = 0;
    // A few kinds in each group, so that there are runs of equal next hops.
    std::vector<const AddressClass*> kinds;
    for (int i = random.Between(1, 5); i > 0; i--) kinds.push_back(&World::RandomClass(&random));
    for (size_t i = 0; i < recipients; i++) {
      const AddressClass* kind =
          random.Percent(60) ? random.In(kinds) : &World::RandomClass(&random);
      if (kind->answers == Answers::kErrors && hears_errors) continue;
      const auto waits = [&epoch](const AddressClass& one) {
        return one.answers == Answers::kNoSolicit || (one.link_2 && !epoch.carrier);
      };
      if (waits(*kind) && (hears_errors || little_memory || length > kLongestUnanswered ||
                           ++unanswered > kMostUnanswered)) {
        continue;
      }
      RandomRecipient recipient = {
          Ipv4Address(kind->first + random.Below(kind->count), UdpPort(&random)), kind,
          Noise(&random, alike ? prepend : PrivateLength(&random)),
          Noise(&random, alike ? append : PrivateLength(&random))};
      if (waits(*kind)) recipient.prepend.iov_len %= 100;
      if (waits(*kind)) recipient.append.iov_len %= 100;
      if (random.Below(150) == 0) recipient.prepend.iov_base = nullptr;
      if (random.Below(150) == 0) recipient.append.iov_base = nullptr;
      if (random.Below(100) == 0) {
        recipient.to.bytes.ss_family =
            static_cast<sa_family_t>(random.Of({AF_UNSPEC, AF_INET6, AF_UNIX, AF_MAX}));
      }
      if (!round.recipients.empty() && random.Below(25) == 0) {
        const RandomRecipient& other = random.In(round.recipients);
        if (!waits(*other.kind)) recipient.to = other.to, recipient.kind = other.kind;
      }
      round.recipients.push_back(recipient);
    }
  }
}

Socket Case::Open() const {
  // A socket belongs to who makes it.
  if (other_user) setfsuid(World::kUid);
  Socket sd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (other_user) setfsuid(0);
  EXPECT_GE(sd, 0);
  for (const SocketOption& option : rounds[0].options) option.Set(sd);
  // What the kernel refuses here, too, is the same for both ways.
  if (bound) [[maybe_unused]]
    const int rc = bind(sd, bound->get(), bound->length);
  if (peer) [[maybe_unused]]
    const int rc = connect(sd, peer->get(), peer->length);
  if (disconnected) {
    const sockaddr nobody = {};
    [[maybe_unused]] const int rc = connect(sd, &nobody, sizeof(nobody));
  }
  return sd;
}

std::string Show(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  const auto* four = reinterpret_cast<const sockaddr_in*>(&address.bytes);
  inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text));
  std::string shown = text;
  shown += ":" + std::to_string(ntohs(four->sin_port));
  if (address.family() != AF_INET) shown += " family " + std::to_string(address.family());
  return shown;
}

std::string Case::Description(const Round& round) const {
  std::ostringstream text;
  text << "socket " << (bound ? "bound to " + Show(*bound) : "unbound");
  if (peer) text << (disconnected ? ", was connected to " : ", connected to ") << Show(*peer);
  if (other_user) text << ", of user " << World::kUid;
  for (const Round& one : rounds) {
    for (const SocketOption& option : one.options) {
      text << ", " << option.name << "=" << option.Integer();
    }
    if (&one == &round) break;
    text << "; then";
  }
  text << "; flags " << std::hex << round.flags << std::dec << ", " << round.calls << " call(s), "
       << round.recipients.size() << " recipients, shared " << round.shared.iov_len
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
