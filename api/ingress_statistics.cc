// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What an Ingress has counted.
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "api/ingress_state.h"

namespace groupcast {
namespace {

// Datagrams that a socket's buffer lost, or its filter dropped.
uint64_t Dropped(int fd) {
  uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof(info);
  return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

void AddFlow(const IngressFlow& flow, IngressStatistics* sum, uint64_t* kernel_dropped) {
  const auto read = [&](FlowCounter counter) { return flow.counters().Read(counter); };
  sum->engine_datagrams += read(FlowCounter::kDatagrams);
  sum->bytes += read(FlowCounter::kBytes);
  sum->bad_checksum += read(FlowCounter::kBadChecksum);
  sum->filtered += read(FlowCounter::kFiltered);
  sum->not_rtp += read(FlowCounter::kNotRtp);
  sum->expired += read(FlowCounter::kExpired);
  sum->queue_full += read(FlowCounter::kQueueFull) + read(FlowCounter::kLaneFull);
  sum->unsent += read(FlowCounter::kDiscarded);
  sum->late += read(FlowCounter::kLate);
  sum->rtp_restarts += read(FlowCounter::kRestarts);
  uint64_t failed = 0;
  for (int error = 1; error < 256; error++) {
    const uint64_t n = flow.errors().by_errno[static_cast<size_t>(error)];
    if (n == 0) continue;
    // Those that a stopping engine did not start.
    sum->errors[error == kNotStarted ? ECANCELED : error] += n;
    failed += n;
  }
  const uint64_t recipients = read(FlowCounter::kRecipients);
  sum->sent_by_engine += recipients - std::min(failed, recipients);
  const uint64_t no_room = read(FlowCounter::kUnsentRecipients);
  if (no_room > 0) sum->errors[ENOBUFS] += no_room;
  const auto& kernel = flow.kernel_counts;
  sum->left_gso += kernel[INGRESS_LEFT_GSO];
  sum->left_fragment += kernel[INGRESS_LEFT_FRAGMENT];
  sum->left_header += kernel[INGRESS_LEFT_HEADER];
  sum->left_long += kernel[INGRESS_LEFT_LONG];
  *kernel_dropped += kernel[INGRESS_DROPPED];
}

}  // namespace

// Those that nobody uses any more.
void Ingress::State::FoldFlowsBefore() {
  std::erase_if(flows_before_, [&](const std::shared_ptr<IngressFlow>& flow) {
    if (flow->in_use() || !flow->leftovers().Empty()) return false;
    const std::lock_guard counts_lock(counts_mutex_);
    AddFlow(*flow, &counts_, &kernel_dropped_before_);
    return true;
  });
}

IngressStatistics Ingress::State::statistics() const {
  // Before what the kernel's program counted: what is dropped meanwhile is no overflow.
  uint64_t dropped = 0;
  for (const Socket& socket : Sockets()) dropped += Dropped(socket.fd);
  const std::lock_guard lock(mutex_);
  if (flow_ != nullptr) {
    const EngineUse use(EngineUse::Need::kEngineOnly);
    if (use.engine() != nullptr && use.engine()->instance() == engine_) {
      use.engine()->ingress().ReadCounts(flow_.get());
    }
  }
  IngressStatistics sum;
  uint64_t kernel_dropped = kernel_dropped_before_;
  {
    const std::lock_guard counts_lock(counts_mutex_);
    sum = counts_;
  }
  for (const auto& flow : flows_before_) AddFlow(*flow, &sum, &kernel_dropped);
  if (flow_ != nullptr) AddFlow(*flow_, &sum, &kernel_dropped);
  sum.sent += sum.sent_by_engine;
  // What has a wrong checksum, the socket drops before its filter sees it.
  sum.overflow = dropped - std::min(dropped, kernel_dropped + sum.bad_checksum);
  return sum;
}

}  // namespace groupcast
