// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/port.h"

#include <rte_ethdev.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/datapath/hand_over.h"

namespace groupcast {

uint16_t Port::SendBurst() {
  const uint16_t waiting = Backlog();
  if (waiting == 0) return 0;
  rte_mbuf** mbufs = mbufs_.data() + first_;
  for (uint16_t i = 0; i < waiting; i++) HandOver(mbufs[i]);
  const uint16_t taken = rte_eth_tx_burst(plan_.port_id, plan_.queue, mbufs, waiting);
  if (taken < waiting) counters_->Add(Counter::kTxFull);
  if (taken > 0) needs_kick_ = kick_.count > 0;
  Account(taken);
  return taken;
}

// From here on nobody reads a field of the taken mbufs: they are the driver's.
void Port::Account(uint16_t taken) {
  uint64_t bytes = 0;
  first_ = static_cast<uint16_t>(first_ + taken);
  for (uint16_t left = taken; left > 0;) {
    PacketRun& run = runs_[first_run_];
    const uint16_t n = std::min(left, run.packets);
    uint32_t waiting_bytes = 0;
    if (n < run.packets) {
      const uint16_t vlan_len = plan_.vlan != 0 ? kVlanTag : 0;
      for (uint16_t i = 0; i < run.packets - n; i++) {
        waiting_bytes += mbufs_[first_ + i]->pkt_len + vlan_len;
      }
    } else {
      first_run_++;
    }
    bytes += run.bytes - waiting_bytes;
    run.bytes = waiting_bytes;
    run.first_recipient = static_cast<uint16_t>(run.first_recipient + n);
    run.packets = static_cast<uint16_t>(run.packets - n);
    left = static_cast<uint16_t>(left - n);
    Request* request = run.request;
    request->finished = static_cast<uint16_t>(request->finished + n);
    if (request->finished == request->nb_recipients) Complete(request);
  }
  if (first_ == count_) Empty();
  // Before they take the room of later requests.
  if (unlikely(Follows())) ForgetRead();
  taken_ += taken;
  counters_->Add(Counter::kPackets, taken);
  counters_->Add(Counter::kBytes, bytes);
}

uint16_t Port::Fail(int error) {
  const uint16_t failed = Backlog();
  for (; first_ < count_; first_++) rte_pktmbuf_free(mbufs_[first_]);
  for (; first_run_ < nb_runs_; first_run_++) {
    const PacketRun& run = runs_[first_run_];
    for (uint16_t i = 0; i < run.packets; i++) {
      FailRecipient(run.request, static_cast<uint16_t>(run.first_recipient + i), error);
    }
    run.request->finished = static_cast<uint16_t>(run.request->finished + run.packets);
    if (run.request->finished == run.request->nb_recipients) Complete(run.request);
  }
  Empty();
  return failed;
}

void Port::Follow(Request* request) {
  CompleteRequest(request, counters_, lcore_, /*kept=*/true);
  request->next = nullptr;
  (last_followed_ != nullptr ? last_followed_->next : followed_) = request;
  last_followed_ = request;
}

// Those in front that the driver has given back.
void Port::ForgetRead() {
  while (followed_ != nullptr && !IsRead(*followed_)) {
    Request* request = followed_;
    followed_ = request->next;
    EndUses(request, 1, 0, 0, lcore_);
  }
  if (followed_ == nullptr) last_followed_ = nullptr;
}

// A device does its descriptors in their order, so the one before the ring's tail is the last of
// all. Where it is done, nothing is read any more of what the driver still keeps.
void Port::AskForRead() {
  ForgetRead();
  if (followed_ == nullptr || !state_.present.load(std::memory_order_acquire)) return;
  const auto newest = static_cast<uint16_t>(plan_.tx_descriptors - 1);
  if (rte_eth_tx_descriptor_status(plan_.port_id, plan_.queue, newest) != RTE_ETH_TX_DESC_DONE) {
    return;
  }
  while (followed_ != nullptr) {
    Request* request = followed_;
    followed_ = request->next;
    const bool kept = IsRead(*request);
    request->read = kept;
    EndUses(request, 1, kept ? 1 : 0, 0, lcore_);
  }
  last_followed_ = nullptr;
}

void Port::EndFollowing() {
  while (followed_ != nullptr) EndUses(std::exchange(followed_, followed_->next), 1, 0, 0);
  last_followed_ = nullptr;
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
