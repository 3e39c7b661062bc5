// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "tools/groupcastd/config.h"

namespace groupcast {
namespace {

class RelayConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/groupcast-relay-XXXXXX";
    const int fd = mkstemp(path_.data());
    ASSERT_GE(fd, 0);
    close(fd);
  }
  void TearDown() override { unlink(path_.c_str()); }

  absl::Status Load(const std::string& text, RelayConfig& config) {
    std::ofstream(path_, std::ios::binary) << text;
    return LoadRelayConfig(path_, config);
  }

  // The message, with FILE for the file's path.
  std::string ErrorOf(const std::string& text) {
    RelayConfig config;
    std::string message(Load(text, config).message());
    for (size_t at = message.find(path_); at != std::string::npos; at = message.find(path_)) {
      message.replace(at, path_.size(), "FILE");
    }
    return message;
  }

  std::string path_;
};

TEST_F(RelayConfigTest, EveryKey) {
  RelayConfig config;
  const absl::Status status = Load(R"(
ports: [{name: a, device: "net_af_packet0,iface=eth0"}]
groups:
  - name: video
    ingress: 10.0.0.1:5004
    source: 10.0.0.2
    ttl: 16
    tos: 184
    members: [10.1.0.1:5004, 10.1.0.1:5006]
  - {name: audio, ingress: "0.0.0.0:6000", source: "0.0.0.0:6000", members: ["10.1.0.1:1"]}
)",
                                   config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(config.has_engine);
  ASSERT_EQ(config.groups.size(), 2u);
  const RelayGroup& video = config.groups[0];
  EXPECT_EQ(video.name, "video");
  EXPECT_EQ(video.ingresses[0].address.ToString(), "10.0.0.1:5004");
  EXPECT_EQ(video.ingresses[0].address.line, 5);
  EXPECT_EQ(video.source.ToString(), "10.0.0.2:0");
  EXPECT_EQ(video.ttl, 16);
  EXPECT_EQ(video.tos, 184);
  ASSERT_EQ(video.members.size(), 2u);
  EXPECT_EQ(video.members[1].ToString(), "10.1.0.1:5006");
  EXPECT_EQ(video.members[1].line, 9);
  EXPECT_EQ(video.members[1].column, 30);
  EXPECT_FALSE(config.groups[1].ttl.has_value());
}

TEST_F(RelayConfigTest, EveryFormOfIngress) {
  RelayConfig config;
  const absl::Status status = Load(R"(
groups:
  - name: a
    ingress:
      - 10.0.0.1:5004
      - "[2001:db8::1]:5004"
      - "[fe80::1%eth0]:5004"
      - {address: 239.1.1.1:5004, interface: eth0}
      - {address: "[ff3e::1]:5004", from: ["2001:db8::7", "2001:db8::8"]}
    dont_fragment: true
    source: "[::]:7000"
    members: ["[2001:db8::2]:5004", 10.0.0.2:5004, "[fe80::2%eth1]:5004"]
  - {name: c, ingress: {address: 232.1.1.1:5008, from: [10.0.0.8]}, members: [10.0.0.2:5]}
  - {name: d, ingress: {address: 232.1.1.1:5008, from: [10.0.0.9]}, members: [10.0.0.2:5]}
  - {name: e, ingress: {address: 239.1.1.1:5008, interface: eth0}, members: [10.0.0.2:5]}
  - {name: f, ingress: {address: 239.1.1.1:5008, interface: eth1}, members: [10.0.0.2:5]}
  - {name: b, ingress: "[::]:5006", dont_fragment: false, members: ["[2001:db8::2]:5006"]}
)",
                                   config);
  ASSERT_TRUE(status.ok()) << status;
  const RelayGroup& a = config.groups[0];
  ASSERT_EQ(a.ingresses.size(), 5u);
  EXPECT_EQ(a.ingresses[1].address.ToString(), "[2001:db8::1]:5004");
  EXPECT_EQ(a.ingresses[2].address.ToString(), "[fe80::1%eth0]:5004");
  EXPECT_EQ(a.ingresses[3].address.ToString(), "239.1.1.1:5004");
  EXPECT_EQ(a.ingresses[3].interface, "eth0");
  ASSERT_EQ(a.ingresses[4].from.size(), 2u);
  EXPECT_EQ(ToString(a.ingresses[4].from[1]), "2001:db8::8");
  EXPECT_EQ(a.members[2].ToString(), "[fe80::2%eth1]:5004");
  EXPECT_EQ(a.dont_fragment, true);
  EXPECT_EQ(a.egress_family(), AF_INET6);
  EXPECT_EQ(config.groups.back().dont_fragment, false);
}

TEST_F(RelayConfigTest, PacingAndRtp) {
  const std::string port = "ports: [{name: a, device: \"net_af_packet0,iface=eth0\"}]\n";
  const auto group = [](const std::string& keys) {
    return "groups: [{name: g, ingress: \"10.0.0.1:5004\", members: [\"10.1.0.1:1\"], " + keys +
           "}]";
  };
  RelayConfig config;
  ASSERT_TRUE(Load(port + group("rtp: {}, pacing: {kbit_per_s: 1000}"), config).ok());
  ASSERT_TRUE(config.groups[0].rtp && config.groups[0].pacing);
  EXPECT_EQ(config.groups[0].rtp->clock_rate, 90000u);
  EXPECT_EQ(config.groups[0].pacing->kbit_per_s, 1000u);
  EXPECT_EQ(config.groups[0].pacing->burst_bytes, 65536u);
  config = {};
  ASSERT_TRUE(Load(group("rtp: {clock_rate: 48000}"), config).ok());
  EXPECT_EQ(config.groups[0].rtp->clock_rate, 48000u);
  EXPECT_FALSE(config.groups[0].pacing);
  EXPECT_THAT(ErrorOf(group("pacing: {kbit_per_s: 1000}")), testing::HasSubstr("'ports'"));
  for (const char* keys : {"pacing: {}", "pacing: {kbit_per_s: 0}", "pacing: 5", "rtp: true",
                           "pacing: {kbit_per_s: 1, burst_bytes: 63}", "rtp: {clock_rate: 0}",
                           "pacing: {kbit_per_s: 1000000001}"}) {
    EXPECT_THAT(ErrorOf(port + group(keys)), testing::HasSubstr("FILE:2:")) << keys;
  }
}

TEST_F(RelayConfigTest, WithoutPortsThereIsNoEngine) {
  RelayConfig config;
  ASSERT_TRUE(
      Load("groups: [{name: g, ingress: 10.0.0.1:5, members: [10.0.0.2:5]}]\n", config).ok());
  EXPECT_FALSE(config.has_engine);
}

TEST_F(RelayConfigTest, OneErrorEach) {
  struct Row {
    const char* description;
    const char* group;
    const char* message;
  };
  const Row rows[] = {
      {"no name", "{ingress: 10.0.0.1:5, members: [10.0.0.2:5]}", "FILE:1:10: name: is missing"},
      {"no ingress", "{name: g, members: [10.0.0.2:5]}", "FILE:1:10: ingress: is missing"},
      {"no members", "{name: g, ingress: 10.0.0.1:5}", "FILE:1:10: members: is missing"},
      {"empty members", "{name: g, ingress: 10.0.0.1:5, members: []}",
       "FILE:1:50: members: (a list) is empty"},
      {"ingress without port", "{name: g, ingress: 10.0.0.1, members: [10.0.0.2:5]}",
       "ingress: '10.0.0.1' is not an IP address and a UDP port: ADDR:PORT or [ADDR6]:PORT, port 1 "
       "to "
       "65535"},
      {"ingress port 0", "{name: g, ingress: \"10.0.0.1:0\", members: [10.0.0.2:5]}",
       "ingress: '10.0.0.1:0' is not"},
      {"broadcast ingress", "{name: g, ingress: 255.255.255.255:5, members: [10.0.0.2:5]}",
       "ingress: '255.255.255.255:5' is the broadcast address"},
      {"no ingresses", "{name: g, ingress: [], members: [10.0.0.2:5]}",
       "ingress: (a list) is empty"},
      {"SSM without sources", "{name: g, ingress: 232.1.1.1:5, members: [10.0.0.2:5]}",
       "FILE:1:29: ingress: '232.1.1.1:5' is source-specific; name its sources with 'from'"},
      {"SSM of IPv6 without sources",
       "{name: g, ingress: {address: \"[ff35::1]:5\"}, members: [10.0.0.2:5]}",
       "ingress: '[ff35::1]:5' is source-specific"},
      {"one link's multicast", "{name: g, ingress: \"[ff02::7]:5\", members: [10.0.0.2:5]}",
       "ingress: '[ff02::7]:5' is of one link; name its interface with 'interface'"},
      {"interface of unicast",
       "{name: g, ingress: {address: 10.0.0.1:5, interface: eth0}, members: [10.0.0.2:5]}",
       "interface: '10.0.0.1:5' is no multicast group: nothing is joined"},
      {"interface of a long name",
       "{name: g, ingress: {address: 239.1.1.1:5, interface: sixteen-letters-}, members: "
       "[10.0.0.2:5]}",
       "interface: 'sixteen-letters-' is no name of an interface"},
      {"sources of another family",
       "{name: g, ingress: {address: 10.0.0.1:5, from: [\"::1\"]}, members: [10.0.0.2:5]}",
       "from: has an address of another family than '10.0.0.1:5'"},
      {"source with a port",
       "{name: g, ingress: {address: 10.0.0.1:5, from: [\"10.0.0.2:5\"]}, members: [10.0.0.2:5]}",
       "from: '10.0.0.2:5' is not an IPv4 or IPv6 address"},
      {"an ingress twice in a group",
       "{name: g, ingress: [10.0.0.1:5, {address: 10.0.0.1:5}], members: [10.0.0.2:5]}",
       "ingress: '10.0.0.1:5' is taken by the ingress '10.0.0.1:5' of group 'g' in line 1"},
      {"one source in two spellings",
       "{name: g, ingress: {address: \"[ff35::1]:5\", from: [\"2001:db8::1\", \"2001:db8:0::1\"]}, "
       "members: [10.0.0.2:5]}",
       "from: has '2001:db8::1' twice"},
      {"a source that is no host's",
       "{name: g, ingress: {address: 10.0.0.1:5, from: [239.1.1.1]}, members: [10.0.0.2:5]}",
       "from: '239.1.1.1' is not an IPv4 or IPv6 address of a host"},
      {"one multicast group for two",
       "{name: g, ingress: {address: 239.1.1.1:5, interface: a}, members: [10.0.0.2:5]}, "
       "{name: h, ingress: 239.1.1.1:5, members: [10.0.0.2:5]}",
       "ingress: '239.1.1.1:5' is taken by the ingress '239.1.1.1:5' of group 'g'"},
      {"a source of both families",
       "{name: g, ingress: 10.0.0.1:5, source: \"[::]:6\", members: [10.0.0.2:5]}, "
       "{name: h, ingress: 10.0.0.1:6, members: [10.0.0.2:5]}",
       "source: '[::]:6' is taken by the ingress '10.0.0.1:6' of group 'h'"},
      {"no ingress's address", "{name: g, ingress: {from: [10.0.0.9]}, members: [10.0.0.2:5]}",
       "address: is missing"},
      {"member port 0", "{name: g, ingress: 10.0.0.1:5, members: [\"10.0.0.2:0\"]}",
       "FILE:1:51: members: '10.0.0.2:0' is not"},
      {"member port 65536", "{name: g, ingress: 10.0.0.1:5, members: [10.0.0.2:65536]}",
       "members: '10.0.0.2:65536' is not"},
      {"member no address", "{name: g, ingress: 10.0.0.1:5, members: [example.org:5]}",
       "members: 'example.org:5' is not"},
      {"IPv6 member without brackets", "{name: g, ingress: 10.0.0.1:5, members: [\"::1:5\"]}",
       "members: '::1:5' is not"},
      {"IPv4-mapped member", "{name: g, ingress: 10.0.0.1:5, members: [\"[::ffff:10.0.0.2]:5\"]}",
       "members: '[::ffff:10.0.0.2]:5' is not"},
      {"link-local member", "{name: g, ingress: 10.0.0.1:5, members: [\"[fe80::1]:5\"]}",
       "members: '[fe80::1]:5' is link-local; name its interface"},
      {"interface of a global member",
       "{name: g, ingress: 10.0.0.1:5, members: [\"[2001:db8::1%eth0]:5\"]}",
       "members: '[2001:db8::1%eth0]:5' names an interface, but is not link-local"},
      {"member of another family than the source",
       "{name: g, ingress: 10.0.0.1:5, source: 10.0.0.1, members: [10.0.0.2:5, \"[::1]:5\"]}",
       "FILE:1:81: members: '[::1]:5' is of another family than the group's source '10.0.0.1:0'"},
      {"IPv4 member from an IPv6 ingress",
       "{name: g, ingress: \"[::]:5\", source: \"[::]:5\", members: [10.0.0.2:5]}",
       "members: '10.0.0.2:5' is of another family than the group's source '[::]:5'"},
      {"own ingress of IPv6", "{name: g, ingress: \"[::]:5\", members: [\"[::1]:5\"]}",
       "members: '[::1]:5' is the group's own ingress"},
      {"own second ingress", "{name: g, ingress: [10.0.0.1:5, 10.0.0.1:6], members: [10.0.0.1:6]}",
       "members: '10.0.0.1:6' is the group's own ingress"},
      {"dont_fragment", "{name: g, ingress: 10.0.0.1:5, dont_fragment: no, members: [10.0.0.2:5]}",
       "dont_fragment: 'no' is"},
      {"unspecified member", "{name: g, ingress: 10.0.0.1:5, members: [0.0.0.0:5]}",
       "members: '0.0.0.0:5' is no address of a host"},
      {"multicast member", "{name: g, ingress: 10.0.0.1:5, members: [239.1.1.1:5]}",
       "members: '239.1.1.1:5' is a multicast address; a member is one host's unicast address"},
      {"broadcast member", "{name: g, ingress: 10.0.0.1:5, members: [255.255.255.255:5]}",
       "members: '255.255.255.255:5' is the broadcast address"},
      {"member twice", "{name: g, ingress: 10.0.0.1:5, members: [10.0.0.2:5, \"10.0.0.2:5\"]}",
       "FILE:1:63: members: '10.0.0.2:5' is a member already, in line 1; remove one"},
      {"own ingress", "{name: g, ingress: 10.0.0.1:5, members: [10.0.0.1:5]}",
       "FILE:1:51: members: '10.0.0.1:5' is the group's own ingress"},
      {"own ingress on every address", "{name: g, ingress: 0.0.0.0:5, members: [127.0.0.1:5]}",
       "FILE:1:50: members: '127.0.0.1:5' is the group's own ingress"},
      {"ttl", "{name: g, ingress: 10.0.0.1:5, ttl: 0, members: [10.0.0.2:5]}",
       "ttl: '0' is not an integer from 1 to 255"},
      {"unknown key", "{name: g, ingres: 10.0.0.1:5, ingress: 10.0.0.1:5, members: [10.0.0.2:5]}",
       "FILE:1:20: ingres: no such key here; did you mean 'ingress'?"},
      {"name twice",
       "{name: g, ingress: 10.0.0.1:5, members: [10.0.0.2:5]}, "
       "{name: g, ingress: 10.0.0.1:6, members: [10.0.0.2:5]}",
       "name: 'g' is the name of the group in line 1 already"},
      {"ingress twice",
       "{name: g, ingress: 10.0.0.1:5, members: [10.0.0.2:5]}, "
       "{name: h, ingress: 10.0.0.1:5, members: [10.0.0.2:5]}",
       "ingress: '10.0.0.1:5' is taken by the ingress '10.0.0.1:5' of group 'g' in line 1"},
      {"ingress under a wildcard",
       "{name: g, ingress: 0.0.0.0:5, members: [10.0.0.2:5]}, "
       "{name: h, ingress: 10.0.0.1:5, members: [10.0.0.2:5]}",
       "ingress: '10.0.0.1:5' is taken by the ingress '0.0.0.0:5' of group 'g'"},
      {"source is another's ingress",
       "{name: g, ingress: 10.0.0.1:5, members: [10.0.0.2:5]}, "
       "{name: h, ingress: 10.0.0.1:6, source: 10.0.0.1:5, members: [10.0.0.2:5]}",
       "source: '10.0.0.1:5' is taken by the ingress '10.0.0.1:5' of group 'g'"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.description);
    const std::string message = ErrorOf("groups: [" + std::string(row.group) + "]\n");
    EXPECT_NE(message.find(row.message), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one error: " << message;
  }
  EXPECT_EQ(ErrorOf(""), "FILE:1:1: groups: is missing (what is relayed, and to whom)");
}

TEST_F(RelayConfigTest, LoopsOverOtherGroupsAreTold) {
  const std::string chain =
      "  - {name: a, ingress: 10.0.0.1:1, members: [10.0.0.1:2, 10.0.0.9:9]}\n"
      "  - {name: b, ingress: 10.0.0.1:2, members: [10.0.0.9:9, 10.0.0.1:3]}\n";
  EXPECT_EQ(
      ErrorOf("groups:\n" + chain + "  - {name: c, ingress: 10.0.0.1:3, members: [10.0.0.9:9]}\n"),
      "");
  EXPECT_EQ(
      ErrorOf("groups:\n" + chain + "  - {name: c, ingress: 10.0.0.1:3, members: [10.0.0.1:1]}\n"),
      "FILE:2:46: members: '10.0.0.1:2' is the ingress of group 'b', which leads back to this "
      "one: each datagram would come back\n"
      "FILE:3:58: members: '10.0.0.1:3' is the ingress of group 'c', which leads back to this "
      "one: each datagram would come back\n"
      "FILE:4:46: members: '10.0.0.1:1' is the ingress of group 'a', which leads back to this "
      "one: each datagram would come back");
}

TEST_F(RelayConfigTest, AtMost200ErrorsAreTold) {
  std::string text = "groups:\n  - name: g\n    ingress: 10.0.0.1:5\n    members:\n";
  for (int i = 0; i < 300; ++i) text += "      - nobody\n";
  const std::string message = ErrorOf(text);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 200);
  EXPECT_NE(message.find("FILE: and 100 more errors"), std::string::npos);
}

TEST_F(RelayConfigTest, TwentyThousandMembers) {
  std::string text = "groups:\n  - name: g\n    ingress: 10.255.0.1:5\n    members:\n";
  for (int i = 0; i < 20000; ++i) {
    text += "      - 10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":5004\n";
  }
  RelayConfig config;
  const absl::Status status = Load(text, config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(config.groups[0].members.size(), 20000u);
}

TEST(MergeErrors, InTheOrderOfTheFileAndEachOnce) {
  EXPECT_EQ(MergeErrors("f", "f:2:1: b\nf:10:1: d", "f:2:1: b\nf:3:5: c\n  more of c\nf:1:9: a"),
            "f:1:9: a\nf:2:1: b\nf:3:5: c\n  more of c\nf:10:1: d");
  EXPECT_EQ(MergeErrors("f", "", ""), "");
  EXPECT_EQ(MergeErrors("f", "f: cannot be read", "f: cannot be read"), "f: cannot be read");
}

TEST(RelayConfigReference, NamesEveryKey) {
  const std::string text = RelayConfigReference();
  for (const char* key : {"groups:", "name:", "ingress:", "address:", "interface:", "from:",
                          "source:", "ttl:", "tos:", "dont_fragment:", "members:"}) {
    EXPECT_NE(text.find(key), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace groupcast
