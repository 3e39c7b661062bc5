// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/config.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <net/if.h>
#include <rte_dev.h>
#include <sched.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <map>

#include "engine/control/config_file.h"
#include "engine/control/config_reader.h"
#include "engine/control/driver_profile.h"
#include "engine/control/static_interface_config.h"

namespace groupcast {
namespace {

// DPDK's own limit of a TX ring's descriptors in any of its drivers (igc; others take less).
constexpr uint64_t kMinTxDescriptors = 64;
constexpr uint64_t kMaxTxDescriptors = 32768;
constexpr uint64_t kMaxUdpPayload = 65507;

bool IsPciAddress(const std::string& name) {
  // "DDDD:BB:DD.F" or "BB:DD.F", hexadecimal.
  std::string shape;
  for (const char c : name) shape += std::isxdigit(static_cast<unsigned char>(c)) != 0 ? 'x' : c;
  return shape == "xx:xx.x" || shape == "xxxx:xx:xx.x";
}

std::optional<unsigned> ReadCpu(const ConfigValue& value) {
  const auto cpu = ReadInteger(value, 0, CPU_SETSIZE - 1);
  if (!cpu) return std::nullopt;
  return static_cast<unsigned>(*cpu);
}

// What the engine sets itself, with the key that changes it; or what ends or changes the process.
struct OwnArgument {
  const char* name;
  const char* key;  // null: none does
};
constexpr OwnArgument kOwnArguments[] = {
    {"-l", "lcores"},         {"-c", "lcores"},           {"--lcores", "lcores"},
    {"-m", "memory"},         {"--main-lcore", "lcores"}, {"--socket-mem", "memory"},
    {"--no-huge", "memory"},  {"--in-memory", "memory"},  {"-a", "ports"},
    {"-b", "ports"},          {"--vdev", "ports"},        {"--allow", "ports"},
    {"--block", "ports"},     {"--no-pci", "ports"},      {"-h", nullptr},
    {"-v", nullptr},          {"--help", nullptr},        {"--version", nullptr},
    {"--proc-type", nullptr}, {"--file-prefix", nullptr}, {"--no-shconf", nullptr},
    {"--iova-mode", nullptr}};

// Whether getopt_long() takes `text` for `argument`: short ones may have their value behind them,
// long ones may be cut short.
bool Means(const std::string& text, const std::string& argument) {
  if (text[1] != '-') return text.compare(0, 2, argument) == 0;
  const std::string name = text.substr(0, text.find_first_of("= "));
  return argument[1] == '-' && argument.compare(0, name.size(), name) == 0;
}

std::optional<std::string> ReadEalArgument(const ConfigValue& value) {
  auto text = ReadText(value);
  if (!text) return std::nullopt;
  if ((*text)[0] != '-' || *text == "-" || *text == "--") {
    value.Reject("is not an EAL argument; one item is one argument as in '--log-level=8'");
    return std::nullopt;
  }
  for (const OwnArgument& own : kOwnArguments) {
    if (!Means(*text, own.name)) continue;
    value.Reject(own.key == nullptr
                     ? std::string("is not for a library in another program; remove it")
                     : absl::StrCat("is set by the engine; use the key '", own.key, "'"));
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> ReadDevice(const ConfigValue& value) {
  auto text = ReadText(value);
  if (!text) return std::nullopt;
  PortConfig port;
  port.device = *text;
  const std::string name = port.DeviceName();
  const bool vdev =
      !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
      });
  if ((!vdev && !IsPciAddress(name)) || name.size() >= RTE_DEV_NAME_MAX_LEN ||
      absl::StrContains(*text, ' ')) {
    value.Reject(
        "is not a device: a PCI address as in 0000:03:00.0 or a vdev with its arguments as in "
        "net_af_packet0,iface=eth0");
    return std::nullopt;
  }
  return text;
}

bool IsInterfaceName(const std::string& name) {
  return !name.empty() && name.size() < IF_NAMESIZE && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == '/' || c == ':' || std::isspace(static_cast<unsigned char>(c)) != 0;
         });
}

constexpr char kInterfaceAllowed[] = "the name of a kernel interface, 1 to 15 characters";

std::optional<std::string> ReadInterface(const ConfigValue& value) {
  auto text = ReadText(value);
  if (!text) return std::nullopt;
  if (!IsInterfaceName(*text)) {
    value.Reject(absl::StrCat("is not ", kInterfaceAllowed));
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> ReadOffload(const ConfigValue& value) {
  const size_t i = config_internal::ReadWord(value, TxOffloadNames());
  if (i == TxOffloadNames().size()) return std::nullopt;
  return TxOffloadNames()[i];
}

// Drivers want multiples: Intel's of 32, net_af_packet's whole blocks of frames.
std::optional<uint16_t> ReadDescriptors(const ConfigValue& value) {
  const auto number = ReadInteger(value, kMinTxDescriptors, kMaxTxDescriptors);
  if (!number) return std::nullopt;
  if (!std::has_single_bit(*number)) {
    value.Reject(absl::StrCat("is not a power of two; use ", std::bit_ceil(*number)));
    return std::nullopt;
  }
  return static_cast<uint16_t>(*number);
}

// A port is for a kernel interface (named, or found in the device's arguments) or static.
void CheckPort(const ConfigNode& node, PortConfig& port, ConfigErrors& errors) {
  const ConfigNode* device = FindValue(node, "device");
  if (device == nullptr || port.device.empty()) return;  // told already
  const ConfigNode* kernel = FindValue(node, "kernel_interface");
  const ConfigNode* interface = FindValue(node, "interface");
  const ConfigNode* place = kernel != nullptr ? kernel : interface != nullptr ? interface : device;
  port.line = place->line;
  port.column = place->column;
  const ConfigNode* fixed = FindValue(node, "static");
  const ConfigNode* exception = FindValue(node, "exception_interface");
  if (const ConfigNode* max_mtu = FindValue(node, "max_mtu"); max_mtu && exception == nullptr) {
    errors.Add(*max_mtu, "max_mtu",
               "is of ports with an exception interface; others take what their interface has when "
               "the engine starts");
  }
  const absl::StatusOr<DriverProfile> profile = LoadDeviceProfile(port.DeviceName());
  if (!profile.ok()) {
    errors.Add(*device, "device", std::string(profile.status().message()));
    return;
  }
  const std::string& argument = profile->interface_argument;
  const std::string named = argument.empty() ? "" : port.DeviceArgument(argument);
  if (exception != nullptr) {
    const bool known = interface != nullptr || !named.empty();
    if (known || fixed != nullptr) {
      errors.Add(*exception, "exception_interface",
                 known ? absl::StrCat("the device's kernel interface is '",
                                      Printable(interface != nullptr ? port.interface : named),
                                      "' already, and this key is for devices without one; remove "
                                      "one of them")
                       : "has routes and neighbours of the kernel's; remove it, or 'static'");
      return;
    }
    // The kernel would put a number in its place.
    if (absl::StrContains(port.exception_interface, '%')) {
      errors.Add(*exception, "exception_interface",
                 absl::StrCat("'", Printable(port.exception_interface), "' has a '%'"));
    }
    port.interface = port.exception_interface;
    if (kernel == nullptr) {
      port.kernel_interface = port.interface;
      port.line = exception->line;
      port.column = exception->column;
    }
    return;
  }
  if (fixed != nullptr && (interface != nullptr || kernel != nullptr || !named.empty())) {
    const std::string& known = interface != nullptr ? port.interface
                               : !named.empty()     ? named
                                                    : port.kernel_interface;
    errors.Add(*fixed, "static",
               absl::StrCat("the port has the kernel interface '", Printable(known),
                            "', which knows all this; remove 'static' or the interface"));
    return;
  }
  if (fixed != nullptr) return;
  if (interface == nullptr && named.empty() && kernel == nullptr) {
    const bool unknown = profile->driver == kGenericProfile && !port.IsPci();
    ConfigValue{"device", *device, errors}.Reject(absl::StrCat(
        unknown ? absl::StrCat("is of no driver known to name its kernel interface (those are ",
                               absl::StrJoin(DriversWithInterface(), ", "), "); give ")
                : "names no kernel interface; give ",
        argument.empty() ? "the key 'exception_interface' with the name of one to be made, "
                         : absl::StrCat("the device's argument '", argument, "', "),
        "the key 'interface', or the key 'static' with addresses and next hops"));
    return;
  }
  if (interface == nullptr && !named.empty() && !IsInterfaceName(named)) {
    ConfigValue{"device", *device, errors}.Reject(absl::StrCat("has the argument ", argument, "=",
                                                               Printable(named), ", which is not ",
                                                               kInterfaceAllowed));
    return;
  }
  if (interface != nullptr && !named.empty() && port.interface != named) {
    ConfigValue{"interface", *interface, errors}.Reject(absl::StrCat(
        "is not the interface '", Printable(named), "' of the device; remove this key"));
    return;
  }
  if (interface == nullptr) port.interface = named.empty() ? port.kernel_interface : named;
  if (kernel == nullptr) port.kernel_interface = port.interface;
}

ConfigTable<PortConfig> PortTable() {
  return {
      .keys =
          {{"name", Value(&PortConfig::name, "text", kNameAllowed, ReadName), "",
            "what messages and statistics call the port", true},
           {"device",
            Value(&PortConfig::device, "text",
                  "a PCI address, or a vdev with its "
                  "arguments",
                  ReadDevice),
            "", "the DPDK device, as in net_af_packet0,iface=eth0", true},
           {"interface", Value(&PortConfig::interface, "text", kInterfaceAllowed, ReadInterface),
            "", "the kernel interface that the port sends for", false, "the device's argument"},
           {"kernel_interface",
            Value(&PortConfig::kernel_interface, "text", kInterfaceAllowed, ReadInterface), "",
            "whose routes, neighbours and addresses count, if it is another one: an 802.1Q VLAN "
            "interface as in eth0.100, whose tag the port's frames then get",
            false, "the same"},
           {"exception_interface",
            Value(&PortConfig::exception_interface, "text", kInterfaceAllowed, ReadInterface), "",
            "for a device that the kernel has no driver for (vhost-user, a card bound to "
            "vfio-pci): the kernel interface, a TAP, that the engine makes for it, and by which "
            "the host goes on using it: addresses, ARP, ping, SSH",
            false, "none"},
           {"max_mtu", Integer(&PortConfig::max_mtu, 1280, kLargestMtu), "bytes",
            "the most that the exception interface's MTU can be set to while the engine runs: its "
            "mbufs are made as long",
            false, "its MTU when the engine starts"},
           {"tx_descriptors",
            Value(&PortConfig::tx_descriptors, "integer",
                  absl::StrCat("a power of two, ", kMinTxDescriptors, " to ", kMaxTxDescriptors),
                  ReadDescriptors),
            "descriptors", "length of the transmit ring", false, "the driver profile's"},
           {"copybreak", Integer(&PortConfig::copybreak, 0, kMaxUdpPayload), "bytes",
            "smaller payloads are copied to each packet, larger ones shared", false,
            "the driver profile's"},
           {"tx_offloads",
            ListOf(&PortConfig::tx_offloads, "words", config_internal::Words(TxOffloadNames()),
                   ReadOffload),
            "", "offloads to use where the driver advertises them", false, "the driver profile's"},
           {"static", Mapping(&PortConfig::fixed, StaticInterfaceTable()), "",
            "for a port without a kernel interface: what that would know"}},
      .check = CheckPort};
}

void CheckPorts(const ConfigNode& node, EngineConfig& config, ConfigErrors& errors) {
  const ConfigNode* ports = FindValue(node, "ports");
  if (ports == nullptr) return;
  RejectDoubled(*ports, "name", errors, [](const std::string& name) { return name; });
  RejectDoubled(*ports, "device", errors,
                [](const std::string& device) { return device.substr(0, device.find(',')); });
  std::map<std::string, int> lines;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    const std::string& interface = config.ports[i].kernel_interface;
    if (interface.empty()) continue;
    const auto [earlier, first] = lines.emplace(interface, ports->children[i]->line);
    if (first) continue;
    errors.Add(*ports->children[i], "ports",
               absl::StrCat("the interface '", interface, "' belongs to the port in line ",
                            earlier->second, " already; one port per interface"));
  }
}

ConfigTable<EngineConfig> EngineTable() {
  const ConfigTable<EngineConfig> memory = {
      .keys = {{"size_mib", Integer(&EngineConfig::memory_mib, 16, 1u << 20), "MiB",
                "memory that DPDK gets: mempools, channels of sending threads, routes"},
               {"hugepages",
                OneOf(&EngineConfig::hugepages, {{"auto", Hugepages::kAuto},
                                                 {"required", Hugepages::kRequired},
                                                 {"off", Hugepages::kOff}}),
                "", "auto: where there are enough of them, else ordinary pages and one warning"}}};
  const ConfigTable<EngineConfig> resolver = {
      .keys = {{"wait_ms", Integer(&EngineConfig::resolve_wait_ms, 0, 60000), "ms",
                "how long a call waits for an unresolved next hop, once per resolution"},
               {"routes", Integer(&EngineConfig::routes, 16, 1u << 24), "destinations",
                "most destinations that are known at a time"},
               {"next_hops", Integer(&EngineConfig::next_hops, 16, 1u << 20), "next hops",
                "most next hops that are known at a time"}}};
  return {
      .keys = {{"ports", MappingList(&EngineConfig::ports, PortTable()), "",
                "the ports that groupcasts leave by", true},
               {"lcores",
                ListOf(&EngineConfig::lcores, "integers", absl::StrCat("0 to ", CPU_SETSIZE - 1),
                       ReadCpu),
                "", "CPUs that the engine's threads run on", false, "the last CPU of the process"},
               {"memory", Section(memory), "", "memory of DPDK"},
               {"eal", ListOf(&EngineConfig::eal, "texts", "", ReadEalArgument), "",
                "further arguments of DPDK's EAL, one per item", false, "none"},
               {"idle",
                OneOf(&EngineConfig::idle, {{"adaptive", Idle::kAdaptive}, {"poll", Idle::kPoll}}),
                "", "adaptive: an lcore without work sleeps; poll: it never does"},
               {"resolver", Section(resolver), "", "routes and next hops, asked of the kernel"}},
      .passed_over = {"groups"},
      .check = CheckPorts};
}

}  // namespace

std::string PortConfig::DeviceName() const { return device.substr(0, device.find(',')); }

std::string PortConfig::DeviceArgument(const std::string& key) const {
  const std::vector<std::string> parts = absl::StrSplit(device, ',');
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    if (equals != std::string::npos && parts[i].substr(0, equals) == key) {
      return parts[i].substr(equals + 1);
    }
  }
  return "";
}

bool PortConfig::IsPci() const { return IsPciAddress(DeviceName()); }

std::string PortConfig::PciAddress() const {
  const std::string address = DeviceName();
  return address.size() == std::strlen("bb:dd.f") ? absl::StrCat("0000:", address) : address;
}

static absl::StatusOr<EngineConfig> ReadEngineConfig(const std::string& path,
                                                     const absl::StatusOr<ConfigFile>& file) {
  if (!file.ok()) return file.status();
  EngineConfig config;
  config.path = path;
  ConfigErrors errors(path);
  ReadMapping(file->root(), "", EngineTable(), config, errors);
  if (!errors.empty()) return errors.status();
  return config;
}

absl::StatusOr<EngineConfig> LoadEngineConfig(const std::string& path) {
  return ReadEngineConfig(path, ConfigFile::Read(path));
}

absl::StatusOr<EngineConfig> ParseEngineConfig(const std::string& name, const std::string& text) {
  return ReadEngineConfig(name, ConfigFile::Parse(name, text));
}

std::vector<std::string> EngineConfigKeys() {
  std::vector<std::string> keys;
  for (const auto& key : EngineTable().keys) keys.push_back(key.name);
  return keys;
}

std::string EngineConfigReference() {
  std::string text;
  DescribeTable(EngineTable(), 0, text);
  return text;
}

}  // namespace groupcast
