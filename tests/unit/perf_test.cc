// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tools/groupcast-perf/eal_arguments.h"
#include "tools/groupcast-perf/engine_ports.h"
#include "tools/groupcast-perf/latency.h"
#include "tools/groupcast-perf/options.h"

namespace groupcast::perf {
namespace {

TEST(CycleHistogramTest, PercentilesAreThoseOfTheSortedTimes) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> times;
  CycleHistogram histogram;
  for (int i = 0; i < 20'000; i++) {
    // All powers of two alike, the smallest and largest numbers among them.
    times.push_back(random() >> (random() % 64));
    histogram.Add(times.back());
  }
  std::sort(times.begin(), times.end());
  for (const double share : {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto place = static_cast<size_t>(std::ceil(share * static_cast<double>(times.size())));
    const auto exact = static_cast<double>(times[place - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.Percentile(share)), exact, exact / 100 + 0.5)
        << share;
  }
  EXPECT_EQ(histogram.max(), times.back());
  EXPECT_EQ(histogram.count(), times.size());
}

TEST(CycleHistogramTest, NoTimesHaveNoPercentiles) {
  EXPECT_EQ(CycleHistogram().Percentile(0.5), 0u);
}

TEST(CycleHistogramTest, OneTimeIsAllOfThem) {
  CycleHistogram histogram;
  histogram.Add(1'000'003);
  for (const double share : {0.5, 0.99, 0.999}) {
    EXPECT_NEAR(static_cast<double>(histogram.Percentile(share)), 1'000'003, 10'000);
    EXPECT_LE(histogram.Percentile(share), histogram.max());
  }
}

TEST(EalArguments, DevicesAndWhatTheEngineCallsOtherwise) {
  const auto engine = ReadEalArguments({"--vdev", "net_null0", "-a0000:03:00.0", "--vdev=net_ring0",
                                        "-l", "1,3-4,3", "-m", "64", "--no-huge", "-n", "4",
                                        "--log-level", "8", "--no-telemetry"});
  ASSERT_TRUE(engine.ok()) << engine.status();
  ASSERT_EQ(engine->ports.size(), 3u);
  EXPECT_EQ(engine->ports[0].device, "net_null0");
  EXPECT_EQ(engine->ports[1].device, "0000:03:00.0");
  EXPECT_EQ(engine->ports[2].device, "net_ring0");
  EXPECT_EQ(engine->lcores, (std::vector<unsigned>{1, 3, 4}));
  EXPECT_EQ(engine->memory_mib, 64u);
  EXPECT_EQ(engine->hugepages, EngineOptions::Hugepages::kOff);
  EXPECT_EQ(engine->eal, (std::vector<std::string>{"-n4", "--log-level=8", "--no-telemetry"}));
}

TEST(EalArguments, WrongOnesAreNamed) {
  using Arguments = std::vector<std::string>;
  for (const auto& [arguments, text] : {std::pair<Arguments, std::string>{{"--vdev"}, "--vdev"},
                                        {{"-l", "1-"}, "'1-'"},
                                        {{"-l", "x"}, "'x'"},
                                        {{"-l", "99999"}, "99999"},
                                        {{"-m", "-1"}, "-m"},
                                        {{"net_null0"}, "net_null0"},
                                        {{"--no-huge=1"}, "--no-huge"}}) {
    const auto engine = ReadEalArguments(arguments);
    ASSERT_FALSE(engine.ok()) << text;
    EXPECT_NE(std::string(engine.status().message()).find(text), std::string::npos)
        << engine.status();
  }
}

TEST(CompleteEngineOptions, PortsWithoutAnInterfaceShareTheRecipients) {
  Options options;
  options.tx_ip = "10.0.0.1,10.0.0.2";
  options.workload.recipients = 10;
  ASSERT_TRUE(ReadFlow(&options).ok());
  auto engine = ReadEalArguments(
      {"--vdev", "net_null0", "--vdev", "net_af_packet0,iface=lo", "--vdev", "net_null1"});
  ASSERT_TRUE(engine.ok());
  ASSERT_TRUE(CompleteEngineOptions(&options, &*engine).ok());
  EXPECT_TRUE(options.fixed_port);
  EXPECT_FALSE(engine->ports[1].fixed);
  ASSERT_TRUE(engine->ports[0].fixed && engine->ports[2].fixed);
  std::vector<std::string> prefixes;
  for (const auto& hop : engine->ports[0].fixed->next_hops) prefixes.push_back(hop.prefix);
  // 10.0.0.2 to 10.0.0.6
  EXPECT_EQ(prefixes, (std::vector<std::string>{"10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"}));
  ASSERT_EQ(engine->ports[2].fixed->next_hops.size(), 1u);
  EXPECT_EQ(engine->ports[2].fixed->next_hops[0].prefix, "0.0.0.0/0");
  EXPECT_EQ(engine->ports[0].fixed->address, "10.0.0.1");
}

TEST(CompleteEngineOptions, EachGroupHasRecipientsOfItsOwn) {
  Options options;
  options.workload.mode = Mode::kAsync;
  options.workload.groups = 10'000;
  options.workload.recipients = 300;
  ASSERT_TRUE(ReadFlow(&options).ok());
  auto engine = ReadEalArguments({"--vdev", "net_null0"});
  ASSERT_TRUE(engine.ok());
  ASSERT_TRUE(CompleteEngineOptions(&options, &*engine).ok());
  EXPECT_GE(engine->routes, 3'000'000u);
  EXPECT_TRUE(CheckWorkload(options.workload, options).ok());
  options.workload.recipients = 1010;
  const absl::Status many = CheckWorkload(options.workload, options);
  EXPECT_NE(many.message().find("10100000"), std::string::npos) << many;
}

TEST(SetOption, GroupsAreForRegisteredOnes) {
  Options options;
  ASSERT_TRUE(ReadFlow(&options).ok());
  Workload workload;
  EXPECT_FALSE(SetOption("groups", "2", options, &workload).ok());
  EXPECT_TRUE(SetOption("mode", "group", options, &workload).ok());
  EXPECT_TRUE(SetOption("groups", "2", options, &workload).ok());
  EXPECT_FALSE(SetOption("groups", "0", options, &workload).ok());
  EXPECT_FALSE(SetOption("mode", "sendgroup", options, &workload).ok());
  EXPECT_EQ(workload.groups, 2u);
}

TEST(SetOption, PeersAreForModeDirect) {
  Options options;
  ASSERT_TRUE(ReadFlow(&options).ok());
  Workload workload;
  EXPECT_TRUE(SetOption("mode", "direct", options, &workload).ok());
  for (const char* strategy : {"clone", "lazy-copy", "floor", "written-floor"}) {
    EXPECT_TRUE(SetOption("strategy", strategy, options, &workload).ok()) << strategy;
    EXPECT_FALSE(SetOption("append", "1", options, &workload).ok()) << strategy;
    EXPECT_FALSE(SetOption("mode", "group", options, &workload).ok()) << strategy;
  }
}

TEST(SetOption, ChangesOneThingOrNothing) {
  Options options;
  options.fixed_port = true;
  ASSERT_TRUE(ReadFlow(&options).ok());
  Workload workload;
  EXPECT_TRUE(SetOption("payload", "64", options, &workload).ok());
  EXPECT_TRUE(SetOption("mode", "async", options, &workload).ok());
  EXPECT_TRUE(SetOption("strategy", "copy", options, &workload).ok());
  EXPECT_TRUE(SetOption("rate", "0.5", options, &workload).ok());
  EXPECT_TRUE(SetOption("private-bytes", "callback", options, &workload).ok());
  for (const auto& [word, value] : {std::pair<const char*, const char*>{"payload", "1473"},
                                    {"payload", "-1"},
                                    {"payload", "many"},
                                    {"recipients", "0"},
                                    {"rate", "nan"},
                                    {"mode", "fast"},
                                    {"private-bytes", "file"},
                                    {"strategy", "clone"},
                                    {"strategy", "floor"}}) {
    EXPECT_FALSE(SetOption(word, value, options, &workload).ok()) << word << " " << value;
  }
  EXPECT_EQ(workload.payload_bytes, 64u);
  EXPECT_EQ(workload.recipients, Workload().recipients);
  EXPECT_EQ(workload.mode, Mode::kAsync);
  EXPECT_EQ(workload.strategy, PacketStrategy::kCopy);
  EXPECT_EQ(workload.groupcasts_per_second, 0.5);
  EXPECT_EQ(workload.private_bytes, PrivateSource::kCallback);
}

}  // namespace
}  // namespace groupcast::perf
