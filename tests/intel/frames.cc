// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// frames send RUN DEVICE: in a guest, sends datagrams of many shapes by a card.
// frames verify PCAP RUN…: on the host, holds the frames that came out of the card against them.
#include <arpa/inet.h>
#include <rte_common.h>
#include <rte_eal.h>
#include <rte_memory.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "groupcast/groupcast.h"
#include "tests/software_nic/frame_check.h"

namespace groupcast {
namespace {

struct Run {
  const char* name;
  uint16_t udp_port;  // of its first recipient: runs are told apart by it
  uint32_t mtu;
  uint16_t vlan;
};
// "cut": with a driver profile whose segments are short, up to as many as the engine chains.
constexpr Run kRuns[] = {{"plain", 5000, 1500, 0},
                         {"cut", 6000, 9000, 0},
                         {"vlan", 7000, 1500, 7},
                         {"jumbo", 8000, 9000, 0}};

// Every other one is IPv6.
constexpr uint32_t kRecipients = 6;
constexpr size_t kIpv6Headers = 48;

struct Shape {
  size_t prepend, payload, append;
};

std::vector<Shape> ShapesOf(const Run& run) {
  std::vector<Shape> shapes;
  for (const size_t payload :
       {0, 1, 2, 17, 59, 255, 256, 257, 300, 999, 1000, 1400, 1452, 2000, 4001, 8900}) {
    for (const size_t prepend : {0, 1, 12, 13, 100}) {
      for (const size_t append : {0, 1, 16, 101}) {
        if (prepend + payload + append + kIpv6Headers > run.mtu) continue;
        // Where nothing but the payload's length is of interest.
        if (payload > 1400 && prepend + append > 50) continue;
        shapes.push_back({prepend, payload, append});
      }
    }
  }
  return shapes;
}

// Differs in each place, and from seed to seed.
std::string Bytes(size_t len, size_t seed) {
  std::string bytes(len, '\0');
  for (size_t i = 0; i < len; i++) bytes[i] = static_cast<char>(seed * 131 + i * 7 + (i >> 8));
  return bytes;
}
std::string PrependOf(const Shape& shape, size_t number, uint32_t recipient) {
  return Bytes(shape.prepend, number * 8 + recipient);
}
std::string AppendOf(const Shape& shape, size_t number, uint32_t recipient) {
  return Bytes(shape.append, number * 8 + recipient + 77);
}

std::string AddressOf(uint32_t recipient) {
  return (recipient % 2 == 0 ? "10.7.0." : "fd00::7:") + std::to_string(recipient + 1);
}

const Run* FindRun(const std::string& name) {
  for (const Run& run : kRuns) {
    if (name == run.name) return &run;
  }
  return nullptr;
}

int Die(const std::string& why) {
  std::fprintf(stderr, "frames: %s\n", why.c_str());
  return 1;
}

absl::StatusOr<Group> MakeGroup(const Run& run) {
  const int sd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_in6 any = {AF_INET6, htons(4000), 0, IN6ADDR_ANY_INIT, 0};
  if (bind(sd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) {
    return absl::InternalError("no UDP port 4000");
  }
  absl::StatusOr<Group> group = Group::Create(sd);
  close(sd);
  if (!group.ok()) return group.status();
  std::vector<Recipient> members;
  for (uint32_t i = 0; i < kRecipients; i++) {
    const std::string host = AddressOf(i);
    const absl::StatusOr<Recipient> member = Recipient::Parse(
        (i % 2 == 0 ? host : "[" + host + "]") + ":" + std::to_string(run.udp_port + i), i);
    if (!member.ok()) return member.status();
    members.push_back(*member);
  }
  const auto added = group->Add(members);
  if (!added.ok()) return added.status();
  return group;
}

// Two parts of the application's own memory, side by side only in its own addresses.
class OwnPages {
 public:
  // `huge`: pages of 2 MiB; else some ordinary ones each.
  explicit OwnPages(bool huge) : page_(huge ? size_t{1} << 21 : 16384) {
    const int file = memfd_create("own pages", MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0));
    if (file < 0 || ftruncate(file, static_cast<off_t>(2 * page_)) != 0) return;
    void* room = mmap(nullptr, 3 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return;
    room_ = static_cast<uint8_t*>(room);
    begin_ = reinterpret_cast<uint8_t*>(RTE_ALIGN_CEIL(reinterpret_cast<uintptr_t>(room), page_));
    bool mapped = MapPage(file, 0, 0) && MapPage(file, 1, 1);
    // Else the other way round.
    if (mapped && !lie_apart()) mapped = MapPage(file, 0, 1) && MapPage(file, 1, 0);
    close(file);
    if (!mapped) return;
    absl::StatusOr<Memory> memory = Memory::Register(begin_, 2 * page_);
    if (memory.ok()) memory_.emplace(*std::move(memory));
  }
  ~OwnPages() {
    memory_.reset();
    if (room_ != nullptr) munmap(room_, 3 * page_);
  }
  OwnPages(const OwnPages&) = delete;
  OwnPages& operator=(const OwnPages&) = delete;

  bool ok() const { return memory_.has_value(); }
  bool lie_apart() const {
    return rte_mem_virt2phy(begin_ + page_) != rte_mem_virt2phy(begin_) + page_;
  }
  // In two pieces, the second of which lies on both sides of the boundary.
  absl::StatusOr<Payload> Borrow(const std::string& bytes) {
    const size_t first = bytes.size() / 3;
    uint8_t* at = begin_ + page_ - bytes.size() / 2;
    std::memcpy(at, bytes.data(), bytes.size());
    const iovec pieces[] = {{at, first}, {at + first, bytes.size() - first}};
    return Payload::Borrow(*memory_, pieces);
  }

 private:
  bool MapPage(int file, size_t place, size_t number) {
    uint8_t* at = begin_ + place * page_;
    if (mmap(at, page_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
             static_cast<off_t>(number * page_)) == MAP_FAILED) {
      return false;
    }
    *at = 0;
    return true;
  }

  const size_t page_;
  uint8_t* room_ = nullptr;
  uint8_t* begin_ = nullptr;
  std::optional<Memory> memory_;
};

// In turn: copied, written in place and to be told when it was read, and the application's own.
int SendShapes(const Run& run) {
  absl::StatusOr<Group> group = MakeGroup(run);
  absl::StatusOr<CompletionQueue> queue = CompletionQueue::Create(8);
  if (!group.ok() || !queue.ok()) return Die("no group or queue");
  // Ordinary pages may be moved, which only an IOMMU is told of.
  const bool maps_ordinary = rte_eal_iova_mode() == RTE_IOVA_VA;
  std::optional<OwnPages> ordinary, huge;
  size_t borrowed_ordinary = 0;
  const std::vector<Shape> shapes = ShapesOf(run);
  for (size_t number = 0; number < shapes.size(); number++) {
    // Other memory from then on: nothing is read any more of what the driver still keeps.
    if (number == 0 || number == shapes.size() / 2) {
      ordinary.emplace(false);
      huge.emplace(true);
      if (!ordinary->ok() || !huge->ok()) return Die("no memory");
      if (!ordinary->lie_apart() || !huge->lie_apart()) return Die("the pages do not lie apart");
    }
    const Shape& shape = shapes[number];
    const std::string bytes = Bytes(shape.payload, number);
    std::string prepend, append;
    std::vector<MemberError> failed;
    SendOptions options;
    options.errors = &failed;
    options.private_bytes = [&](const Recipient& to, PrivateBytes* part) {
      prepend = PrependOf(shape, number, static_cast<uint32_t>(to.tag()));
      append = AppendOf(shape, number, static_cast<uint32_t>(to.tag()));
      *part = {{prepend.data(), prepend.size()}, {append.data(), append.size()}};
    };
    absl::StatusOr<Payload> payload;
    if (number % 3 == 0) {
      payload = Payload::Copy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    } else if (number % 3 == 1) {
      payload = Payload::Allocate(bytes.size());
      if (payload.ok() && !bytes.empty()) std::memcpy(payload->data(), bytes.data(), bytes.size());
    } else {
      const bool is_huge = number % 2 == 0;
      if (!is_huge && !bytes.empty()) borrowed_ordinary++;
      payload = (is_huge ? huge : ordinary)->Borrow(bytes);
    }
    if (!payload.ok()) return Die(payload.status().ToString());
    const absl::Status begun = group->SendAsync(*payload, *queue, number, Stage::kDone, options);
    if (!begun.ok()) return Die(begun.ToString());
    // Nothing else is sent meanwhile: the driver is asked, or the payload was copied.
    std::vector<CompletedSend> done;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (queue->Poll(1, &done) == 0 && std::chrono::steady_clock::now() < until) usleep(50);
    if (done.empty()) return Die("send " + std::to_string(number) + " is never done");
    if (done[0].sent != kRecipients) {
      return Die("send " + std::to_string(number) + " reached " + std::to_string(done[0].sent));
    }
    if (payload->in_use()) return Die("a payload is in use, and its send done");
  }
  const uint64_t copies = groupcast_counter_value("payload_copies");
  std::printf("%s: %zu shapes to %u recipients, each handed back by itself; %zu were copied\n",
              run.name, shapes.size(), kRecipients, static_cast<size_t>(copies));
  const size_t expected = maps_ordinary ? 0 : borrowed_ordinary;
  return copies == expected ? 0 : Die("not " + std::to_string(expected));
}

int Send(const Run& run, const std::string& device) {
  EngineOptions options;
  options.lcores = {1};
  options.memory_mib = 224;
  options.hugepages = EngineOptions::Hugepages::kRequired;
  EngineOptions::Port& port = options.ports.emplace_back();
  port.name = "nic";
  port.device = device;
  port.fixed = {.mac = "02:00:00:00:00:01",
                .address = "10.0.0.1",
                .address6 = "fd00::1",
                .mtu = run.mtu,
                .vlan = run.vlan,
                .next_hops = {{"0.0.0.0/0", "02:00:00:00:00:02"}, {"::/0", "02:00:00:00:00:02"}}};
  absl::StatusOr<Engine> engine = Engine::Open(options);
  if (!engine.ok()) return Die(engine.status().ToString());
  return SendShapes(run);
}

// The frames that a card has sent, of a pcap file of this machine's byte order.
std::vector<std::string> ReadPcap(const char* path) {
  constexpr std::string_view kCard("\x02\0\0\0\0\x01", 6);
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> frames;
  for (size_t at = 24; at + 16 <= bytes.size();) {
    uint32_t len;
    std::memcpy(&len, bytes.data() + at + 8, sizeof(len));
    at += 16;
    if (bytes.compare(at + 6, kCard.size(), kCard) == 0) frames.push_back(bytes.substr(at, len));
    at += len;
  }
  return frames;
}

int Verify(const Run& run, const std::vector<std::string>& frames) {
  const auto ours = [&run](uint16_t udp_port) {
    return udp_port >= run.udp_port && udp_port < run.udp_port + kRecipients;
  };
  Account account;
  for (const std::string& frame : frames) {
    CheckedFrame checked;
    const char* wrong = CheckFrame(frame, &checked);
    // What nobody can tell whose it is, is everybody's.
    if (wrong != nullptr || ours(checked.to.second)) account.Add(frame);
  }
  int bad = 0;
  if (account.bad > 0) {
    std::printf("%s: %zu bad frames: %s\n", run.name, size_t{account.bad},
                account.first_bad.c_str());
    bad = 1;
  }
  const std::vector<Shape> shapes = ShapesOf(run);
  for (uint32_t recipient = 0; recipient < kRecipients; recipient++) {
    Received expected;
    for (size_t number = 0; number < shapes.size(); number++) {
      expected.Add(PrependOf(shapes[number], number, recipient) +
                   Bytes(shapes[number].payload, number) +
                   AppendOf(shapes[number], number, recipient));
    }
    const auto port = static_cast<uint16_t>(run.udp_port + recipient);
    const Received& received = account.recipients[{AddressOf(recipient), port}];
    if (received == expected) continue;
    std::printf("%s: recipient %u has other bytes: %zu datagrams of %zu\n", run.name, recipient,
                size_t{received.datagrams}, size_t{expected.datagrams});
    bad = 1;
  }
  if (account.vlans.size() != 1 || !account.vlans.contains(run.vlan)) {
    std::printf("%s: other VLAN tags than %u\n", run.name, run.vlan);
    bad = 1;
  }
  if (bad == 0) std::printf("%s: %zu frames, byte by byte\n", run.name, size_t{account.frames});
  return bad;
}

int Main(int argc, char** argv) {
  const std::string mode = argc > 3 ? argv[1] : "";
  if (mode == "send" && FindRun(argv[2]) != nullptr) return Send(*FindRun(argv[2]), argv[3]);
  if (mode != "verify") return Die("send RUN DEVICE | verify PCAP RUN…");
  const std::vector<std::string> frames = ReadPcap(argv[2]);
  int bad = 0;
  for (int i = 3; i < argc; i++) {
    if (FindRun(argv[i]) == nullptr) return Die(std::string("no run ") + argv[i]);
    bad |= Verify(*FindRun(argv[i]), frames);
  }
  return bad;
}

}  // namespace
}  // namespace groupcast

int main(int argc, char** argv) { return groupcast::Main(argc, argv); }
