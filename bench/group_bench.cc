// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A registered group of up to millions: what registering, changing, sending and a gateway's new MAC
// cost. bench/group makes the wire and runs it.
//
//   group_bench ENGINE.yaml MEMBERS [NAMESPACE-OF-THE-GATEWAY DEVICE]
//
// Members are 10.128.0.0 and the addresses behind it. With a namespace the gateway's MAC changes
// while a thread sends, and the wire is watched for the first frame with the new one.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "groupcast/groupcast.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kFirst = 10u << 24 | 128u << 16;
constexpr size_t kPayload = 1000;
constexpr char kNewMac[] = "02:00:00:00:00:77";

double Seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

double ResidentMib() {
  std::ifstream statm("/proc/self/statm");
  double whole = 0, resident = 0;
  statm >> whole >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

std::vector<groupcast::Recipient> Members(uint32_t first, uint32_t count) {
  std::vector<groupcast::Recipient> members;
  members.reserve(count);
  for (uint32_t i = first; i < first + count; i++) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(5004);
    to.sin_addr.s_addr = htonl(kFirst + i);
    members.emplace_back(to, i);
  }
  return members;
}

template <typename T>
T Must(absl::StatusOr<T> made) {
  if (made.ok()) return *std::move(made);
  std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
  std::exit(1);
}

// Registering, and a thousand changes of a hundred members.
void Register(groupcast::Group* group, uint32_t members) {
  double before = ResidentMib();
  Clock::time_point start = Clock::now();
  // In parts: the list that is handed over is the caller's memory.
  for (uint32_t i = 0; i < members; i += 10'000) {
    Must(group->Add(Members(i, std::min(10'000u, members - i))));
  }
  double took = Seconds(Clock::now() - start);
  const double registered = ResidentMib() - before;
  std::printf("registered %u members in %.2f s (%.0f thousand/s), %.1f MiB: %.1f bytes each\n",
              members, took, members / took / 1000, registered, registered * (1 << 20) / members);
  double highest = 0;
  start = Clock::now();
  constexpr uint32_t kChanges = 1000, kSome = 100;
  for (uint32_t i = 0; i < kChanges; i++) {
    const auto some = Members(i * 7919 % (members - kSome), kSome);
    Must(group->Remove(some));
    Must(group->Add(some));
    highest = std::max(highest, ResidentMib() - before);
  }
  took = Seconds(Clock::now() - start);
  std::printf("%u changes of %u members: %.0f us each; at most %.1f MiB: %.1f bytes a member\n",
              2 * kChanges, kSome, took / (2 * kChanges) * 1e6, highest,
              highest * (1 << 20) / members);
}

// ns per packet of one send.
double SendOnce(groupcast::Group* group, const groupcast::Payload& payload) {
  const Clock::time_point start = Clock::now();
  const groupcast::SendResult result = Must(group->Send(payload));
  const double took = Seconds(Clock::now() - start);
  if (result.sent != result.members) {
    std::printf("only %zu of %zu sent\n", result.sent, result.members);
  }
  return took * 1e9 / static_cast<double>(result.members);
}

// When the first frame with the new MAC arrives at the gateway.
Clock::time_point FirstFrame(const std::string& where, const std::string& device,
                             std::atomic<bool>* ready) {
  const int ns = open(where.c_str(), O_RDONLY);
  if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) std::perror(where.c_str());
  const int sd = socket(AF_PACKET, SOCK_RAW, 0);
  sock_filter code[] = {{BPF_LD | BPF_B | BPF_ABS, 0, 0, 5},
                        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0x77},
                        {BPF_RET | BPF_K, 0, 0, 64},
                        {BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog program = {4, code};
  setsockopt(sd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
  sockaddr_ll local{};
  local.sll_family = AF_PACKET;
  local.sll_protocol = htons(ETH_P_ALL);
  local.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  bind(sd, reinterpret_cast<sockaddr*>(&local), sizeof(local));
  *ready = true;
  char byte;
  recv(sd, &byte, sizeof(byte), 0);
  return Clock::now();
}

void ChangeMac(groupcast::Group* group, const groupcast::Payload& payload, const std::string& where,
               const std::string& device) {
  std::atomic<bool> ready{false};
  Clock::time_point arrived;
  std::thread watcher([&] { arrived = FirstFrame(where, device, &ready); });
  while (!ready) std::this_thread::yield();
  std::atomic<bool> stop{false};
  std::vector<std::pair<Clock::time_point, double>> sends;
  std::thread sender([&] {
    while (!stop) {
      const double ns = SendOnce(group, payload);
      sends.emplace_back(Clock::now(), ns);
    }
  });
  std::this_thread::sleep_for(std::chrono::seconds(5));
  const std::string command =
      std::string("ip neighbour replace 10.99.0.2 dev v0 lladdr ") + kNewMac;
  if (std::system(command.c_str()) != 0) std::exit(1);
  const Clock::time_point known = Clock::now();
  watcher.join();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  stop = true;
  sender.join();
  double before = 0, after = 0;
  int n_before = 0, n_after = 0;
  for (const auto& [when, ns] : sends) {
    (when < known ? before : after) += ns;
    (when < known ? n_before : n_after)++;
  }
  std::printf(
      "gateway's new MAC on the wire %.1f ms after the kernel knew it; senders: %.1f ns a "
      "packet before (%d sends), %.1f after (%d)\n",
      Seconds(arrived - known) * 1e3, before / n_before, n_before, after / n_after, n_after);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 5) {
    std::fprintf(stderr, "group_bench ENGINE.yaml MEMBERS [NAMESPACE DEVICE]\n");
    return 2;
  }
  const auto members = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
  const groupcast::Engine engine = Must(groupcast::Engine::Open(argv[1]));
  const int sd = socket(AF_INET, SOCK_DGRAM, 0);
  groupcast::Group group = Must(groupcast::Group::Create(sd));
  const std::vector<uint8_t> bytes(kPayload, 'x');
  const groupcast::Payload payload = Must(groupcast::Payload::Copy(bytes));
  Register(&group, members);
  SendOnce(&group, payload);
  double best = 1e9;
  for (int i = 0; i < 5; i++) best = std::min(best, SendOnce(&group, payload));
  std::printf("one send of %zu bytes to all: %.1f ns a packet, best of 5\n", kPayload, best);
  if (argc == 5) ChangeMac(&group, payload, argv[3], argv[4]);
  return 0;
}
