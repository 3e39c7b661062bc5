// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "groupcast/sendgroup.h"
#include "tools/recipients.h"

namespace groupcast {

// How a groupcast is sent: by one sendgroup(), or as programs do without it.
enum class SendCall : uint8_t { kSendgroup, kSendmsg, kSendmmsg };

struct SendPlan {
  std::vector<Recipient> recipients;
  size_t payload_bytes = 1000;
  size_t prepend_bytes = 0;
  size_t append_bytes = 0;
  uint64_t groupcasts = 1000;        // by each thread
  double groupcasts_per_second = 0;  // by each thread; 0: as fast as it goes
  uint32_t end_markers = 3;          // groupcasts behind the last that tell where it was
  uint32_t first_stream = 1;         // the first thread's; the others count on
  int flags = 0;                     // MSG_DONTWAIT or 0
  SendCall call = SendCall::kSendgroup;
};

struct SendCounts {
  uint64_t groupcasts = 0;
  uint64_t sent = 0;               // datagrams, without end markers
  std::map<int, uint64_t> errors;  // datagrams by errno
  uint64_t failed_calls = 0;       // sendgroup() that returned -1; its recipients are errors
  uint64_t in_call_ns = 0;         // time spent in the calls, without making the datagrams

  void Add(const SendCounts& other);
};

// One thread's stream of groupcasts.
class Sender {
 public:
  // `socket` may be shared by several senders.
  Sender(const SendPlan& plan, uint32_t stream, int socket);

  // Returns when all is sent, or soon after `*stop` became true.
  SendCounts Run(const std::atomic<bool>* stop);

 private:
  void Prepare(uint64_t sequence, bool end);
  void Send(SendCounts* counts);
  int SendOneByOne();
  int SendInBatches();

  const SendPlan& plan_;
  const uint32_t stream_;
  const int socket_;
  std::vector<uint8_t> payload_;
  std::vector<uint8_t> private_bytes_;
  std::unique_ptr<uint8_t[]> group_memory_;
  giobuf* group_;
  std::vector<iovec> iovecs_;  // three for each recipient
  std::vector<mmsghdr> messages_;
  std::vector<int> errors_;  // by recipient, as from sendgroup()
};

}  // namespace groupcast
