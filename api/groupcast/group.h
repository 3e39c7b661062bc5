// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// A registered group: its members are resolved once, kept ready as header lines, and followed when
// routes and next hops change, so that a send costs per member no more than writing the packet.
#ifndef GROUPCAST_GROUP_H_
#define GROUPCAST_GROUP_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "groupcast/completion.h"
#include "groupcast/export.h"
#include "groupcast/payload.h"
#include "groupcast/recipient.h"

namespace groupcast {

class Ingress;

// Whether packets share the payload's memory or have a copy each. What arrives is the same.
enum class Strategy : uint8_t {
  kAuto,   // what the port's driver profile holds for cheaper (its copybreak)
  kChain,  // shared wherever the port takes chains of mbufs
  kCopy,   // copied to each packet
};

// One member's private bytes of one send; length 0: none. They are copied before the next member
// is asked, so all may use one buffer.
struct PrivateBytes {
  iovec prepend{};
  iovec append{};
};

// The private bytes of a send's members in one array of the application's: that of a member is the
// row whose number is the member's tag. Its first `prepend_len` bytes go before the payload, the
// `append_len` bytes behind these go behind it. Read on the sending thread before the send returns
// (SendAsync(), too); nothing of it is written or kept. Rows may overlap. A fifth of the work of
// SendOptions::private_bytes.
struct PrivateTable {
  const void* base = nullptr;  // of row 0
  size_t rows = 0;             // 0: there is no table, and nobody has private bytes
  size_t stride = 0;           // bytes from one row to the next
  size_t prepend_len = 0;      // bytes
  size_t append_len = 0;       // bytes
};

struct SendOptions {
  // Never waits for room, like MSG_DONTWAIT; also where the socket is O_NONBLOCK.
  bool nonblocking = false;
  Strategy strategy = Strategy::kAuto;
  // The most that a datagram may leave with of time to live (IPv4) or hop limit (IPv6); 0: as the
  // socket says. For who passes on what it has received: one less than that came with, so that
  // what goes round in a circle ends.
  uint8_t hop_limit = 0;
  // Begins each send with another member, so that no one is always served first or last. (Members
  // that go by the kernel come behind the others.)
  bool rotate = false;
  // Called once for each member, on the sending thread and before the send returns (SendAsync(),
  // too), in no order that one may rely on; null: nobody has private bytes. It may throw
  // std::bad_alloc only. What it sends itself goes by the kernel; it must not change the group.
  std::function<void(const Recipient&, PrivateBytes*)> private_bytes;
  // Instead of `private_bytes`, where everybody's have the same lengths. A member whose tag is not
  // below `rows` is not sent to and fails with EINVAL; without a base, or with more bytes than a
  // datagram holds, each fails as sendgroup() says (EFAULT, EMSGSIZE).
  PrivateTable private_table;
  // Where Send() adds the members that it failed for; null: nobody wants to know. SendAsync() does
  // not write to it: not null, it makes CompletedSend::errors be filled.
  std::vector<MemberError>* errors = nullptr;
};

struct SendResult {
  uint64_t revision = 0;  // of the membership that was sent to
  size_t members = 0;     // in it
  size_t sent = 0;        // of them: without an error
};

// Threads: every method may be called by any number of threads at once; changes are made one after
// the other, and a send has the membership of one moment, whatever changes meanwhile: one that
// began before Remove() returned may still ask for a removed member's private bytes. Not in a child
// forked after its creation. Movable by one thread while no other uses it.
class GROUPCAST_API Group {
 public:
  // A group that sends from `sd`, a UDP socket of either family. The group keeps a descriptor of
  // its own to that socket; `sd` may be closed. What the socket's options say is read now and by
  // Refresh() only. An unbound socket is bound (to any address and a free port). With or without an
  // engine. Errors:
  //   kInvalidArgument    `sd` is not open, not a socket or not a UDP socket.
  //   kResourceExhausted  no descriptor is free.
  [[nodiscard]] static absl::StatusOr<Group> Create(int sd);

  // Changes the membership, all of it at once for whoever sends; returns the new revision. A member
  // is an address, UDP port and scope; its tag comes along. Adding one that is there changes its
  // tag; removing one that is not is no error. Blocks while the kernel is asked for the routes
  // (some 3 us each); senders go on meanwhile. What a member lacks shows when it is sent to.
  //   kInvalidArgument    a member has port 0, or is IPv6 and the socket AF_INET, or is link-local
  //                       without a scope, or IPv4 on a v6-only socket: nothing was changed.
  //   kResourceExhausted  no memory: the change may have been made in part.
  absl::StatusOr<uint64_t> Add(absl::Span<const Recipient> members);
  absl::StatusOr<uint64_t> Remove(absl::Span<const Recipient> members);
  absl::StatusOr<uint64_t> Replace(absl::Span<const Recipient> members);

  size_t size() const;
  uint64_t revision() const;
  // A copy of the membership, in no order.
  std::vector<Recipient> Members() const;

  // Reads the socket's options again and makes every line anew. Blocks like Add().
  absl::Status Refresh();

  // Sends one datagram to each member: its prepend, the payload, its append. Blocks as sendgroup()
  // does (each packet was accepted by its port's ring or by the kernel), and never with
  // `nonblocking`. `payload` may be sent again, changed or released as its form allows.
  //   kInvalidArgument     the payload was released; or the options have both `private_bytes` and
  //                        a `private_table`. Nothing was sent.
  //   kResourceExhausted   no memory for the call; some members may have been sent to.
  // What goes wrong for one member is no error of the call: see SendOptions::errors.
  absl::StatusOr<SendResult> Send(const Payload& payload, const SendOptions& options = {});

  // The same without waiting for anything: nonblocking whatever the options say. The send is
  // collected from `queue` as a CompletedSend with this `user_data`, exactly once, when it has
  // reached `stage`. Members that go by the kernel are sent to before this returns. The engine may
  // let the others wait for 1 us, while more follow that cost it less together.
  //   kInvalidArgument     as with Send(). Nothing was sent.
  //   kResourceExhausted   `queue` has no room, or no memory, for one more: collect some. Nothing
  //                        was sent.
  //   kAborted             no memory for all of it: it completes all the same, with what was sent.
  absl::Status SendAsync(const Payload& payload, CompletionQueue& queue, uint64_t user_data,
                         Stage stage = Stage::kAccepted, const SendOptions& options = {});

  Group(Group&&) noexcept;
  Group& operator=(Group&&) noexcept;
  // Sends under way, synchronous ones of other threads included, must not begin after this;
  // asynchronous ones end as if it were still there.
  ~Group();

  class State;

 private:
  friend class Ingress;
  explicit Group(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace groupcast

#endif  // GROUPCAST_GROUP_H_
