// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Our XDP program, run by the kernel on frames made here, and how it comes onto an interface and
// off it. The driver's part is played by libbpf.
#include "engine/control/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/control/bpf_object.h"
#include "engine/control/descriptors.h"
#include "tests/kernel/xdp_frames.h"

namespace groupcast {
namespace {

constexpr uint32_t kLongest = 1500;

template <typename Change>
Bytes With(Bytes frame, Change change) {
  change(&frame);
  return frame;
}

// In a network namespace of its own, with veth v0 and v1.
class XdpProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "no network namespace (" << std::strerror(errno) << "): run as root";
    }
    ASSERT_EQ(std::system("ip link add v0 type veth peer name v1 && ip link set v0 up && "
                          "ip link set v1 up"),
              0);
    index_ = if_nametoindex("v0");
    const auto path = FindBpfObject(kRedirectObject);
    ASSERT_TRUE(path.ok()) << path.status();
    path_ = *path;
  }
  void TearDown() override {
    if (object_ != nullptr) bpf_object__close(object_);
  }

  // As the driver does it (rte_eth_af_xdp.c, 1254).
  void Load() {
    before_ = OpenDescriptors();
    object_ = bpf_object__open_file(path_.c_str(), nullptr);
    ASSERT_NE(object_, nullptr);
    ASSERT_EQ(bpf_object__load(object_), 0);
    program_ = bpf_program__fd(bpf_object__next_program(object_, nullptr));
  }
  void Attach(uint32_t flags = 0) {
    ASSERT_EQ(
        bpf_xdp_attach(static_cast<int>(index_), program_, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, {}),
        0);
  }
  int Map(const char* name) const { return bpf_object__find_map_fd_by_name(object_, name); }
  uint32_t Attached() const {
    uint32_t id = 0;
    EXPECT_EQ(bpf_xdp_query_id(static_cast<int>(index_), 0, &id), 0);
    return id;
  }

  // What the program says of a frame.
  uint32_t Verdict(const Bytes& frame) const {
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(),
                .data_size_in = static_cast<uint32_t>(frame.size()));
    EXPECT_EQ(bpf_prog_test_run_opts(program_, &run), 0) << std::strerror(errno);
    return run.retval;
  }

  std::string path_;
  uint32_t index_ = 0;
  std::set<int> before_;
  bpf_object* object_ = nullptr;
  int program_ = -1;
};

class XdpProgramFrames : public XdpProgramTest {
 protected:
  void SetUp() override {
    XdpProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    Load();
    const uint32_t zero = 0;
    ASSERT_EQ(bpf_map_update_elem(Map("ingress_longest"), &zero, &kLongest, BPF_ANY), 0);
    // A socket is one for the map once it has a ring.
    socket_ = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    const int ring = 64;
    ASSERT_EQ(setsockopt(socket_, SOL_XDP, XDP_RX_RING, &ring, sizeof(ring)), 0);
    ASSERT_EQ(bpf_map_update_elem(Map("xsks_map"), &zero, &socket_, BPF_ANY), 0);
    claims_.emplace(dup(Map("ingress_claims")));
  }
  void TearDown() override {
    claims_.reset();
    if (socket_ >= 0) close(socket_);
    XdpProgramTest::TearDown();
  }
  void Claim() {
    ASSERT_TRUE(claims_->Add(Key(kAddress)).ok());
    ASSERT_TRUE(claims_->Add(Key(kAddress6)).ok());
  }
  uint64_t Left(const uint8_t (&address)[16], ingress_count reason) const {
    return claims_->Counts(Key(address))[reason];
  }

  int socket_ = -1;
  std::optional<ClaimMap> claims_;
};

TEST_F(XdpProgramFrames, NothingIsTakenWithoutAClaim) {
  EXPECT_EQ(Verdict(Ipv4(100)), XDP_PASS);
  EXPECT_EQ(Verdict(Ipv6(100)), XDP_PASS);
}

TEST_F(XdpProgramFrames, ClaimedDatagramsAreTakenUntilTheClaimIsRemoved) {
  Claim();
  for (const size_t payload : {0, 1, 18, 100, 1472}) {
    EXPECT_EQ(Verdict(Ipv4(payload)), XDP_REDIRECT) << payload;
  }
  for (const size_t payload : {0, 1, 1452}) {
    EXPECT_EQ(Verdict(Ipv6(payload)), XDP_REDIRECT) << payload;
  }
  // Short frames are padded on the wire.
  EXPECT_EQ(Verdict(With(Ipv4(1), [](Bytes* frame) { frame->resize(60); })), XDP_REDIRECT);
  EXPECT_TRUE(claims_->Add(Key(kAddress)).ok());
  claims_->Remove(Key(kAddress));
  EXPECT_EQ(Verdict(Ipv4(100)), XDP_PASS);
  EXPECT_EQ(Verdict(Ipv6(100)), XDP_REDIRECT);
}

TEST_F(XdpProgramFrames, EverythingElseStaysWithTheKernel) {
  Claim();
  const auto change = [](size_t at, uint8_t value) {
    return [=](Bytes* frame) { (*frame)[at] = value; };
  };
  const auto cut = [](size_t bytes) { return [=](Bytes* frame) { frame->resize(bytes); }; };
  const struct {
    const char* what;
    Bytes frame;
  } kCases[] = {
      {"another UDP port", Ipv4(100, 0, kUdpPort + 1)},
      {"another address", With(Ipv4(100), change(kIp + 19, 2))},
      {"another IPv6 address", With(Ipv6(100), change(kIp + 39, 2))},
      {"TCP", With(Ipv4(100), change(kIp + 9, IPPROTO_TCP))},
      {"ICMP", With(Ipv4(100), change(kIp + 9, IPPROTO_ICMP))},
      {"ICMPv6", With(Ipv6(100), change(kIp + 6, IPPROTO_ICMPV6))},
      {"ARP", With(Ipv4(100), [](Bytes* frame) { Put16(frame, 12, 0x0806); })},
      {"a VLAN", With(Ipv4(100),
                      [](Bytes* frame) {
                        Put16(frame, 12, 0x8100);
                        frame->insert(frame->begin() + kIp, {0, 100, 8, 0});
                      })},
      {"IPv4 of version 5", With(Ipv4(100), change(kIp, 0x55))},
      {"a later fragment", With(Ipv4(100), change(kIp + 7, 185))},
      {"a later IPv6 fragment", Ipv6(100, 185 << 3)},
      {"cut in the IPv4 header", With(Ipv4(100), cut(kIp + 19))},
      {"cut in the IPv6 header", With(Ipv6(100), cut(kIp + 39))},
      {"cut in the UDP header", With(Ipv4(100), cut(kIp + 27))},
      {"nothing but Ethernet", With(Ipv4(100), cut(kIp))},
  };
  for (const auto& [what, frame] : kCases) EXPECT_EQ(Verdict(frame), XDP_PASS) << what;
  for (int reason = 0; reason < INGRESS_LEFT_REASONS; reason++) {
    EXPECT_EQ(Left(kAddress, static_cast<ingress_count>(reason)), 0u) << reason;
    EXPECT_EQ(Left(kAddress6, static_cast<ingress_count>(reason)), 0u) << reason;
  }
}

TEST_F(XdpProgramFrames, WhatIsLeftOfAClaimIsCountedByReason) {
  Claim();
  EXPECT_EQ(Verdict(Ipv4(100, 4)), XDP_PASS) << "options";
  EXPECT_EQ(Verdict(Ipv4(100, 40)), XDP_PASS) << "all the options there can be";
  EXPECT_EQ(Verdict(With(Ipv4(100), [](Bytes* f) { Put16(f, kIp + 2, 127); })), XDP_PASS);
  EXPECT_EQ(Verdict(With(Ipv4(100), [](Bytes* f) { Put16(f, kIp + 2, 129); })), XDP_PASS);
  EXPECT_EQ(Verdict(With(Ipv4(100), [](Bytes* f) { Put16(f, kIp + 24, 7); })), XDP_PASS);
  EXPECT_EQ(Verdict(With(Ipv4(100), [](Bytes* f) { f->pop_back(); })), XDP_PASS) << "cut";
  EXPECT_EQ(Left(kAddress, INGRESS_LEFT_HEADER), 6u);
  EXPECT_EQ(Verdict(With(Ipv4(100), [](Bytes* f) { (*f)[kIp + 6] = 0x20; })), XDP_PASS);
  EXPECT_EQ(Left(kAddress, INGRESS_LEFT_FRAGMENT), 1u);
  EXPECT_EQ(Verdict(Ipv4(1473)), XDP_PASS);
  // What is behind the packet comes into the buffer, too.
  EXPECT_EQ(Verdict(With(Ipv4(100), [](Bytes* f) { f->resize(kIp + 1501); })), XDP_PASS);
  EXPECT_EQ(Left(kAddress, INGRESS_LEFT_LONG), 2u);
  EXPECT_EQ(Verdict(Ipv6(100, 0)), XDP_PASS);
  EXPECT_EQ(Verdict(Ipv6(100, 1)), XDP_PASS);
  EXPECT_EQ(Left(kAddress6, INGRESS_LEFT_FRAGMENT), 2u);
  EXPECT_EQ(Verdict(With(Ipv6(100), [](Bytes* f) { Put16(f, kIp + 4, 107); })), XDP_PASS);
  EXPECT_EQ(Left(kAddress6, INGRESS_LEFT_HEADER), 1u);
  EXPECT_EQ(Left(kAddress, INGRESS_LEFT_GSO) + Left(kAddress6, INGRESS_LEFT_GSO), 0u);
}

TEST_F(XdpProgramFrames, WithoutASocketAllStaysWithTheKernel) {
  Claim();
  EXPECT_EQ(Verdict(Ipv4(100)), XDP_REDIRECT);
  close(socket_);
  socket_ = -1;
  EXPECT_EQ(Verdict(Ipv4(100)), XDP_PASS);
}

TEST_F(XdpProgramFrames, WithoutALimitAllStaysWithTheKernel) {
  Claim();
  const uint32_t zero = 0;
  ASSERT_EQ(bpf_map_update_elem(Map("ingress_longest"), &zero, &zero, BPF_ANY), 0);
  EXPECT_EQ(Verdict(Ipv4(100)), XDP_PASS);
}

TEST_F(XdpProgramTest, TakenOverAndTakenOff) {
  Load();
  Attach();
  const uint32_t id = Attached();
  const int claims = Map("ingress_claims");
  auto program = XdpProgram::TakeOver(before_, "v0", index_);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_TRUE((*program)->native());
  EXPECT_EQ(Attached(), id);
  // Its claims are those that the kernel sees.
  ASSERT_TRUE((*program)->claims().Add(Key(kAddress)).ok());
  ASSERT_TRUE((*program)->SetLongest(kLongest).ok());
  ingress_key key{};
  std::memcpy(key.address, kAddress, sizeof(key.address));
  key.udp_port = htons(kUdpPort);
  ingress_claim claim;
  EXPECT_EQ(bpf_map_lookup_elem(claims, &key, &claim), 0);
  uint32_t longest = 0;
  const uint32_t zero = 0;
  EXPECT_EQ(bpf_map_lookup_elem(Map("ingress_longest"), &zero, &longest), 0);
  EXPECT_EQ(longest, kLongest);
  program->reset();
  EXPECT_EQ(Attached(), 0u);
  // The driver closes none of them.
  EXPECT_EQ(OpenDescriptors(), before_);
}

TEST_F(XdpProgramTest, GenericModeIsTold) {
  ASSERT_EQ(std::system("ip link add m0 link v0 type macvlan && ip link set m0 up"), 0);
  index_ = if_nametoindex("m0");
  Load();
  Attach();
  auto program = XdpProgram::TakeOver(before_, "m0", index_);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_FALSE((*program)->native());
  EXPECT_NE(Attached(), 0u);
  program->reset();
  EXPECT_EQ(Attached(), 0u);
}

TEST_F(XdpProgramTest, OneThatWasLeftIsRemoved) {
  EXPECT_TRUE(ClearXdp("v0", index_).ok());
  for (const uint32_t mode : {0u, XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    Load();
    Attach(mode);
    // As of a killed process: nobody has it, but the interface.
    bpf_object__close(object_);
    object_ = nullptr;
    ASSERT_NE(Attached(), 0u) << mode;
    const absl::Status status = ClearXdp("v0", index_);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(Attached(), 0u) << mode;
  }
}

TEST_F(XdpProgramTest, OneOfALiveProcessStays) {
  Load();
  Attach();
  auto program = XdpProgram::TakeOver(before_, "v0", index_);
  ASSERT_TRUE(program.ok()) << program.status();
  const uint32_t id = Attached();
  const absl::Status status = ClearXdp("v0", index_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("'v0' has an XDP program already, that of another Groupcast"),
            std::string::npos)
      << status;
  EXPECT_EQ(Attached(), id);
}

TEST_F(XdpProgramTest, AKilledProcessLeavesNone) {
  const pid_t child = fork();
  if (child == 0) {
    Load();
    Attach();
    auto program = XdpProgram::TakeOver(before_, "v0", index_);
    if (program.ok() && Attached() != 0) raise(SIGKILL);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(Attached(), 0u);
}

TEST_F(XdpProgramTest, SomebodyElsesStays) {
  bpf_insn pass[2] = {};  // return XDP_PASS
  pass[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  pass[0].imm = XDP_PASS;
  pass[1].code = BPF_JMP | BPF_EXIT;
  const int program =
      bpf_prog_load(BPF_PROG_TYPE_XDP, "somebodys", "GPL", pass, std::size(pass), nullptr);
  ASSERT_GE(program, 0) << std::strerror(errno);
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(index_), program, 0, nullptr), 0);
  const uint32_t id = Attached();
  const absl::Status status = ClearXdp("v0", index_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("'somebodys'"), std::string::npos) << status;
  EXPECT_NE(status.message().find("ip link set dev v0 xdp off"), std::string::npos) << status;
  EXPECT_EQ(Attached(), id);
  close(program);
}

TEST_F(XdpProgramTest, AFileThatIsNoProgramIsNamed) {
  EXPECT_TRUE(CheckXdpProgram(path_).ok());
  const absl::Status status = CheckXdpProgram("/dev/null");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("/dev/null"), std::string::npos) << status;
}

}  // namespace
}  // namespace groupcast
