// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/kernel/differential_addresses.h"
#include "tests/kernel/differential_options.h"
#include "tests/kernel/differential_world.h"
#include "tests/kernel/traffic.h"

namespace groupcast {

struct RandomRecipient {
  Address to;
  const AddressClass* kind;
  iovec prepend, append;
};

// One groupcast, to be sent both ways after `options` were set on its socket.
struct Round {
  std::vector<SocketOption> options;
  bool six;  // the recipients are in structures of sendgroup6()
  iovec shared;
  std::vector<RandomRecipient> recipients;
  int flags;
  unsigned calls;  // how often it is sent
};

// A socket and what is sent from it. Depends on the seed, the case's number and its epoch only.
// The calling thread is in the world's tx.
class Case {
 public:
  Case(uint64_t seed, uint64_t number, const Epoch& epoch);

  uint64_t number() const { return number_; }
  const std::vector<Round>& rounds() const { return rounds_; }

  // With the options of the first round.
  Socket Open() const;
  std::string Description(const Round& round) const;
  std::string Description(const Round& round, size_t recipient) const;

 private:
  void ChooseSocket(Random* random);
  void FillRound(Random* random, const Epoch& epoch, Round* round);
  bool Suits(const AddressClass& kind, const Epoch& epoch, size_t length, size_t* unanswered) const;
  bool HasOption(int level, int option) const;

  uint64_t number_;
  int family_ = AF_INET;
  std::optional<Address> bound_;  // else by the kernel
  std::optional<Address> peer_;   // connected to it
  bool disconnected_ = false;     // and to it no more
  bool other_user_ = false;       // the socket belongs to World::kUid
  bool hears_errors_ = false;     // of ICMP
  bool little_memory_ = false;
  std::vector<Round> rounds_;
};

}  // namespace groupcast
