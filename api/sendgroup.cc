// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/sendgroup.h"

#include <cerrno>
#include <climits>
#include <new>
#include <span>

#include "api/caller_buffer.h"
#include "api/engine_path.h"
#include "api/kernel_path.h"
#include "api/plain_call.h"
#include "api/seat.h"
#include "api/udp_socket.h"
#include "engine/datapath/cancellation.h"

namespace groupcast {
namespace {

// errno of a call that fails altogether, or 0.
int CheckCall(const CallerBuffer& buf, size_t recnum, int flags) {
  if ((flags & MSG_OOB) != 0) return EOPNOTSUPP;
  if (recnum > INT_MAX) return EINVAL;
  if (buf.IsNull()) return EFAULT;
  if (buf.shared().iov_len > 0 && buf.shared().iov_base == nullptr) return EFAULT;
  return 0;
}

size_t AllByKernel(int sd, const CallerBuffer& buf, size_t recnum, int flags, int* gerrno,
                   Counter reason) {
  CountHere(reason, recnum);
  return SendByKernel(sd, buf, recnum, flags, gerrno);
}

// The whole call by the kernel although an engine is attached: not before what went by the engine.
size_t InsteadByKernel(int sd, EngineUse* use, const UdpSocket& socket, const CallerBuffer& buf,
                       size_t recnum, int flags, uint64_t call, int* gerrno, Counter reason) {
  const bool nonblocking = socket.nonblocking || (flags & MSG_DONTWAIT) != 0;
  const bool in_order = EnginePath(*use, socket, buf, 0, nonblocking, call, nullptr).AwaitEarlier();
  use->End();
  if (in_order) return AllByKernel(sd, buf, recnum, flags, gerrno, reason);
  for (size_t i = 0; gerrno != nullptr && i < recnum; i++) gerrno[i] = EAGAIN;
  CountHere(Counter::kRecipientErrors, recnum);
  CountHere(Counter::kWouldBlock, recnum);
  return 0;
}

size_t SendByEngine(int sd, EngineUse* use, UdpSocket& socket, const CallerBuffer& buf,
                    size_t recnum, int flags, uint64_t call, int* gerrno) {
  const auto instead = [&](Counter reason) {
    return InsteadByKernel(sd, use, socket, buf, recnum, flags, call, gerrno, reason);
  };
  if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) {
    socket.corked = (flags & MSG_MORE) != 0;
    return instead(Counter::kKernelFlags);
  }
  if (socket.corked) {
    socket.corked = false;
    return instead(Counter::kKernelFlags);
  }
  if (socket.kernel_only || (socket.watch_errors && ErrorPending(sd))) {
    return instead(Counter::kKernelSocket);
  }
  if (use->engine()->resolver().EgressPolicy()) return instead(Counter::kKernelEgressPolicy);
  const bool nonblocking = socket.nonblocking || (flags & MSG_DONTWAIT) != 0;
  size_t by_engine;
  std::span<const uint32_t> by_kernel;  // this thread's, until its next call
  {
    EnginePath path(*use, socket, buf, recnum, nonblocking, call, gerrno);
    by_engine = path.Send();
    by_kernel = path.by_kernel();
  }
  CountHere(Counter::kEngineRecipients, by_engine);
  // A kernel that blocks must not hold up an engine that stops.
  use->End();
  return by_engine + (by_kernel.empty() ? 0 : SendByKernel(sd, buf, by_kernel, flags, gerrno));
}

// Both calls: they differ in the structure of `buf` only.
int Call(int sd, const CallerBuffer& buf, size_t recnum, int flags, int* gerrno) try {
  const int errno_before = errno;
  const CancellationOff cancellation_off;
  EngineUse use;
  UdpSocket* socket = nullptr;
  int error = 0;
  // The descriptor first, as the kernel does.
  if (use.engine() != nullptr) {
    // Meanwhile ReadSocket() asks the kernel.
    use.channel()->Prepare();
    socket = ReadSocket(sd, use.engine());
    if (socket == nullptr) error = errno;
  } else {
    error = CheckUdpSocket(sd);
  }
  if (error == 0) error = CheckCall(buf, recnum, flags);
  if (error != 0) {
    errno = error;
    return -1;
  }
  size_t sent = 0;
  if (recnum > 0) {
    CountHere(Counter::kGroupcasts, 1);
    CountHere(Counter::kRecipients, recnum);
    sent = socket != nullptr ? SendByEngine(sd, &use, *socket, buf, recnum, flags, 0, gerrno)
                             : AllByKernel(sd, buf, recnum, flags, gerrno, use.kernel_reason());
  }
  errno = errno_before;
  return static_cast<int>(sent);
} catch (const std::bad_alloc&) {
  errno = ENOMEM;
  return -1;
}

}  // namespace

size_t PlainCall(int sd, const CallerBuffer& buf, size_t recnum, int flags, uint64_t call,
                 int* gerrno) {
  EngineUse use;
  UdpSocket* socket = use.engine() != nullptr ? ReadSocket(sd, use.engine()) : nullptr;
  if (socket != nullptr) return SendByEngine(sd, &use, *socket, buf, recnum, flags, call, gerrno);
  use.End();
  return AllByKernel(sd, buf, recnum, flags, gerrno, use.kernel_reason());
}

}  // namespace groupcast

int sendgroup(int sd, giobuf* buf, size_t recnum, int flags, int* gerrno) {
  return groupcast::Call(sd, groupcast::CallerBuffer(buf), recnum, flags, gerrno);
}

int sendgroup6(int sd, giobuf6* buf, size_t recnum, int flags, int* gerrno) {
  return groupcast::Call(sd, groupcast::CallerBuffer(buf), recnum, flags, gerrno);
}

int groupcast_refresh(int sd) {
  const int error = groupcast::CheckUdpSocket(sd);
  if (error != 0 && error != EOPNOTSUPP) {
    errno = error;
    return -1;
  }
  groupcast::RefreshSockets();
  return 0;
}
