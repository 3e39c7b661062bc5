// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "api/groupcast/groupcast.h"
#include "api/groupcast/sendgroup.h"
#include "api/groupcast/statistics.h"
#include "bench/rooms/room.h"

namespace groupcast {
namespace {

constexpr uint32_t kRecipients = 1000;
constexpr uint32_t kFew = 10;
constexpr size_t kPayload = 1000;
constexpr size_t kMostPrepend = 200;
// A socket's options are read again after 10 ms: each call does it then, not one of several.
constexpr useconds_t kPause = 12'000;

// What all callers share: an engine of its own on another port of the driver, and what they send.
struct Caller {
  Caller() : memory((sizeof(giobuf) + kRecipients * sizeof(giovec)) / sizeof(uint64_t) + 1) {
    EngineOptions options;
    options.hugepages = EngineOptions::Hugepages::kOff;
    EngineOptions::Port& port = options.ports.emplace_back();
    port.name = port.device = "net_null1";
    port.fixed = {.mac = "02:00:00:00:00:01",
                  .address = "10.0.0.1",
                  .address6 = "",
                  .next_hops = {{"10.0.0.0/8", "02:00:00:00:00:02"}}};
    auto opened = Engine::Open(options);
    if (!opened.ok()) Die(opened.status().ToString());
    engine = std::make_unique<Engine>(*std::move(opened));
    sd = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in any = {AF_INET, 0, {INADDR_ANY}, {}};
    if (bind(sd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) Die("no UDP port");
    buf()->shared = {payload.data(), payload.size()};
    for (uint32_t i = 0; i < kRecipients; i++) {
      buf()->recinfo[i].giov_dest = {AF_INET, htons(5004), {htonl((10U << 24) + 256 + i)}, {}};
    }
  }
  giobuf* buf() { return reinterpret_cast<giobuf*>(memory.data()); }

  std::unique_ptr<Engine> engine;
  int sd = -1;
  std::vector<uint64_t> memory;
  std::vector<uint8_t> payload = std::vector<uint8_t>(kPayload, 'x');
  std::vector<uint8_t> prepend = std::vector<uint8_t>(kMostPrepend, 'p');
};

// Until the engine has sent it all: no call meets what an earlier one has left.
void AwaitEngine() {
  do {
    usleep(kPause);
  } while (groupcast_counter_value("packets") < groupcast_counter_value("engine_recipients"));
  if (groupcast_counter_value("kernel_recipients") > 0) Die("some datagrams went by the kernel");
}

std::string NameOf(const std::string& call, size_t prepend_len, bool table = false) {
  const std::string how = table ? "_table" : "_prepend";
  return prepend_len > 0 ? call + how + std::to_string(prepend_len) : call;
}

void AddSendGroup(const std::shared_ptr<Caller>& caller, size_t prepend_len,
                  std::vector<Room>* rooms) {
  auto round = [=] {
    for (uint32_t i = 0; i < kRecipients; i++) {
      caller->buf()->recinfo[i].giov_prepend = {caller->prepend.data(), prepend_len};
    }
    const int sent =
        sendgroup(caller->sd, caller->buf(), kRecipients, MSG_DONTWAIT, /*gerrno=*/nullptr);
    if (sent != static_cast<int>(kRecipients)) Die("sendgroup() does not take all");
  };
  rooms->push_back(
      {NameOf("caller/sendgroup", prepend_len), "recipient", kRecipients, round, AwaitEngine});
}

// `table`: the private bytes lie in an array; else a function is asked.
void AddGroupSend(const std::shared_ptr<Caller>& caller, uint32_t recipients, size_t prepend_len,
                  bool table, std::vector<Room>* rooms) {
  struct State {
    Group group;
    CompletionQueue queue;
    Payload payload;
    SendOptions options;
    std::vector<CompletedSend> completed;
  };
  auto group = Group::Create(caller->sd);
  auto queue = CompletionQueue::Create();
  auto payload = Payload::Copy({caller->payload.data(), caller->payload.size()});
  if (!group.ok() || !queue.ok() || !payload.ok()) Die("no group");
  std::vector<Recipient> members;
  for (uint32_t i = 0; i < recipients; i++) {
    members.emplace_back(caller->buf()->recinfo[i].giov_dest, i);
  }
  if (const auto added = group->Add(members); !added.ok()) Die(added.status().ToString());
  auto state = std::make_shared<State>(
      State{*std::move(group), *std::move(queue), *std::move(payload), {}, {}});
  if (table) {
    // One row for everybody.
    state->options.private_table = {caller->prepend.data(), recipients, 0, prepend_len, 0};
  } else if (prepend_len > 0) {
    state->options.private_bytes = [=](const Recipient&, PrivateBytes* bytes) {
      bytes->prepend = {caller->prepend.data(), prepend_len};
    };
  }
  auto round = [state] {
    const auto status =
        state->group.SendAsync(state->payload, state->queue, 0, Stage::kAccepted, state->options);
    if (!status.ok()) Die(status.ToString());
  };
  // It also keeps the engine open that the group is sent by.
  auto settle = [state, caller] {
    AwaitEngine();
    state->completed.clear();
    state->queue.Poll(16, &state->completed);
  };
  if (recipients == kRecipients) {
    rooms->push_back(
        {NameOf("caller/group_send", prepend_len, table), "recipient", recipients, round, settle});
  } else {
    const std::string name = "caller/group_send_to_" + std::to_string(recipients);
    rooms->push_back({NameOf(name, prepend_len, table), "send", 1, round, settle});
  }
}

}  // namespace

void AddCallerRooms(std::vector<Room>* rooms) {
  auto caller = std::make_shared<Caller>();
  // The longest of all requests fit in the channel at once: nobody waits for room.
  for (const size_t prepend_len : {0, 12, 200}) {
    AddSendGroup(caller, prepend_len, rooms);
    AddGroupSend(caller, kRecipients, prepend_len, false, rooms);
    if (prepend_len > 0) AddGroupSend(caller, kRecipients, prepend_len, true, rooms);
  }
  for (const size_t prepend_len : {0, 12}) AddGroupSend(caller, kFew, prepend_len, false, rooms);
  AddGroupSend(caller, kFew, 12, true, rooms);
}

}  // namespace groupcast
