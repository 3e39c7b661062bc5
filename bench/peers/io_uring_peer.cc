// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// io_uring: sendmsg() for many recipients in one system call, plain and zero-copy.
#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "bench/peers/peer.h"
#include "bench/peers/udp_messages.h"

namespace groupcast {
namespace {

class IoUringPeer : public Peer {
 public:
  IoUringPeer(UdpMessages messages, bool zero_copy)
      : messages_(std::move(messages)), zero_copy_(zero_copy) {}
  ~IoUringPeer() override {
    if (initialized_) io_uring_queue_exit(&ring_);
  }

  absl::Status Start(unsigned batch);
  void Send() override;

 private:
  // Room for another send in the ring; with a full one submits, and waits for some to be over.
  io_uring_sqe* Next();
  // Submits, waits for at least one completion, and takes all that are there.
  void Turn();
  void Take(const io_uring_cqe& completion);

  UdpMessages messages_;
  const bool zero_copy_;
  io_uring ring_{};
  bool initialized_ = false;
  unsigned batch_ = 0;
  unsigned on_their_way_ = 0;  // sends whose last completion has not come
};

absl::Status IoUringPeer::Start(unsigned batch) {
  // Completions are handled when we wait for them, without interrupting the sending.
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  params.cq_entries = 2 * batch;  // a zero-copy send has two completions
  int error = -io_uring_queue_init_params(batch, &ring_, &params);
  if (error == EINVAL) {  // before Linux 6.1
    params = {};
    params.flags = IORING_SETUP_CQSIZE;
    params.cq_entries = 2 * batch;
    error = -io_uring_queue_init_params(batch, &ring_, &params);
  }
  if (error == ENOSYS || error == EPERM) {
    return absl::UnimplementedError(
        absl::StrFormat("io_uring_setup(): %s; this kernel has no io_uring, or "
                        "kernel.io_uring_disabled forbids it",
                        std::strerror(error)));
  }
  if (error != 0) {
    return absl::InternalError(absl::StrFormat("io_uring_setup(): %s", std::strerror(error)));
  }
  initialized_ = true;
  batch_ = batch;
  const int operation = zero_copy_ ? IORING_OP_SENDMSG_ZC : IORING_OP_SENDMSG;
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
  const bool supported = probe != nullptr && io_uring_opcode_supported(probe, operation) != 0;
  io_uring_free_probe(probe);
  if (!supported) {
    return absl::UnimplementedError(absl::StrFormat(
        "this kernel's io_uring has no %s", zero_copy_ ? "SENDMSG_ZC (Linux 6.1)" : "SENDMSG"));
  }
  // Looked up once, not with each send.
  const int sd = messages_.sd();
  if (const int failed = io_uring_register_files(&ring_, &sd, 1); failed != 0) {
    return absl::InternalError(
        absl::StrFormat("io_uring_register_files(): %s", std::strerror(-failed)));
  }
  return absl::OkStatus();
}

void IoUringPeer::Send() {
  for (size_t i = 0; i < messages_.size(); i++) {
    io_uring_sqe* entry = Next();
    const msghdr* message = &messages_.message(i)->msg_hdr;
    if (zero_copy_) {
      io_uring_prep_sendmsg_zc(entry, 0, message, 0);
    } else {
      io_uring_prep_sendmsg(entry, 0, message, 0);
    }
    entry->flags |= IOSQE_FIXED_FILE;
    on_their_way_++;
  }
  while (on_their_way_ > 0) Turn();
}

io_uring_sqe* IoUringPeer::Next() {
  while (on_their_way_ == batch_) Turn();
  io_uring_sqe* entry;
  while ((entry = io_uring_get_sqe(&ring_)) == nullptr) Turn();
  return entry;
}

void IoUringPeer::Turn() {
  io_uring_submit_and_wait(&ring_, 1);
  unsigned head, taken = 0;
  io_uring_cqe* completion;
  io_uring_for_each_cqe(&ring_, head, completion) {
    Take(*completion);
    taken++;
  }
  io_uring_cq_advance(&ring_, taken);
}

void IoUringPeer::Take(const io_uring_cqe& completion) {
  // The bytes of a zero-copy send are the kernel's until its notification, which comes behind a
  // result with F_MORE.
  const bool is_result = (completion.flags & IORING_CQE_F_NOTIF) == 0;
  if (is_result && completion.res < 0) CountError(-completion.res);
  if ((completion.flags & IORING_CQE_F_MORE) == 0) on_their_way_--;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> MakeIoUringPeer(const PeerOptions& options, Load* load) {
  auto messages = UdpMessages::Create(load);
  if (!messages.ok()) return messages.status();
  auto peer = std::make_unique<IoUringPeer>(*std::move(messages), options.name == "io_uring_zc");
  const auto batch = static_cast<unsigned>(std::min<size_t>(options.batch, load->recipients()));
  if (absl::Status status = peer->Start(batch); !status.ok()) return status;
  return peer;
}

}  // namespace groupcast
