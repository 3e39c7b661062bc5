// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What one datagram costs its caller: a registered group and sendgroup(), through the engine,
// beside a sendmmsg() and a sendmsg() loop, one thread, 1000-byte payloads.
//
//   call_bench IP-OF-FIRST-RECIPIENT ENGINE.yaml [benchmark options]
//
// The wire is whatever the configuration's port and the kernel's route to the recipients are;
// bench/run makes some. CPU time is that of the whole process, the engine's lcore included.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "api/groupcast/groupcast.h"

namespace {

constexpr size_t kPayload = 1000;

sockaddr_in first_recipient;
const char* config;

struct Call {
  explicit Call(size_t n)
      : recipients(n), memory((sizeof(giobuf) + n * sizeof(giovec)) / sizeof(uint64_t) + 1) {
    buf()->shared = {payload.data(), payload.size()};
    for (size_t i = 0; i < n; i++) {
      sockaddr_in to = first_recipient;
      to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + static_cast<uint32_t>(i));
      buf()->recinfo[i].giov_dest = to;
    }
    sockaddr_in any{};
    any.sin_family = AF_INET;
    sd = socket(AF_INET, SOCK_DGRAM, 0);
    bind(sd, reinterpret_cast<sockaddr*>(&any), sizeof(any));
  }
  giobuf* buf() { return reinterpret_cast<giobuf*>(memory.data()); }

  size_t recipients;
  std::vector<uint64_t> memory;
  std::vector<char> payload = std::vector<char>(kPayload, 'x');
  int sd;
};

// The caller on the first CPU of the process, the engine on its last: neither waits for the other's
// time slice.
void PinToFirstCpu() {
  static const cpu_set_t whole = [] {
    cpu_set_t set;
    sched_getaffinity(0, sizeof(set), &set);
    return set;
  }();
  cpu_set_t first;
  CPU_ZERO(&first);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&first) == 0; cpu++) {
    if (CPU_ISSET(cpu, &whole)) CPU_SET(cpu, &first);
  }
  pthread_setaffinity_np(pthread_self(), sizeof(first), &first);
}

void Report(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void SendGroup(benchmark::State& state) {
  Call call(static_cast<size_t>(state.range(0)));
  PinToFirstCpu();
  std::vector<int> errors(call.recipients);
  for (auto _ : state) {
    if (sendgroup(call.sd, call.buf(), call.recipients, 0, errors.data()) ==
        static_cast<int>(call.recipients)) {
      continue;
    }
    const auto first = std::find_if(errors.begin(), errors.end(), [](int e) { return e != 0; });
    state.SkipWithError(first == errors.end() ? std::strerror(errno) : std::strerror(*first));
    break;
  }
  Report(state);
}

void SendToGroup(benchmark::State& state) {
  Call call(static_cast<size_t>(state.range(0)));
  PinToFirstCpu();
  auto group = groupcast::Group::Create(call.sd);
  const auto payload = groupcast::Payload::Copy(
      {reinterpret_cast<const uint8_t*>(call.payload.data()), call.payload.size()});
  std::vector<groupcast::Recipient> members;
  for (size_t i = 0; i < call.recipients; i++) {
    members.emplace_back(call.buf()->recinfo[i].giov_dest, i);
  }
  if (!group.ok() || !payload.ok() || !group->Add(members).ok()) {
    return state.SkipWithError("the group can't be made");
  }
  for (auto _ : state) {
    const auto sent = group->Send(*payload);
    if (sent.ok() && sent->sent == call.recipients) continue;
    state.SkipWithError("Send() failed");
    break;
  }
  Report(state);
}

void SendMsg(benchmark::State& state) {
  Call call(static_cast<size_t>(state.range(0)));
  PinToFirstCpu();
  for (auto _ : state) {
    for (size_t i = 0; i < call.recipients; i++) {
      msghdr message{};
      message.msg_name = &call.buf()->recinfo[i].giov_dest;
      message.msg_namelen = sizeof(sockaddr_in);
      message.msg_iov = &call.buf()->shared;
      message.msg_iovlen = 1;
      if (sendmsg(call.sd, &message, 0) < 0) state.SkipWithError("sendmsg() failed");
    }
  }
  Report(state);
}

void SendMmsg(benchmark::State& state) {
  Call call(static_cast<size_t>(state.range(0)));
  std::vector<mmsghdr> messages(call.recipients);
  for (size_t i = 0; i < call.recipients; i++) {
    messages[i] = {};
    messages[i].msg_hdr.msg_name = &call.buf()->recinfo[i].giov_dest;
    messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    messages[i].msg_hdr.msg_iov = &call.buf()->shared;
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  PinToFirstCpu();
  for (auto _ : state) {
    const int sent = sendmmsg(call.sd, messages.data(), static_cast<unsigned>(call.recipients), 0);
    if (sent != static_cast<int>(call.recipients)) state.SkipWithError("sendmmsg() failed");
  }
  Report(state);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || inet_pton(AF_INET, argv[1], &first_recipient.sin_addr) != 1) {
    std::fprintf(stderr, "call_bench IP-OF-FIRST-RECIPIENT ENGINE.yaml [benchmark options]\n");
    return 2;
  }
  first_recipient.sin_family = AF_INET;
  first_recipient.sin_port = htons(9);  // discard
  config = argv[2];
  argv[2] = argv[0];
  argc -= 2;
  argv += 2;
  if (groupcast_attach(config) != 0) {
    std::fprintf(stderr, "%s\n", groupcast_last_error());
    return 1;
  }
  using Function = void (*)(benchmark::State&);
  for (auto [name, call] : {std::pair<const char*, Function>{"group", SendToGroup},
                            {"sendgroup", SendGroup},
                            {"sendmsg", SendMsg},
                            {"sendmmsg", SendMmsg}}) {
    benchmark::RegisterBenchmark(name, call)
        ->Arg(1)
        ->Arg(1000)
        ->UseRealTime()
        ->MeasureProcessCPUTime();
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  groupcast_detach();
  return 0;
}
