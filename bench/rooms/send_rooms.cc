// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <memory>

#include "bench/rooms/room.h"
#include "engine/datapath/channel.h"
#include "engine/datapath/port_turns.h"

namespace groupcast {
namespace {

// A request's way from a caller to its lcore and back, on one thread: what the two cost where
// neither waits for the other's cache lines.
void AddChannel(BenchLcore* lcore, std::vector<Room>* rooms) {
  constexpr size_t kRing = 4096;
  constexpr size_t kBytes = 1 << 20;
  struct State {
    State()
        : places(kRing),
          payloads(new CacheLine[LinesFor(kBytes)]),
          requests(new CacheLine[LinesFor(kBytes)]),
          channel({{RequestRing(places), &doorbell}},
                  {{Arena(payloads.get(), kBytes, 0), {Arena(requests.get(), kBytes, 0)}}}) {}
    std::vector<RequestRing::Place> places;
    CacheLines payloads;
    CacheLines requests;
    Doorbell doorbell;
    Channel channel;
  };
  auto state = std::make_shared<State>();
  auto round = [=] {
    Channel& channel = state->channel;
    Request* request = channel.Allocate(0, 0, {kMaxRecipients, /*own_lines=*/true, false, 0});
    if (request == nullptr || !channel.Post(0, request)) Die("no room in the channel");
    Request* taken;
    if (channel.Take(0, &taken, 1) != 1) Die("nothing in the channel");
    StartRequest(taken);
    CompleteRequest(taken, lcore->counters(), /*lcore=*/0);
    channel.Reap(nullptr);
  };
  rooms->push_back({"channel/hop", "request", 1, round});
}

// The driver's burst and what is kept of it; with the heads taken, as floor/one_segment.
void AddPort(BenchLcore* lcore, std::vector<Room>* rooms) {
  auto source = std::make_shared<RequestSource>(RequestSource::Shape{});
  auto port =
      std::make_shared<Port>(lcore->plan(), lcore->port_state(), KickSockets{}, lcore->counters());
  auto round = [=] {
    Request* request = source->Make();
    for (uint16_t sent = 0; sent < kMaxGroupRecipients; sent += Port::kBurst) {
      PacketSpace space = port->Free();
      if (rte_mempool_get_bulk(lcore->pools().heads, reinterpret_cast<void**>(space.mbufs),
                               Port::kBurst) != 0) {
        Die("no mbufs");
      }
      space.runs[0] = {request, sent, Port::kBurst, Port::kBurst * 54};
      space.nb_mbufs = Port::kBurst;
      space.nb_runs = 1;
      port->Added(space);
      if (port->SendBurst() != Port::kBurst) Die("the driver took less than all");
    }
  };
  rooms->push_back({"port/send_burst", "packet", kMaxGroupRecipients, round});
}

// From the queue to the driver and back, in requests of `shape`, one queue for each.
void AddTurn(BenchLcore* lcore, const char* name, uint32_t requests,
             const RequestSource::Shape& shape, std::vector<Room>* rooms) {
  struct State {
    explicit State(BenchLcore* own, const RequestSource::Shape& made, uint32_t n)
        : source(made),
          turns(own->plan(), own->port_state(), KickSockets{}, own->counters(), /*lcore=*/0),
          queues(n) {}
    RequestSource source;
    PortTurns turns;
    std::vector<RequestQueue> queues;
  };
  auto state = std::make_shared<State>(lcore, shape, requests);
  auto round = [=] {
    for (RequestQueue& queue : state->queues) state->turns.Add(&queue, state->source.Make());
    while (!state->turns.Empty()) {
      if (!state->turns.Serve(lcore->assembler())) Die("nothing moves");
    }
  };
  rooms->push_back({std::string("turn/") + name, "packet", requests * shape.recipients, round});
}

}  // namespace

void AddSendRooms(BenchLcore* lcore, std::vector<Room>* rooms) {
  AddChannel(lcore, rooms);
  AddPort(lcore, rooms);
  AddTurn(lcore, "chain_prepend12", 1, {.prepend_len = 12}, rooms);
  AddTurn(lcore, "copy_64", 1, {.payload_len = 64}, rooms);
  AddTurn(lcore, "requests_of_10", 100, {.recipients = 10, .prepend_len = 12}, rooms);
  AddTurn(lcore, "requests_of_1", 100, {.recipients = 1, .prepend_len = 12}, rooms);
}

}  // namespace groupcast
