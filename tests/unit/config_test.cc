// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include <sys/stat.h>

#include <chrono>
#include <random>
#include <string>

#include "engine/control/config_file.h"
#include "tests/unit/config_fixture.h"

namespace groupcast {
namespace {

constexpr char kSmallest[] = "ports: [{name: lan0, device: \"net_af_packet0,iface=eth0\"}]\n";

TEST_F(ConfigTest, SmallestFileHasDefaults) {
  const auto config = Load(kSmallest);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->path, path_);
  EXPECT_TRUE(config->lcores.empty());
  EXPECT_EQ(config->hugepages, Hugepages::kAuto);
  EXPECT_EQ(config->memory_mib, 512u);
  EXPECT_EQ(config->idle, Idle::kAdaptive);
  EXPECT_EQ(config->resolve_wait_ms, 250u);
  EXPECT_EQ(config->routes, 131072u);
  EXPECT_EQ(config->next_hops, 16384u);
  ASSERT_EQ(config->ports.size(), 1u);
  const PortConfig& port = config->ports[0];
  EXPECT_EQ(port.name, "lan0");
  EXPECT_EQ(port.interface, "eth0");
  EXPECT_EQ(port.DeviceName(), "net_af_packet0");
  EXPECT_EQ(port.DeviceArgument("iface"), "eth0");
  EXPECT_EQ(port.DeviceArgument("ifac"), "");
  EXPECT_FALSE(port.IsPci());
  EXPECT_FALSE(port.fixed.has_value());
  EXPECT_FALSE(port.copybreak.has_value());
  EXPECT_EQ(port.line, 1);
}

TEST_F(ConfigTest, EveryKey) {
  const auto config = Load(R"(
lcores: [2, 3]
memory: {size_mib: 512, hugepages: required}
eal: ["--log-level=8"]
idle: poll
resolver: {wait_ms: 0, routes: 1000, next_hops: 100}
ports:
  - name: nic
    device: 0000:03:00.0
    interface: tap0
    tx_descriptors: 2048
    copybreak: 0
    tx_offloads: [ipv4_cksum, udp_cksum]
  - name: "null"
    device: net_null0
    static:
      mac: 02:00:00:00:00:0a
      mtu: 9000
      address: 192.0.2.1
      next_hops: [{to: 10.0.0.0/8, mac: "02:00:00:00:00:Fe"}, {to: 0.0.0.0/0, mac: 02:00:00:00:00:02}]
groups: anything
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->lcores, (std::vector<unsigned>{2, 3}));
  EXPECT_EQ(config->memory_mib, 512u);
  EXPECT_EQ(config->hugepages, Hugepages::kRequired);
  EXPECT_EQ(config->eal, (std::vector<std::string>{"--log-level=8"}));
  EXPECT_EQ(config->idle, Idle::kPoll);
  EXPECT_EQ(config->resolve_wait_ms, 0u);
  ASSERT_EQ(config->ports.size(), 2u);
  EXPECT_TRUE(config->ports[0].IsPci());
  EXPECT_EQ(config->ports[0].tx_descriptors, 2048);
  EXPECT_EQ(config->ports[0].copybreak, 0);
  EXPECT_EQ(config->ports[0].tx_offloads->size(), 2u);
  EXPECT_EQ(config->ports[0].line, 10);
  ASSERT_TRUE(config->ports[1].fixed.has_value());
  const StaticInterface& fixed = *config->ports[1].fixed;
  EXPECT_EQ(fixed.mtu, 9000);
  EXPECT_EQ(fixed.address, Ipv4("192.0.2.1"));
  EXPECT_EQ(fixed.mac.addr_bytes[5], 0x0a);
  ASSERT_EQ(fixed.next_hops.size(), 2u);
  EXPECT_EQ(fixed.next_hops[0].prefix, Ipv4("10.0.0.0"));
  EXPECT_EQ(fixed.next_hops[0].prefix_length, 8);
  EXPECT_EQ(fixed.next_hops[0].mac.addr_bytes[5], 0xfe);
  EXPECT_EQ(fixed.next_hops[1].prefix_length, 0);
  EXPECT_TRUE(fixed.address6.IsUnspecified());
  EXPECT_FALSE(fixed.vlan);
}

struct WrongFile {
  const char* description;
  const char* text;
  const char* message;  // whole
};

TEST_F(ConfigTest, OneErrorEach) {
  constexpr char kPort[] = "ports: [{name: a, device: \"net_af_packet0,iface=eth0\"}]\n";
  const std::vector<WrongFile> rows = {
      {"empty", "", "relay.yaml:1:1: ports: is missing (the ports that groupcasts leave by)"},
      {"comment only", "# nothing\n",
       "relay.yaml:1:1: ports: is missing (the ports that groupcasts leave by)"},
      {"a list", "- 1\n", "relay.yaml:1:1: (a list) is not a mapping of keys to values"},
      {"a word", "hello\n", "relay.yaml:1:1: 'hello' is not a mapping of keys to values"},
      {"no ports", "ports: []\n",
       "relay.yaml:1:8: ports: (a list) is empty; give at least one, or leave out the key"},
      {"null ports", "ports:\n", nullptr},
      {"word for ports", "ports: eth0\n",
       "relay.yaml:1:8: ports: 'eth0' is not a list of mappings"},
      {"word for a port", "ports: [eth0]\n",
       "relay.yaml:1:9: ports: 'eth0' is not a mapping of keys to values"},
      {"tab", "ports:\n\t- name: a\n",
       "relay.yaml:2:1: a tab in the indentation; YAML allows spaces only"},
      {"binary",
       "\x7f"
       "ELF",
       "relay.yaml:1:1: byte 0x7f is no text; a configuration is a YAML file in UTF-8"},
      {"tag", "ports: !!set {a}\n", nullptr},
      {"unclosed", "ports: [\n", nullptr},
      {"recursive alias", "ports: &a [*a]\n", nullptr},
      {"unknown alias", "ports: *nobody\n", nullptr},
  };
  for (const WrongFile& row : rows) {
    SCOPED_TRACE(row.description);
    const std::string message = ErrorOf(row.text);
    if (row.message != nullptr) {
      EXPECT_EQ(message, row.message);
    } else {
      EXPECT_EQ(message.compare(0, 11, "relay.yaml:"), 0) << message;
    }
  }
  const std::vector<WrongFile> additions = {
      {"two documents", "---\nports: 1\n",
       "relay.yaml:3:1: a second document begins here; a configuration is one document"},
      {"unknown, near", "lcore: [1]\n",
       "relay.yaml:2:1: lcore: no such key here; did you mean "
       "'lcores'?"},
      {"unknown, far", "bananas: 1\n",
       "relay.yaml:2:1: bananas: no such key here; the keys here are eal, groups, idle, lcores, "
       "memory, ports, resolver"},
      {"doubled key", "idle: poll\nidle: poll\n",
       "relay.yaml:3:1: idle: is given in line 2 already; remove one"},
      {"not a word of the list", "idle: never\n",
       "relay.yaml:2:7: idle: 'never' is not adaptive or poll"},
      {"not a number", "resolver: {wait_ms: soon}\n",
       "relay.yaml:2:21: wait_ms: 'soon' is not an integer from 0 to 60000"},
      {"out of range", "resolver: {wait_ms: 60001}\n",
       "relay.yaml:2:21: wait_ms: '60001' is not an integer from 0 to 60000"},
      {"negative", "resolver: {wait_ms: -1}\n",
       "relay.yaml:2:21: wait_ms: '-1' is not an integer from 0 to 60000"},
      {"beyond 64 bits", "memory: {size_mib: 99999999999999999999999}\n",
       "relay.yaml:2:20: size_mib: '99999999999999999999999' is not an integer from 16 to 1048576"},
      {"octal", "memory: {size_mib: 0512}\n",
       "relay.yaml:2:20: size_mib: '0512' is not an integer from 16 to 1048576"},
      {"CPU twice", "lcores: [1, 1]\n",
       "relay.yaml:2:13: lcores: '1' is in the list already; remove one"},
      {"EAL argument of ours", "eal: [\"--lcores=1@1\"]\n",
       "relay.yaml:2:7: eal: '--lcores=1@1' is set by the engine; use the key 'lcores'"},
      {"short EAL argument with its value", "eal: [-m64]\n",
       "relay.yaml:2:7: eal: '-m64' is set by the engine; use the key 'memory'"},
      {"EAL argument cut short", "eal: [\"--vde=net_null1\"]\n",
       "relay.yaml:2:7: eal: '--vde=net_null1' is set by the engine; use the key 'ports'"},
      {"EAL argument that ends the process", "eal: [-h]\n",
       "relay.yaml:2:7: eal: '-h' is not for a library in another program; remove it"},
      {"secondary process", "eal: [\"--proc-type=secondary\"]\n",
       "relay.yaml:2:7: eal: '--proc-type=secondary' is not for a library in another program; "
       "remove "
       "it"},
      {"mapping as key", "{a: b}: c\n", "relay.yaml:2:1: a key is a word, not a mapping"},
  };
  for (const WrongFile& row : additions) {
    SCOPED_TRACE(row.description);
    EXPECT_EQ(ErrorOf(std::string(kPort) + row.text), row.message);
  }
}

TEST_F(ConfigTest, AllErrorsInTheOrderOfTheFile) {
  EXPECT_EQ(ErrorOf("idle: maybe\r\nports:\r\n  - name: a\r\n    device: net_af_packet0\r\n"
                    "    copybreak: -1\r\nlcores: x\r\n"),
            "relay.yaml:1:7: idle: 'maybe' is not adaptive or poll\n"
            "relay.yaml:4:13: device: 'net_af_packet0' names no kernel interface; give the "
            "device's argument 'iface', the key 'interface', or the key 'static' with addresses "
            "and next hops\n"
            "relay.yaml:5:16: copybreak: '-1' is not an integer from 0 to 65507\n"
            "relay.yaml:6:9: lcores: 'x' is not a list of integers");
}

TEST_F(ConfigTest, CarriageReturnsAndByteOrderMark) {
  const auto config = Load(
      "\xef\xbb\xbfports:\r\n  - name: lan0\r\n    device: "
      "net_af_packet0,iface=eth0\r\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ports[0].interface, "eth0");
}

TEST_F(ConfigTest, AnchorsAreExpanded) {
  const auto config = Load(
      "ports:\n"
      "  - {name: a, device: net_null0, static: &s {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
      "next_hops: [{to: 0.0.0.0/0, mac: 02:00:00:00:00:02}]}}\n"
      "  - {name: b, device: net_null1, static: *s}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ports[1].fixed->address, Ipv4("10.0.0.1"));
}

TEST_F(ConfigTest, MissingUnreadableAndNoFile) {
  EXPECT_TRUE(absl::IsNotFound(LoadEngineConfig(folder_ + "/none.yaml").status()));
  EXPECT_TRUE(absl::IsNotFound(LoadEngineConfig("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadEngineConfig(folder_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadEngineConfig("/dev/zero").status()));
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(LoadEngineConfig(path_).status()));
}

TEST_F(ConfigTest, NestingAndAliasBombsEndWithAnError) {
  const std::string deep(1000000, '[');
  EXPECT_NE(ErrorOf(deep).find("nested deeper than 32 levels"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string(1000000, '{')), "accepted");
  std::string dashes = "ports: \n";
  for (int i = 0; i < 100000; ++i) dashes += "- ";
  EXPECT_NE(ErrorOf(dashes), "accepted");
  std::string questions;
  for (int i = 0; i < 100000; ++i) questions += "? ";
  EXPECT_NE(ErrorOf(questions), "accepted");
  std::string indented;
  for (size_t i = 0; i < 1000; ++i) indented.append(i, ' ').append("a:\n");
  EXPECT_NE(ErrorOf(indented), "accepted");

  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string name = "a" + std::to_string(i);
    const std::string item = "*a" + std::to_string(i - 1);
    bomb += name + ": &" + name + " [" + item;
    for (int j = 0; j < 8; ++j) bomb += ", " + item;
    bomb += "]\n";
  }
  EXPECT_NE(ErrorOf(bomb).find("values, aliases expanded"), std::string::npos);
}

TEST_F(ConfigTest, AnyBytesAreSafe) {
  std::mt19937 random(20081);
  const std::string structure =
      "ports: [{name: a, device: \"net_null0\"}]\n-?:,[]{}#&*!|>'\"%@`\\ \n";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    const size_t length = random() % 60;
    for (size_t i = 0; i < length; ++i) {
      text += round % 4 == 0 ? static_cast<char>(random() & 0xff)
                             : structure[random() % structure.size()];
    }
    const auto file = ConfigFile::Parse("random", text);
    if (!file.ok()) {
      EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << file.status();
    }
  }
}

TEST_F(ConfigTest, ManyMembersLoadInASecond) {
  std::string text = std::string(kSmallest) + "groups:\n  - name: g\n    members:\n";
  for (int i = 0; i < 20000; ++i) {
    text += "      - 10." + std::to_string(i / 62500) + "." + std::to_string(i / 250 % 250) + "." +
            std::to_string(i % 250) + ":" + std::to_string(1024 + i) + "\n";
  }
  const auto start = std::chrono::steady_clock::now();
  const auto config = Load(text);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(config.ok()) << config.status();
  RecordProperty("seconds", std::to_string(took.count()));
#ifndef GROUPCAST_SANITIZED
  EXPECT_LT(took.count(), 1.0);
#endif
}

TEST(EngineConfigReference, NamesEveryKey) {
  const std::string text = EngineConfigReference();
  for (const std::string& key : EngineConfigKeys()) {
    EXPECT_NE(text.find(key + ":"), std::string::npos) << key;
  }
  EXPECT_NE(text.find("wait_ms:  integer, 0 to 60000 (ms); default 250"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace groupcast
