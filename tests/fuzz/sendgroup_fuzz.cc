// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// sendgroup() with any arguments (sendgroup_case.h), twice: with an engine on net_ring and net_null
// in a network namespace without routes, and, built with GROUPCAST_FUZZ_KERNEL, without an engine
// in one with a loopback. What goes by the kernel is compared with sendmmsg() on the same socket,
// what goes by the engine with the frames that shall leave.
#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

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

constexpr int kUntouched = -12345;    // in gerrno
constexpr int kErrnoBefore = ERANGE;  // nothing here sets that
constexpr uint64_t kLargestAllocated = 66000;
constexpr size_t kMostAtOnce = 900;  // what net_ring holds without a consumer
constexpr size_t kCallsPerEngine = 4000;
constexpr size_t kLargestOnWire = 1472;

enum class By { kKernel, kRing, kNull };

// The arguments of one call in memory of their exact sizes, so that whatever is read beside them
// shows.
class Arguments {
 public:
  explicit Arguments(const FuzzCall& call) {
    const size_t given = Count(call);
    recnum_ = call.recnum > INT_MAX ? call.recnum : std::min<uint64_t>(call.recnum, given);
    if (call.recnum == FuzzCall{}.recnum) recnum_ = given;
    const size_t bytes = offsetof(giobuf, recinfo) + std::max<size_t>(given, 1) * sizeof(giovec);
    buf_.reset(static_cast<giobuf*>(std::calloc(1, bytes)));
    Fill(call.payload, call.null_payload != 0, 1, &buf_->shared);
    size_t n = 0;
    for (const FuzzRecipient& to : call.to) {
      iovec prepend{}, append{};
      Fill(to.prepend, to.null_prepend != 0, n * 2, &prepend);
      Fill(to.append, to.null_append != 0, n * 2 + 1, &append);
      for (uint64_t i = 0; i < to.times && n < given; i++, n++) {
        giovec& recipient = buf_->recinfo[n];
        recipient.giov_prepend = prepend;
        recipient.giov_append = append;
        recipient.giov_dest.sin_family = static_cast<sa_family_t>(to.family);
        recipient.giov_dest.sin_port = htons(static_cast<uint16_t>(to.udp_port + i));
        recipient.giov_dest.sin_addr.s_addr = htonl(static_cast<uint32_t>(to.address));
      }
    }
    errors_.reset(new int[given]);
    std::fill_n(errors_.get(), given, kUntouched);
    errors_given_ = given;
  }

  giobuf* buf() const { return buf_.get(); }
  size_t recnum() const { return recnum_; }
  int* errors() { return errors_.get(); }
  std::vector<int> Errors() const { return {errors_.get(), errors_.get() + errors_given_}; }

  // Empty where a part has no memory, or not as much as it says.
  std::string Datagram(size_t i) const {
    std::string datagram;
    for (const iovec* part : Parts(i)) {
      if (part->iov_base == nullptr || part->iov_len > kLargestAllocated) continue;
      datagram.append(static_cast<const char*>(part->iov_base), part->iov_len);
    }
    return datagram;
  }

  std::vector<const iovec*> Parts(size_t i) const {
    const giovec& recipient = buf_->recinfo[i];
    return {&recipient.giov_prepend, &buf_->shared, &recipient.giov_append};
  }

 private:
  static size_t Count(const FuzzCall& call) {
    size_t n = 0;
    for (const FuzzRecipient& to : call.to) n += to.times;
    return std::min(n, kMostAtOnce);
  }

  void Fill(uint64_t length, bool null, size_t seed, iovec* part) {
    part->iov_len = length;
    if (null) return;
    // More is never read: no datagram is so long.
    const uint64_t allocated = length > kLargestAllocated ? 1 : length;
    auto& bytes = memory_.emplace_back(new char[allocated]);
    static const std::string content = Bytes(kLargestAllocated + 256, 1);
    std::memcpy(bytes.get(), content.data() + seed % 256, allocated);
    part->iov_base = bytes.get();
  }

  struct CFree {
    void operator()(giobuf* buf) const { std::free(buf); }
  };
  std::unique_ptr<giobuf, CFree> buf_;
  std::vector<std::unique_ptr<char[]>> memory_;
  std::unique_ptr<int[]> errors_;
  size_t errors_given_ = 0;
  size_t recnum_ = 0;
};

// What sendmmsg() says for one recipient.
int KernelError(int sd, const Arguments& arguments, const sockaddr_in& to, size_t i, int flags) {
  std::vector<iovec> parts;
  for (const iovec* part : arguments.Parts(i)) {
    if (part->iov_len > 0) parts.push_back(*part);
  }
  mmsghdr message{};
  message.msg_hdr.msg_name = const_cast<sockaddr_in*>(&to);
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
           "address: 10.0.0.1, next_hops: [{to: 172.16.0.0/12, mac: \"02:00:00:00:00:02\"}]}\n");
  }

  void Stop() { TearDown(); }  // compares what the mempools have

  void Run(const FuzzCase& calls) {
    for (const FuzzCall& call : calls) {
      const int sd = OpenFuzzSocket(call.socket);
      Send(sd, call);
      // Once more on the same socket: its state is known then, and it is bound.
      if (call.flags == 0) Send(sd, call);
      close(sd);
      if (kEngine && ++calls_ % kCallsPerEngine == 0) {
        Stop();
        Start();
      }
    }
  }

 private:
  // What the call as a whole shall fail with.
  static int CallError(int sd, const FuzzCall& call, const Arguments& arguments) {
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

  static By WayOf(const FuzzCall& call, const Arguments& arguments, const sockaddr_in& from,
                  const giovec& recipient, size_t i) {
    const auto flags = static_cast<uint32_t>(call.flags);
    if (!kEngine || !MayUseEngine(call.socket) || from.sin_port == 0) return By::kKernel;
    if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) return By::kKernel;
    const sockaddr_in& to = recipient.giov_dest;
    if (to.sin_family != AF_INET || to.sin_port == 0) return By::kKernel;
    uint64_t bytes = 0;
    for (const iovec* part : arguments.Parts(i)) {
      if (part->iov_len > kLargestOnWire) return By::kKernel;
      if (part->iov_len > 0 && part->iov_base == nullptr) return By::kKernel;
      bytes += part->iov_len;
    }
    if (bytes > kLargestOnWire) return By::kKernel;
    const uint32_t address = ntohl(to.sin_addr.s_addr);
    if (address >> 24 == 10) return By::kRing;
    return address >> 20 == 0xac1 ? By::kNull : By::kKernel;
  }

  void Send(int sd, const FuzzCall& call) {
    auto arguments = std::make_unique<Arguments>(call);
    const int flags = static_cast<int>(static_cast<uint32_t>(call.flags));
    sockaddr_in from{};
    socklen_t length = sizeof(from);
    getsockname(sd, reinterpret_cast<sockaddr*>(&from), &length);
    const int call_error = CallError(sd, call, *arguments);
    StartCounting();
    errno = kErrnoBefore;
    const int sent =
        sendgroup(sd, call.null_buf != 0 ? nullptr : arguments->buf(), arguments->recnum(), flags,
                  call.errors != 0 ? arguments->errors() : nullptr);
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
      ways[i] = WayOf(call, *arguments, from, arguments->buf()->recinfo[i], i);
    }
    CheckErrors(sd, call, *arguments, ways, sent);
    CheckCounters(call, ways, recnum, static_cast<size_t>(sent));
    if (kEngine) CheckFrames(call, std::move(arguments), ways, from);
  }

  // Each recipient's errno, by sending once more what went by the kernel.
  static void CheckErrors(int sd, const FuzzCall& call, const Arguments& arguments,
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
        error = KernelError(sd, arguments, arguments.buf()->recinfo[i].giov_dest, i,
                            static_cast<int>(static_cast<uint32_t>(call.flags)));
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
  void CheckFrames(const FuzzCall& call, std::unique_ptr<Arguments> arguments,
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
      expected.push_back({arguments->buf()->recinfo[i].giov_dest, arguments->Datagram(i)});
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
