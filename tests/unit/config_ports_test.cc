// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// What a configuration says of ports.
#include <string>
#include <vector>

#include "tests/unit/config_fixture.h"

namespace groupcast {
namespace {

TEST_F(ConfigTest, Ipv6AndVlan) {
  const auto config = Load(R"(
ports:
  - {name: lan0, device: "net_af_packet0,iface=eth0", kernel_interface: eth0.100}
  - {name: lan1, device: "net_af_packet1,iface=eth0"}
  - {name: nic, device: 0000:03:00.0, kernel_interface: tap0.7}
  - name: six
    device: net_null0
    static:
      mac: 02:00:00:00:00:0a
      mtu: 1280
      address6: 2001:db8::1
      vlan: 4094
      next_hops:
        - {to: "::/0", mac: 02:00:00:00:00:02}
        - {to: "2001:db8:0:8000::/49", mac: 02:00:00:00:00:03}
        - {to: "2001:db8::9/128", mac: 02:00:00:00:00:04}
        - {to: 10.0.0.0/8, mac: 02:00:00:00:00:05}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ports[0].interface, "eth0");
  EXPECT_EQ(config->ports[0].kernel_interface, "eth0.100");
  EXPECT_EQ(config->ports[1].kernel_interface, "eth0");
  EXPECT_EQ(config->ports[2].interface, "tap0.7");
  EXPECT_EQ(config->ports[2].kernel_interface, "tap0.7");
  EXPECT_EQ(config->ports[2].line, 5);
  const StaticInterface& fixed = *config->ports[3].fixed;
  EXPECT_TRUE(config->ports[3].kernel_interface.empty());
  EXPECT_TRUE(fixed.address.IsUnspecified());
  EXPECT_EQ(fixed.address6, Ipv6("2001:db8::1"));
  EXPECT_EQ(fixed.vlan, 4094);
  ASSERT_EQ(fixed.next_hops.size(), 4u);
  EXPECT_EQ(fixed.next_hops[0].prefix, Ipv6("::"));
  EXPECT_EQ(fixed.next_hops[0].prefix_length, 0);
  EXPECT_EQ(fixed.next_hops[1].prefix, Ipv6("2001:db8:0:8000::"));
  EXPECT_EQ(fixed.next_hops[1].prefix_length, 49);
  EXPECT_EQ(fixed.next_hops[2].prefix_length, 128);
  EXPECT_EQ(fixed.next_hops[3].prefix, Ipv4("10.0.0.0"));
}

TEST_F(ConfigTest, ExceptionInterfaces) {
  const auto config = Load(R"(
ports:
  - {name: nic, device: 0000:03:00.0, exception_interface: eth0}
  - {name: vlan, device: 0000:03:00.1, exception_interface: eth1, kernel_interface: eth1.100,
     max_mtu: 9000}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ports[0].interface, "eth0");
  EXPECT_EQ(config->ports[0].kernel_interface, "eth0");
  EXPECT_EQ(config->ports[0].exception_interface, "eth0");
  EXPECT_FALSE(config->ports[0].max_mtu.has_value());
  EXPECT_EQ(config->ports[1].max_mtu, 9000);
  EXPECT_EQ(config->ports[1].interface, "eth1");
  EXPECT_EQ(config->ports[1].kernel_interface, "eth1.100");
}

TEST_F(ConfigTest, OneErrorEachInAPort) {
  const std::string fixed =
      "static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
      "next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}";
  struct Row {
    const char* description;
    std::string port;
    std::string message;
  };
  const std::vector<Row> rows = {
      {"no device", "{name: a}", "relay.yaml:1:9: device: is missing"},
      {"no name", "{device: \"net_af_packet0,iface=eth0\"}", "relay.yaml:1:9: name: is missing"},
      {"name", "{name: \"a b\", device: \"net_af_packet0,iface=eth0\"}",
       "relay.yaml:1:16: name: 'a b' is not a name"},
      {"device", "{name: a, device: \"/dev/sda\"}",
       "relay.yaml:1:27: device: '/dev/sda' is not a device"},
      {"neither interface nor static", "{name: a, device: net_af_packet0}",
       "relay.yaml:1:27: device: 'net_af_packet0' names no kernel interface; give the device's "
       "argument 'iface'"},
      {"neither, PCI", "{name: a, device: \"0000:03:00.0\"}",
       "relay.yaml:1:27: device: '0000:03:00.0' names no kernel interface; give the key"},
      {"empty iface", "{name: a, device: \"net_af_packet0,iface=\"}", "names no kernel interface"},
      {"long iface", "{name: a, device: \"net_af_packet0,iface=abcdefghijklmnop\"}",
       "has the argument iface=abcdefghijklmnop, which is not the name of a kernel interface"},
      {"two interfaces", "{name: a, device: \"net_af_packet0,iface=eth0\", interface: eth1}",
       "relay.yaml:1:67: interface: 'eth1' is not the interface 'eth0' of the device"},
      {"static and interface", "{name: a, device: \"net_af_packet0,iface=eth0\", " + fixed + "}",
       "static: the port has the kernel interface 'eth0'"},
      {"max_mtu of another", "{name: a, device: net_null0, " + fixed + ", max_mtu: 9000}",
       "max_mtu: is of ports with an exception interface"},
      {"descriptors", "{name: a, device: net_null0, " + fixed + ", tx_descriptors: 63}",
       "tx_descriptors: '63' is not an integer from 64 to 32768"},
      {"descriptors", "{name: a, device: net_null0, " + fixed + ", tx_descriptors: 100}",
       "tx_descriptors: '100' is not a power of two; use 128"},
      {"offload", "{name: a, device: net_null0, " + fixed + ", tx_offloads: [mbuf_fast_free]}",
       "tx_offloads: 'mbuf_fast_free' is not ipv4_cksum, udp_cksum or vlan_insert"},
      {"multicast MAC",
       "{name: a, device: net_null0, static: {mac: 03:00:00:00:00:01, address: 10.0.0.1, "
       "next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}}",
       "mac: '03:00:00:00:00:01' is not a unicast MAC as in 02:00:00:00:00:01"},
      {"bits behind the prefix",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
       "next_hops: [{to: 10.0.0.1/8, mac: 02:00:00:00:00:02}]}}",
       "to: '10.0.0.1/8' has bits behind the prefix; write 10.0.0.0/8"},
      {"address",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address: 300.0.0.1, "
       "next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}}",
       "address: '300.0.0.1' is not an IPv4 address as in 192.0.2.1"},
      {"prefix twice",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
       "next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}, "
       "{to: 10.0.0.0/8, mac: 02:00:00:00:00:03}]}}",
       "to: '10.0.0.0/8' is used in line 1 already"},
      {"neither address",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, "
       "next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}}",
       "address: is missing, and 'address6', too; give one of them, or both"},
      {"IPv6 address",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address6: \"fd00::g\", "
       "next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}}",
       "address6: 'fd00::g' is not an IPv6 address as in 2001:db8::1"},
      {"IPv4-mapped address",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, "
       "address6: \"::ffff:10.0.0.1\", next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}}",
       "address6: '::ffff:10.0.0.1' is not an IPv6 address as in 2001:db8::1"},
      {"IPv6 multicast",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address6: \"ff02::1\", "
       "next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}}",
       "address6: 'ff02::1' is not the address of a host"},
      {"bits behind the IPv6 prefix",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
       "next_hops: [{to: \"2001:db8::ffff/113\", mac: 02:00:00:00:00:02}]}}",
       "to: '2001:db8::ffff/113' has bits behind the prefix; write 2001:db8::8000/113"},
      {"IPv6 prefix too long",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
       "next_hops: [{to: \"2001:db8::/129\", mac: 02:00:00:00:00:02}]}}",
       "to: '2001:db8::/129' is not an IPv4 or IPv6 prefix"},
      {"IPv6 on a small MTU",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
       "mtu: 1279, next_hops: [{to: \"2001:db8::/32\", mac: 02:00:00:00:00:02}]}}",
       "mtu: 1279 is too small for IPv6, which needs 1280"},
      {"VLAN id",
       "{name: a, device: net_null0, static: {mac: 02:00:00:00:00:01, address: 10.0.0.1, "
       "vlan: 4095, next_hops: [{to: 10.0.0.0/8, mac: 02:00:00:00:00:02}]}}",
       "vlan: '4095' is not an integer from 1 to 4094"},
      {"static and exception interface",
       "{name: a, device: net_null0, exception_interface: gc0, " + fixed + "}",
       "exception_interface: has routes and neighbours of the kernel's; remove it, or 'static'"},
      {"interface and exception interface",
       "{name: a, device: 0000:03:00.0, interface: eth0, exception_interface: gc0}",
       "exception_interface: the device's kernel interface is 'eth0' already"},
      {"a device with an interface, and exception interface",
       "{name: a, device: \"net_af_packet0,iface=eth1\", exception_interface: gc0}",
       "exception_interface: the device's kernel interface is 'eth1' already"},
      {"an exception interface that can't be",
       "{name: a, device: 0000:03:00.0, exception_interface: sixteen-letters-}",
       "exception_interface: 'sixteen-letters-' is not the name of a kernel interface"},
      {"an exception interface that the kernel would number",
       "{name: a, device: 0000:03:00.0, exception_interface: gc%d}",
       "exception_interface: 'gc%d' has a '%'"},
      {"static and kernel interface",
       "{name: a, device: net_null0, kernel_interface: eth1, " + fixed + "}",
       "static: the port has the kernel interface 'eth1'"},
      {"kernel interface's name",
       "{name: a, device: \"net_af_packet0,iface=eth0\", kernel_interface: a/b}",
       "kernel_interface: 'a/b' is not the name of a kernel interface"},
      {"second port, same name",
       "{name: a, device: \"net_af_packet0,iface=e0\"}, "
       "{name: a, device: \"net_af_packet1,iface=e1\"}",
       "name: 'a' is used in line 1 already; give each its own"},
      {"second port, same device",
       "{name: a, device: \"net_af_packet0,iface=e0\"}, "
       "{name: b, device: \"net_af_packet0,iface=e1\"}",
       "device: 'net_af_packet0,iface=e1' is used in line 1 already"},
      {"second port, same interface",
       "{name: a, device: \"net_af_packet0,iface=e0\"}, "
       "{name: b, device: \"net_af_packet1,iface=e0\"}",
       "ports: the interface 'e0' belongs to the port in line 1 already"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.description);
    const std::string message = ErrorOf("ports: [" + row.port + "]\n");
    EXPECT_NE(message.find(row.message), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one error: " << message;
  }
}

}  // namespace
}  // namespace groupcast
