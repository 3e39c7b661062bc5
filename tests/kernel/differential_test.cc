// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Random groupcasts through sendgroup() and by sendmsg() from the same socket: frames and errnos
// are the same, or the difference is documented. A run prints its seed; GROUPCAST_SEED,
// GROUPCAST_FIRST and GROUPCAST_CASES choose another, or a part of it again.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "groupcast/sendgroup.h"
#include "groupcast/statistics.h"
#include "tests/kernel/differential_case.h"
#include "tests/kernel/differential_frames.h"
#include "tests/kernel/differential_ways.h"
#include "tests/kernel/differential_world.h"

namespace groupcast {
namespace {

constexpr uint64_t kDefaultCases = 2048;
constexpr uint64_t kEpochCases = 256, kBatchCases = 16;
constexpr uint64_t kMostDifferences = 10;
constexpr std::chrono::seconds kPatience(2);

uint64_t Environment(const char* name, uint64_t absent) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : absent;
}

// A case of the batch under way.
struct Running {
  std::unique_ptr<Case> one;
  Socket sd;
  uint16_t udp_port = 0;
  Results kernel, ours;
};

// What datagrams are compared and sorted as.
std::string Sortable(const Packet& packet, Labels labels) {
  std::string text = std::to_string(packet.interface);
  for (const std::string& frame : packet.frames) {
    text += "|" + std::to_string(frame.size()) + "|" + Comparable(frame, labels);
  }
  return text;
}

class Differential : public testing::Test {
 protected:
  void SetUp() override {
    NetworkNamespace probe;
    if (probe.error() != 0) GTEST_SKIP() << "no network namespaces: run as root";
    world_ = std::make_unique<World>();
    world_->tx().Enter();
    capture_ = std::make_unique<FrameCapture>(world_->rx());
    loopback_ = std::make_unique<FrameCapture>(world_->tx(), "lo");
    markers_ = std::make_unique<Markers>();
  }
  void TearDown() override { groupcast_detach(); }

  void Run(uint64_t seed, uint64_t first, uint64_t cases);
  void RunBatch(uint64_t seed, uint64_t first, uint64_t end, const Epoch& epoch);
  void RunRound(const Epoch& epoch, std::vector<Running>* batch, size_t round, bool kernel_first);
  Packets SendAll(Way way, std::vector<Running>* batch, size_t round, size_t datagrams);
  void CompareResults(const Epoch& epoch, const Running& running, const Round& round);
  void CompareFrames(const Epoch& epoch, const Running& running, const Round& round,
                     const std::vector<Packet>& kernel, const std::vector<Packet>& ours);
  void Report(const Epoch& epoch, const Running& running, const Round& round,
              const std::string& what);

  std::unique_ptr<World> world_;
  std::unique_ptr<FrameCapture> capture_, loopback_;
  std::unique_ptr<Markers> markers_;
  uint64_t seed_ = 0, differences_ = 0, sent_again_ = 0, kernel_datagrams_ = 0, our_datagrams_ = 0;
  uint64_t zero_labels_ = 0;
  // Of calls of sendgroup() and of sendgroup6().
  std::array<uint64_t, 2> recipients_ = {}, by_engine_ = {};
};

// One of about a million labels is 0, which is as if there was none.
bool IsLabelOfZero(const std::vector<Packet>& kernel, const std::vector<Packet>& ours) {
  const auto labels = [](const std::vector<Packet>& packets) {
    return std::ranges::count_if(packets,
                                 [](const Packet& packet) { return HasLabel(packet.frames[0]); });
  };
  return kernel.size() == ours.size() && std::abs(labels(kernel) - labels(ours)) == 1 &&
         std::max(labels(kernel), labels(ours)) > 1;
}

size_t Count(const Packets& packets) {
  size_t count = 0;
  for (const auto& [udp_port, list] : packets) count += list.size();
  return count;
}

void Differential::Report(const Epoch& epoch, const Running& running, const Round& round,
                          const std::string& what) {
  differences_++;
  const uint64_t number = running.one->number();
  ADD_FAILURE() << "case " << number << " of seed " << seed_ << "\n  " << epoch.Description()
                << "  " << running.one->Description(round) << "\n  " << what
                << "\n  again: GROUPCAST_SEED=" << seed_ << " GROUPCAST_FIRST=" << number
                << " GROUPCAST_CASES=1; with what preceded it: GROUPCAST_FIRST="
                << number / kEpochCases * kEpochCases
                << " GROUPCAST_CASES=" << number % kEpochCases + 1;
}

// `datagrams`: how many the other way had, if it was first.
Packets Differential::SendAll(Way way, std::vector<Running>* batch, size_t round,
                              size_t datagrams) {
  for (Running& running : *batch) {
    if (round >= running.one->rounds().size()) continue;
    const Round& sent = running.one->rounds()[round];
    const uint64_t by_engine = groupcast_counter_value("engine_recipients");
    Results& results = way == Way::kSendmsg ? running.kernel : running.ours;
    results = Send(way, running.sd, sent, &sent_again_);
    by_engine_[sent.six] += groupcast_counter_value("engine_recipients") - by_engine;
  }
  Packets packets;
  markers_->Pass(capture_.get(), &packets);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  loopback_->Take(&packets);
  while (Count(packets) < datagrams && std::chrono::steady_clock::now() < deadline) {
    usleep(100);
    capture_->Take(&packets);
    loopback_->Take(&packets);
  }
  EXPECT_EQ(capture_->Lost() + loopback_->Lost(), 0u) << "frames found no room in this test";
  return packets;
}

void Differential::CompareResults(const Epoch& epoch, const Running& running, const Round& round) {
  const Results& ours = running.ours;
  if (!ours.wrong.empty()) Report(epoch, running, round, ours.wrong);
  if (ours.call_errno != ExpectedCallErrno(round)) {
    Report(epoch, running, round,
           "the call failed with errno " + std::to_string(ours.call_errno) + " instead of " +
               std::to_string(ExpectedCallErrno(round)));
    return;
  }
  for (size_t call = 0; call < round.calls; call++) {
    for (size_t i = 0; i < round.recipients.size(); i++) {
      const int expected = running.kernel.errnos[call][i];
      const int found = ours.call_errno != 0 ? ours.call_errno : ours.errnos[call][i];
      if (found == expected || IsDocumented(epoch, round, i, expected, found)) continue;
      Report(epoch, running, round,
             "call " + std::to_string(call) + ", " + running.one->Description(round, i) +
                 ":\n  sendmsg() says " + std::to_string(expected) + ", sendgroup() " +
                 std::to_string(found));
      return;
    }
  }
}

void Differential::CompareFrames(const Epoch& epoch, const Running& running, const Round& round,
                                 const std::vector<Packet>& kernel,
                                 const std::vector<Packet>& ours) {
  // A call that failed sent nothing, whatever sendmsg() makes of it.
  static const std::vector<Packet> nothing;
  const std::vector<Packet>& wanted = running.ours.call_errno == 0 ? kernel : nothing;
  Labels labels = epoch.flow_label_ranges ? Labels::kRange : Labels::kPresence;
  if (IsLabelOfZero(wanted, ours)) {
    zero_labels_++;
    labels = Labels::kNothing;
  }
  const auto sorted = [labels](const std::vector<Packet>& packets) {
    std::vector<std::pair<std::string, const Packet*>> list;
    for (const Packet& packet : packets) list.emplace_back(Sortable(packet, labels), &packet);
    std::sort(list.begin(), list.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return list;
  };
  const auto expected = sorted(wanted), found = sorted(ours);
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  const auto [here, there] =
      std::mismatch(expected.begin(), expected.end(), found.begin(), found.end(), same);
  if (here == expected.end() && there == found.end()) return;
  const Packet* missing = here != expected.end() ? here->second : nullptr;
  const Packet* instead = there != found.end() ? there->second : nullptr;
  // A datagram that is there only once is no other version of its neighbour.
  if (expected.size() < found.size()) missing = nullptr;
  if (expected.size() > found.size()) instead = nullptr;
  Report(epoch, running, round,
         std::to_string(expected.size()) + " datagrams by sendmsg(), " +
             std::to_string(found.size()) + " by sendgroup(); the first that differs:\n" +
             Difference(missing, instead, labels) + "  " + SoftnetDrops());
}

void Differential::RunRound(const Epoch& epoch, std::vector<Running>* batch, size_t round,
                            bool kernel_first) {
  const Way first = kernel_first ? Way::kSendmsg : Way::kSendgroup;
  const Way second = kernel_first ? Way::kSendgroup : Way::kSendmsg;
  Packets one = SendAll(first, batch, round, 0);
  Packets other = SendAll(second, batch, round, Count(one));
  Packets& kernel = kernel_first ? one : other;
  Packets& ours = kernel_first ? other : one;
  kernel_datagrams_ += Count(kernel);
  our_datagrams_ += Count(ours);
  for (Running& running : *batch) {
    if (round >= running.one->rounds().size()) continue;
    sockaddr_in local = {};
    socklen_t length = sizeof(local);
    getsockname(running.sd, reinterpret_cast<sockaddr*>(&local), &length);
    const uint16_t udp_port = ntohs(local.sin_port);
    const Round& sent = running.one->rounds()[round];
    recipients_[sent.six] += sent.recipients.size() * sent.calls;
    CompareResults(epoch, running, sent);
    CompareFrames(epoch, running, sent, kernel[udp_port], ours[udp_port]);
    kernel.erase(udp_port);
    ours.erase(udp_port);
  }
  EXPECT_EQ(Count(kernel) + Count(ours), 0u)
      << "datagrams of nobody, in the batch of case " << batch->front().one->number();
}

void Differential::RunBatch(uint64_t seed, uint64_t first, uint64_t end, const Epoch& epoch) {
  std::vector<Running> batch;
  size_t rounds = 0;
  for (uint64_t number = first; number < end; number++) {
    auto one = std::make_unique<Case>(seed, number, epoch);
    rounds = std::max(rounds, one->rounds().size());
    Socket sd = one->Open();
    batch.push_back({std::move(one), std::move(sd), 0, {}, {}});
  }
  for (size_t round = 0; round < rounds; round++) {
    for (Running& running : batch) {
      if (round == 0 || round >= running.one->rounds().size()) continue;
      for (const SocketOption& option : running.one->rounds()[round].options)
        option.Set(running.sd);
      groupcast_refresh(running.sd);
    }
    RunRound(epoch, &batch, round, Random(seed ^ first, round).Percent(50));
  }
}

void Differential::Run(uint64_t seed, uint64_t first, uint64_t cases) {
  seed_ = seed;
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
  std::unique_ptr<Epoch> epoch;
  bool changed = false;
  for (uint64_t number = first; number < first + cases && differences_ < kMostDifferences;) {
    if (!epoch || epoch->number != number / kEpochCases) {
      epoch = std::make_unique<Epoch>(seed, number / kEpochCases);
      // The engine's lcores are to have all CPUs; this thread's frames stay in order on one.
      sched_setaffinity(0, sizeof(all), &all);
      world_->Begin(*epoch);
      sched_setaffinity(0, sizeof(one), &one);
      changed = false;
      if (HasFatalFailure()) return;
    }
    if (!changed && number % kEpochCases >= kEpochCases / 2) {
      world_->ChangeMtus(*epoch);
      changed = true;
    }
    const uint64_t batch_end = std::min(first + cases, (number / kBatchCases + 1) * kBatchCases);
    RunBatch(seed, number, batch_end, *epoch);
    number = batch_end;
  }
}

TEST_F(Differential, GroupcastsAreTheKernelsDatagrams) {
  const uint64_t seed = Environment("GROUPCAST_SEED", std::random_device()());
  const uint64_t first = Environment("GROUPCAST_FIRST", 0);
  const uint64_t cases = Environment("GROUPCAST_CASES", kDefaultCases);
  std::cout << "GROUPCAST_SEED=" << seed << " GROUPCAST_FIRST=" << first
            << " GROUPCAST_CASES=" << cases << std::endl;
  Counted counted;
  const auto start = std::chrono::steady_clock::now();
  Run(seed, first, cases);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  groupcast_detach();

  std::cout << cases << " groupcasts in " << taken.count() << " s: " << kernel_datagrams_
            << " datagrams by sendmsg(), " << our_datagrams_ << " by sendgroup() in "
            << capture_->frames << " frames both ways; " << sent_again_ << " sent again\n";
  for (const DocumentedDifference& one : DocumentedDifferences()) {
    std::cout << "  documented: " << one.name << ": " << one.met << "\n";
  }
  for (const bool six : {false, true}) {
    std::cout << "  sendgroup" << (six ? "6" : "") << "(): of " << recipients_[six]
              << " recipients " << by_engine_[six] << " by the engine\n";
  }
  std::cout << "  flow labels of 0: " << zero_labels_ << "\n";
  for (const char* name :
       {"recipients", "engine_recipients", "recipient_errors", "chained", "copied", "appended",
        "kernel_no_engine", "kernel_socket", "kernel_flags", "kernel_destination", "kernel_route",
        "kernel_mtu", "kernel_unresolved", "kernel_routes_full", "kernel_egress_policy",
        "link_down"}) {
    const int64_t value = counted(name);
    std::cout << "  " << name << ": " << value << "\n";
    // A part of a run need not have everything.
    if (cases >= kDefaultCases) {
      EXPECT_GT(value, 0) << name << ": never met";
    }
  }
  EXPECT_EQ(capture_->bad_checksums + loopback_->bad_checksums, 0u) << "of IPv4 headers";
  EXPECT_EQ(capture_->strays + loopback_->strays, 0u) << "fragments without a first one";
  EXPECT_GE(our_datagrams_, by_engine_[0] + by_engine_[1]) << "fewer came than were sent";
  EXPECT_LE(zero_labels_, 2 + our_datagrams_ / 100000);
  if (cases >= kDefaultCases) {
    EXPECT_GT(by_engine_[0] + by_engine_[1], (recipients_[0] + recipients_[1]) / 8)
        << "the kernel with itself";
    EXPECT_GT(by_engine_[1], recipients_[1] / 16) << "the kernel with itself, of IPv6";
  }
}

}  // namespace
}  // namespace groupcast
