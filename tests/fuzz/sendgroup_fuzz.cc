// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// sendgroup() and sendgroup6() with any arguments (sendgroup_case.h), twice: with an engine on
// net_ring and net_null in a network namespace without routes, and, built with
// GROUPCAST_FUZZ_KERNEL, without an engine in one with a loopback. What goes by the kernel is
// compared with sendmmsg() on the same socket, what goes by the engine with the frames that shall
// leave.
#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "tests/fuzz/sendgroup_arguments.h"
#include "tests/fuzz/sendgroup_case.h"
#include "tests/fuzz/sendgroup_sockets.h"
#include "tests/wire/wire.h"

namespace groupcast {
namespace {

#ifdef GROUPCAST_FUZZ_KERNEL
constexpr bool kEngine = false;
#else
constexpr bool kEngine = true;
#endif

constexpr int kErrnoBefore = ERANGE;  // nothing here sets that
constexpr size_t kCallsPerEngine = 4000;
constexpr size_t kLargestOnWire = 1472;
constexpr size_t kLargestOnWire6 = 1452;

int Call(int sd, giobuf* buf, size_t recnum, int flags, int* gerrno) {
  return sendgroup(sd, buf, recnum, flags, gerrno);
}
int Call(int sd, giobuf6* buf, size_t recnum, int flags, int* gerrno) {
  return sendgroup6(sd, buf, recnum, flags, gerrno);
}

enum class By { kKernel, kRing, kNull };

// What sendmmsg() says for one recipient.
template <typename Buf>
int KernelError(int sd, const Arguments<Buf>& arguments, size_t i, int flags) {
  auto to = arguments.buf()->recinfo[i].giov_dest;
  std::vector<iovec> parts;
  for (const iovec* part : arguments.Parts(i)) {
    if (part->iov_len > 0) parts.push_back(*part);
  }
  mmsghdr message{};
  message.msg_hdr.msg_name = &to;
  message.msg_hdr.msg_namelen = sizeof(to);
  message.msg_hdr.msg_iov = parts.data();
  message.msg_hdr.msg_iovlen = parts.size();
  return sendmmsg(sd, &message, 1, static_cast<unsigned>(flags)) == 1 ? 0 : errno;
}

class SendgroupFuzz : public WireTest {
 public:
  void TestBody() override {}

  void Start() {
    SetUp();
    if (!kEngine) return RaiseLoopback();
    Attach("net_ring0",
           "\n  - name: wire1\n    device: net_null0\n    static: {mac: \"02:00:00:00:00:03\", "
           "address: 10.0.0.1, address6: fd00::1, next_hops: [{to: 172.16.0.0/12, mac: "
           "\"02:00:00:00:00:02\"}, {to: \"fd00::/16\", mac: \"02:00:00:00:00:02\"}]}\n");
  }

  void Stop() { TearDown(); }  // compares what the mempools have

  void Run(const FuzzCase& calls) {
    for (const FuzzCall& call : calls) {
      const int sd = OpenFuzzSocket(call.socket);
      // Twice: the second time its state is known, and it is bound.
      for (int i = 0; i < (call.flags == 0 ? 2 : 1); i++) {
        call.six != 0 ? Send<giobuf6>(sd, call) : Send<giobuf>(sd, call);
      }
      close(sd);
      if (kEngine && ++calls_ % kCallsPerEngine == 0) {
        Stop();
        Start();
      }
    }
  }

 private:
  // What the call as a whole shall fail with.
  template <typename Buf>
  static int CallError(int sd, const FuzzCall& call, const Arguments<Buf>& arguments) {
    int protocol = 0, type = 0;
    socklen_t length = sizeof(int);
    if (getsockopt(sd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0) return errno;
    getsockopt(sd, SOL_SOCKET, SO_TYPE, &type, &length);
    if (protocol != IPPROTO_UDP || type != SOCK_DGRAM) return EOPNOTSUPP;
    if ((call.flags & MSG_OOB) != 0) return EOPNOTSUPP;
    if (arguments.recnum() > INT_MAX) return EINVAL;
    if (call.null_buf != 0) return EFAULT;
    if (call.null_payload != 0 && call.payload > 0) return EFAULT;
    return 0;
  }

  template <typename Buf>
  static By WayOf(const FuzzCall& call, const Arguments<Buf>& arguments, uint16_t source_port,
                  size_t i) {
    const auto flags = static_cast<uint32_t>(call.flags);
    if (!kEngine || !MayUseEngine(call.socket) || source_port == 0) return By::kKernel;
    if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) return By::kKernel;
    const auto& to = arguments.buf()->recinfo[i].giov_dest;
    const std::optional<sockaddr_in> four = Ipv4Of(to);
    if (reinterpret_cast<const sockaddr_in&>(to).sin_port == 0) return By::kKernel;
    const size_t most = four ? kLargestOnWire : kLargestOnWire6;
    uint64_t bytes = 0;
    for (const iovec* part : arguments.Parts(i)) {
      if (part->iov_len > most) return By::kKernel;
      if (part->iov_len > 0 && part->iov_base == nullptr) return By::kKernel;
      bytes += part->iov_len;
    }
    if (bytes > most) return By::kKernel;
    if (!four) return IsIpv6(call.socket) && IsInPortsPrefix(to) ? By::kNull : By::kKernel;
    const bool mapped = reinterpret_cast<const sockaddr&>(to).sa_family == AF_INET6;
    if (call.socket == "ipv6_only" || (mapped && !IsIpv6(call.socket))) return By::kKernel;
    const uint32_t address = ntohl(four->sin_addr.s_addr);
    if (address >> 24 == 10) return By::kRing;
    return address >> 20 == 0xac1 ? By::kNull : By::kKernel;
  }

  template <typename Buf>
  void Send(int sd, const FuzzCall& call) {
    auto arguments = std::make_unique<Arguments<Buf>>(call);
    const int flags = static_cast<int>(static_cast<uint32_t>(call.flags));
    sockaddr_in from{};
    socklen_t length = sizeof(from);
    getsockname(sd, reinterpret_cast<sockaddr*>(&from), &length);
    const int call_error = CallError(sd, call, *arguments);
    StartCounting();
    errno = kErrnoBefore;
    const int sent = Call(sd, call.null_buf != 0 ? nullptr : arguments->buf(), arguments->recnum(),
                          flags, call.errors != 0 ? arguments->errors() : nullptr);
    const int error = errno;
    if (call_error != 0) {
      EXPECT_EQ(sent, -1);
      EXPECT_EQ(error, call_error);
      EXPECT_EQ(Counted("groupcasts"), 0U);
      for (const int touched : arguments->Errors()) EXPECT_EQ(touched, kUntouched);
      return;
    }
    EXPECT_EQ(error, kErrnoBefore);
    const size_t recnum = arguments->recnum();
    std::vector<By> ways(recnum);
    for (size_t i = 0; i < recnum; i++) {
      ways[i] = WayOf(call, *arguments, from.sin_port, i);
    }
    CheckErrors(sd, call, *arguments, ways, sent);
    CheckCounters(call, ways, recnum, static_cast<size_t>(sent));
    if (kEngine) CheckFrames(call, std::move(arguments), ways, from);
  }

  // Each recipient's errno, by sending once more what went by the kernel.
  template <typename Buf>
  static void CheckErrors(int sd, const FuzzCall& call, const Arguments<Buf>& arguments,
                          const std::vector<By>& ways, int sent) {
    const std::vector<int> errors = arguments.Errors();
    const size_t recnum = arguments.recnum();
    if (call.errors != 0) {
      EXPECT_EQ(std::count(errors.begin(), errors.begin() + static_cast<ptrdiff_t>(recnum), 0),
                sent);
    }
    for (size_t i = recnum; i < errors.size(); i++) EXPECT_EQ(errors[i], kUntouched) << i;
    // Then the next datagram is the rest of the last one.
    const bool pieces = call.socket == "corked" || (call.flags & MSG_MORE) != 0;
    const bool waits = call.socket != "nonblocking" && (call.flags & MSG_DONTWAIT) == 0;
    int expected = 0;
    for (size_t i = 0; i < recnum; i++) {
      int error = 0;
      if (ways[i] == By::kKernel && !pieces) {
        error = KernelError(sd, arguments, i, static_cast<int>(static_cast<uint32_t>(call.flags)));
      }
      expected += error == 0 ? 1 : 0;
      if (call.errors == 0 || (pieces && ways[i] == By::kKernel)) continue;
      if (!waits && errors[i] == EAGAIN) continue;
      EXPECT_EQ(errors[i], error) << "recipient " << i << " of\n" << PrintFuzzCase({call});
    }
    if (!pieces && waits) {
      EXPECT_EQ(sent, expected) << PrintFuzzCase({call});
    }
  }

  void CheckCounters(const FuzzCall& call, const std::vector<By>& ways, size_t recnum,
                     size_t sent) const {
    EXPECT_EQ(Counted("groupcasts"), recnum > 0 ? 1U : 0U);
    EXPECT_EQ(Counted("recipients"), recnum);
    EXPECT_EQ(Counted("recipient_errors"), recnum - sent);
    uint64_t by_kernel = 0;
    for (const char* reason :
         {"kernel_no_engine", "kernel_socket", "kernel_flags", "kernel_destination", "kernel_route",
          "kernel_mtu", "kernel_unresolved", "kernel_routes_full", "kernel_no_channel",
          "kernel_stopped", "kernel_egress_policy"}) {
      by_kernel += Counted(reason);
    }
    EXPECT_GE(by_kernel, Counted("kernel_recipients"));
    if (Counted("would_block") > 0) return;
    EXPECT_EQ(by_kernel, Counted("kernel_recipients")) << PrintFuzzCase({call});
    EXPECT_EQ(Counted("kernel_recipients"),
              static_cast<uint64_t>(std::count(ways.begin(), ways.end(), By::kKernel)))
        << PrintFuzzCase({call});
    EXPECT_EQ(Counted("engine_recipients") + Counted("kernel_recipients"), recnum);
  }

  // What the engine took leaves whole, once, and in the order of the recipients.
  template <typename Buf>
  void CheckFrames(const FuzzCall& call, std::unique_ptr<Arguments<Buf>> arguments,
                   const std::vector<By>& ways, sockaddr_in source) {
    const std::vector<int> errors = arguments->Errors();
    const bool options = call.socket == "options";
    source.sin_addr = from().sin_addr;
    struct Expected {
      sockaddr_in to;
      std::string datagram;
    };
    std::vector<Expected> expected;
    for (size_t i = 0; i < ways.size(); i++) {
      if (ways[i] != By::kRing || errors[i] == EAGAIN) continue;
      expected.push_back({*Ipv4Of(arguments->buf()->recinfo[i].giov_dest), arguments->Datagram(i)});
    }
    arguments.reset();  // nothing of the caller's is read any more
    if (call.errors == 0 && Counted("would_block") > 0) {
      // Nobody says which.
      usleep(1000);
      for (rte_mbuf* frame : Take(kMostAtOnce)) Free(frame);
      return;
    }
    const std::vector<rte_mbuf*> frames = TakeAll(expected.size());
    for (size_t i = 0; i < frames.size(); i++) {
      const std::string frame = FrameOf(frames[i]);
      EXPECT_EQ(rte_mbuf_check(frames[i], 1, nullptr), 0);
      EXPECT_EQ(frame, ExpectedFrame(source, expected[i].to, options ? 9 : 64, options ? 0x2e : 0,
                                     true, 0, expected[i].datagram));
      Free(frames[i]);
    }
    EXPECT_TRUE(Take(1).empty()) << "more frames than recipients";
  }

  size_t calls_ = 0;
};

SendgroupFuzz* fuzz = nullptr;

void End() { fuzz->Stop(); }

}  // namespace
}  // namespace groupcast

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  using namespace groupcast;
  testing::InitGoogleTest();
  GTEST_FLAG_SET(throw_on_failure, true);  // which ends the process
  fuzz = new SendgroupFuzz;
  fuzz->Start();
  std::atexit(End);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace groupcast;
  fuzz->Run(ParseFuzzCase({reinterpret_cast<const char*>(data), size}));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace groupcast;
  std::minstd_rand random(seed);
  FuzzCase calls = ParseFuzzCase({reinterpret_cast<const char*>(data), size});
  for (unsigned changes = 0; changes < 1 + seed % 3; changes++) MutateFuzzCase(&calls, &random);
  const std::string text = PrintFuzzCase(calls);
  if (text.size() > max_size) return size;
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
