// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "api/private_part.h"
#include "bench/rooms/room.h"
#include "engine/datapath/packet_head.h"

namespace groupcast {
namespace {

constexpr uint16_t kRecipients = kMaxGroupRecipients;
constexpr uint32_t kPayload = 1000;
constexpr size_t kFrameRoom = 128;
constexpr size_t kFrames = 64;  // a burst's heads are in the first-level cache, too

// What is written of each packet: Ethernet, IP, UDP, prepend. Lines are read once and in order.
void AddHeaderRoom(const char* name, bool ipv6, uint16_t prepend_len, std::vector<Room>* rooms) {
  struct State {
    std::vector<HeaderLine> lines;
    std::array<std::array<uint8_t, kFrameRoom>, kFrames> frames{};
    std::array<uint8_t, 12 + kPrivateSlack> prepend{};
    NextHop hop;
  };
  auto state = std::make_shared<State>();
  state->lines = BenchLines(kRecipients, ipv6);
  const rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
  state->hop.SetEthernet(mac, mac,
                         ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4),
                         BenchLcore::kHopTag);
  auto round = [=] {
    const HeadForm form(EthernetForm::Of(state->hop), state->lines[0], prepend_len, kPayload,
                        /*append_len=*/0, /*shared_sum=*/1, /*hops=*/0);
    uint16_t ip_id = 0;
    for (uint16_t i = 0; i < kRecipients; i++) {
      WritePacketHead(form, state->lines[i], {state->prepend.data(), i}, &ip_id,
                      state->frames[i % kFrames].data());
      benchmark::ClobberMemory();
    }
  };
  rooms->push_back({std::string("header/") + name, "packet", kRecipients, round});
}

// The line of a recipient whose route is known, as its caller's thread writes it.
void AddWriteRooms(std::vector<Room>* rooms) {
  auto lines = std::make_shared<std::vector<HeaderLine>>(kRecipients);
  auto ipv4 = [lines] {
    const Ipv4Sender sender = {RTE_BE32(0x0a000001), RTE_BE16(40000), 64, 0, true};
    for (uint16_t i = 0; i < kRecipients; i++) {
      WriteIpv4Line(sender, rte_cpu_to_be_32(0x0a000000U + i), RTE_BE16(5004), &(*lines)[i]);
    }
    benchmark::ClobberMemory();
  };
  rooms->push_back({"line/ipv4", "recipient", kRecipients, ipv4});
  // Written before: an address of which a byte was just stored is read later than others.
  std::vector<IpAddress> to(kRecipients);
  for (uint16_t i = 0; i < kRecipients; i++) {
    to[i].bytes = {0xfd};
    to[i].bytes[14] = static_cast<uint8_t>(i >> 8);
    to[i].bytes[15] = static_cast<uint8_t>(i);
  }
  auto ipv6 = [lines, to] {
    const Ipv6Sender sender = {to[0], RTE_BE16(40000), 64, 0, 0};
    for (uint16_t i = 0; i < kRecipients; i++) {
      WriteIpv6Line(sender, to[i], RTE_BE16(5004), &(*lines)[i]);
    }
    benchmark::ClobberMemory();
  };
  rooms->push_back({"line/ipv6", "recipient", kRecipients, ipv6});
}

void AddChecksumRoom(uint32_t len, std::vector<Room>* rooms) {
  constexpr uint32_t kTimes = 16;
  auto bytes = std::make_shared<std::vector<uint8_t>>(len, uint8_t{'x'});
  auto round = [bytes] {
    for (uint32_t i = 0; i < kTimes; i++) {
      benchmark::DoNotOptimize(SumBytes(bytes->data(), bytes->size()));
    }
  };
  rooms->push_back({"checksum/" + std::to_string(len), "payload", kTimes, round});
}

void AddPrivateRoom(std::vector<Room>* rooms) {
  constexpr size_t kPrepend = 12;
  struct State {
    std::array<uint8_t, kRecipients * kPrepend> from{};
    std::array<uint8_t, kRecipients * kPrepend + kPrivateSlack> to{};
    std::array<PrivatePart, kRecipients> parts{};
  };
  auto state = std::make_shared<State>();
  auto round = [state] {
    for (uint16_t i = 0; i < kRecipients; i++) {
      const iovec prepend = {state->from.data() + i * kPrepend, kPrepend};
      state->parts[i] = PutPrivate(prepend, {nullptr, 0}, 1000, state->to.data(),
                                   static_cast<uint32_t>(i * kPrepend));
    }
    benchmark::ClobberMemory();
  };
  rooms->push_back({"private/prepend12", "recipient", kRecipients, round});
}

}  // namespace

void AddLineRooms(std::vector<Room>* rooms) {
  AddWriteRooms(rooms);
  for (const uint32_t len : {64, 300, 1000, 8900}) AddChecksumRoom(len, rooms);
  AddPrivateRoom(rooms);
  AddHeaderRoom("ipv4", /*ipv6=*/false, 0, rooms);
  AddHeaderRoom("ipv4_prepend12", /*ipv6=*/false, 12, rooms);
  AddHeaderRoom("ipv6", /*ipv6=*/true, 0, rooms);
}

}  // namespace groupcast
