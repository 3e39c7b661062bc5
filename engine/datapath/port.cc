// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/port.h"

#include <rte_ethdev.h>
#include <sys/socket.h>

#include <cerrno>

#include "engine/datapath/hand_over.h"

namespace groupcast {

uint16_t Port::SendBurst() {
  const uint16_t waiting = Backlog();
  if (waiting == 0) return 0;
  rte_mbuf* mbufs[kBurst];
  for (uint16_t i = 0; i < waiting; i++) {
    mbufs[i] = packets_[first_ + i].mbuf;
    HandOver(mbufs[i]);
  }
  const uint16_t taken = rte_eth_tx_burst(plan_.port_id, plan_.queue, mbufs, waiting);
  if (taken < waiting) counters_->Add(Counter::kTxFull);
  if (taken > 0) needs_kick_ = kick_.count > 0;
  Account(taken);
  return taken;
}

// From here on nobody reads a field of the taken mbufs: they are the driver's.
void Port::Account(uint16_t taken) {
  uint64_t bytes = 0;
  const uint16_t end = first_ + taken;
  while (first_ < end) {
    Request* request = packets_[first_].request;
    uint16_t run = 0;
    while (first_ < end && packets_[first_].request == request) {
      bytes += packets_[first_].frame_len;
      first_++;
      run++;
    }
    request->finished += run;
    if (request->finished == request->nb_recipients) CompleteRequest(request, counters_);
  }
  if (first_ == count_) first_ = count_ = 0;
  counters_->Add(Counter::kPackets, taken);
  counters_->Add(Counter::kBytes, bytes);
}

uint16_t Port::Fail(int error) {
  const uint16_t failed = Backlog();
  for (; first_ < count_; first_++) {
    const Packet& packet = packets_[first_];
    rte_pktmbuf_free(packet.mbuf);
    FailRecipient(packet.request, packet.recipient, error);
    packet.request->finished++;
    if (packet.request->finished == packet.request->nb_recipients) {
      CompleteRequest(packet.request, counters_);
    }
  }
  first_ = count_ = 0;
  return failed;
}

void Port::Kick() {
  bool more = false;
  for (size_t i = 0; i < kick_.count; i++) {
    // lint: allow(system call): the idle step's kick of a socket's ring
    const ssize_t sent = sendto(kick_.descriptors[i], nullptr, 0, MSG_DONTWAIT, nullptr, 0);
    // 0: the ring holds nothing to send. EBUSY: an XDP socket's frame was dropped by the device,
    // and what is behind it not looked at. Other errors (link down) are not cured by more kicks.
    const bool again = errno == ENOBUFS || errno == EAGAIN || errno == EBUSY;
    if (sent > 0 || (sent < 0 && again)) more = true;
  }
  needs_kick_ = more;
  counters_->Add(Counter::kKicks);
}

}  // namespace groupcast
