// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Real sockets on loopback addresses.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/groupcast-sink/receiver.h"

namespace groupcast {
namespace {

constexpr uint32_t kLoopback = 0x7f000000;

class Recorder : public Verifier {
 public:
  explicit Recorder(size_t recipients) : Verifier(recipients, 0) {}
  void Datagram(uint32_t recipient, std::span<const uint8_t> bytes, uint64_t) override {
    ++counts_[recipient].received;
    got[recipient].assign(bytes.begin(), bytes.end());
  }
  void Reference(std::span<const uint8_t> bytes) override {
    reference.assign(bytes.begin(), bytes.end());
  }
  uint64_t Missing() const override { return 0; }
  void Finish() override {}
  std::vector<StreamSummary> Streams() const override { return {}; }

  std::map<uint32_t, std::string> got;
  std::string reference;
};

void Send(const Recipient& to, const std::string& text) {
  const FileDescriptor fd(socket(AF_INET, SOCK_DGRAM, 0));
  const sockaddr_in address = ToSockaddr(to);
  ASSERT_EQ(sendto(fd.get(), text.data(), text.size(), 0,
                   reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            static_cast<ssize_t>(text.size()));
}

// A UDP port that is free on every address now.
uint16_t FreePort() {
  const FileDescriptor fd(socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in address = ToSockaddr({0, 0});
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  return ntohs(address.sin_port);
}

void PollUntilQuiet(Receiver* receiver) {
  while (receiver->Poll(50) > 0) {
  }
}

TEST(Receiver, OneSocketPerPortTellsRecipientsApart) {
  const uint16_t shared_port = FreePort();
  const uint16_t own_port = FreePort();
  ReceiverConfig config;
  config.max_datagram_bytes = 2000;
  for (uint32_t i = 1; i <= 200; ++i) config.recipients.push_back({kLoopback + i, shared_port});
  config.recipients.push_back({kLoopback + 5, own_port});
  Recorder recorder(201);
  auto receiver = Receiver::Create(config, &recorder);
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  EXPECT_EQ((*receiver)->sockets(), 2u);
  for (uint32_t i = 0; i < 201; ++i) Send(config.recipients[i], "for " + std::to_string(i));
  Send({kLoopback + 250, shared_port}, "for nobody");
  PollUntilQuiet(receiver->get());
  for (uint32_t i = 0; i < 201; ++i) EXPECT_EQ(recorder.got[i], "for " + std::to_string(i));
  EXPECT_EQ((*receiver)->unexpected(), 1u);
  EXPECT_EQ((*receiver)->OwnBufferDrops(), 0u);
}

TEST(Receiver, EmptyAndLongDatagrams) {
  ReceiverConfig config;
  config.max_datagram_bytes = 1000;
  config.recipients = {{kLoopback + 1, FreePort()}};
  Recorder recorder(1);
  auto receiver = Receiver::Create(config, &recorder);
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  Send(config.recipients[0], "");
  PollUntilQuiet(receiver->get());
  EXPECT_EQ(recorder.counts()[0].received, 1u);
  Send(config.recipients[0], std::string(5000, 'x'));
  PollUntilQuiet(receiver->get());
  EXPECT_EQ(recorder.counts()[0].corrupt, 1u);
}

TEST(Receiver, ItsOwnFullBufferIsTold) {
  ReceiverConfig config;
  config.max_datagram_bytes = 2000;
  config.receive_buffer_bytes = 1;  // the kernel's least
  config.recipients = {{kLoopback + 1, FreePort()}};
  Recorder recorder(1);
  auto receiver = Receiver::Create(config, &recorder);
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  for (int i = 0; i < 100; ++i) Send(config.recipients[0], std::string(1000, 'x'));
  PollUntilQuiet(receiver->get());
  EXPECT_GT((*receiver)->OwnBufferDrops(), 0u);
  EXPECT_EQ((*receiver)->OwnBufferDrops() + recorder.counts()[0].received, 100u);
}

TEST(Receiver, TheReferenceHasItsOwnSocket) {
  ReceiverConfig config;
  config.max_datagram_bytes = 2000;
  config.recipients = {{kLoopback + 1, FreePort()}};
  config.reference = Recipient{kLoopback + 1, FreePort()};
  Recorder recorder(1);
  auto receiver = Receiver::Create(config, &recorder);
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  Send(*config.reference, "reference");
  Send(config.recipients[0], "recipient");
  PollUntilQuiet(receiver->get());
  EXPECT_EQ(recorder.reference, "reference");
  EXPECT_EQ(recorder.got[0], "recipient");
}

TEST(Receiver, TheReferenceMayShareThePortOfTheRecipients) {
  ReceiverConfig config;
  config.max_datagram_bytes = 2000;
  config.recipients = {{kLoopback + 1, FreePort()}};
  config.reference = Recipient{kLoopback + 2, config.recipients[0].udp_port};
  Recorder recorder(1);
  auto receiver = Receiver::Create(config, &recorder);
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  EXPECT_EQ((*receiver)->sockets(), 1u);
  Send(*config.reference, "reference");
  Send(config.recipients[0], "recipient");
  PollUntilQuiet(receiver->get());
  EXPECT_EQ(recorder.reference, "reference");
  EXPECT_EQ(recorder.got[0], "recipient");
  config.reference = config.recipients[0];
  EXPECT_FALSE(Receiver::Create(config, &recorder).ok());
}

TEST(Receiver, AnAddressInUseIsNamed) {
  ReceiverConfig config;
  config.max_datagram_bytes = 2000;
  config.recipients = {{kLoopback + 1, FreePort()}};
  Recorder recorder(1);
  const auto first = Receiver::Create(config, &recorder);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Receiver::Create(config, &recorder);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(ToString(config.recipients[0])), absl::string_view::npos)
      << second.status();
  config.recipients = {{0xcb007101, config.recipients[0].udp_port}};  // RFC 5737
  const auto foreign = Receiver::Create(config, &recorder);
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.status().message().find("does not own"), absl::string_view::npos)
      << foreign.status();
}

}  // namespace
}  // namespace groupcast
