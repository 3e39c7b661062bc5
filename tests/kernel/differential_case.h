// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
  iovec shared;
  std::vector<RandomRecipient> recipients;
  int flags;
  unsigned calls;  // how often it is sent
};

// A socket and what is sent from it. Depends on the seed, the case's number and its epoch only.
struct Case {
  Case(uint64_t seed, uint64_t number, const Epoch& epoch);

  uint64_t number;
  uint16_t udp_port;             // of the source
  std::optional<Address> bound;  // else by the kernel
  std::optional<Address> peer;   // connected to it
  bool disconnected;             // and to it no more
  bool other_user;               // the socket belongs to World::kUid
  std::vector<Round> rounds;

  // In the calling thread's namespace.
  Socket Open() const;
  std::string Description(const Round& round) const;
  std::string Description(const Round& round, size_t recipient) const;

 private:
  void AddRound(Random* random, const Epoch& epoch, bool quiet, size_t headers);
};

// "10.0.0.1:5004".
std::string Show(const Address& address);

}  // namespace groupcast
