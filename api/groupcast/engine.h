// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// The engine of this process in C++: opened from a file or from a typed configuration. The same one
// that groupcast_attach() starts: there is at most one at a time, whoever opened it.
#ifndef GROUPCAST_ENGINE_H_
#define GROUPCAST_ENGINE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "groupcast/export.h"

namespace groupcast {

// What a configuration file says, as a type: Engine::ToYaml() shows that file, and errors name its
// keys, lines and columns. A member left as it is means the file's default; units and ranges are
// those of the keys (`groupcastd --help-config`). To try it without a network card:
//
//   groupcast::EngineOptions options;
//   options.ports.push_back({.name = "null0", .device = "net_null0"});
//   options.ports[0].fixed = {.mac = "02:00:00:00:00:01", .address = "192.0.2.1",
//                             .next_hops = {{"0.0.0.0/0", "02:00:00:00:00:02"}}};
struct EngineOptions {
  enum class Hugepages { kAuto, kRequired, kOff };
  enum class Idle { kAdaptive, kPoll };

  // For a port without a kernel interface: who is reached through which MAC.
  struct NextHop {
    std::string prefix;  // "10.0.0.0/8", "2001:db8::/32"
    std::string mac;     // "02:00:00:00:00:01"
  };
  struct Static {
    std::string mac;
    std::string address;   // IPv4 source of sockets that are bound to no address; may be empty
    std::string address6;  // the same for IPv6; at least one of both
    uint32_t mtu = 1500;   // bytes of IP packet
    uint16_t vlan = 0;     // 1 to 4094: every frame is tagged; 0: none is
    std::vector<NextHop> next_hops;
  };
  struct Port {
    std::string name;
    std::string device;     // "net_af_packet0,iface=eth0", "0000:03:00.0", any DPDK vdev
    std::string interface;  // the kernel interface it sends for; empty: the device's argument
    // For a device that the kernel has no driver for (a card bound to vfio-pci, vhost-user): a TAP
    // that the engine makes, or takes if nobody uses it, and by which the host goes on using it.
    std::string exception_interface;
    // Bytes: the most that its MTU can be set to while the engine runs; none: what it has at first.
    std::optional<uint32_t> max_mtu;
    std::optional<Static> fixed;  // instead of a kernel interface
    // Where the driver's profile is overridden.
    std::optional<uint32_t> tx_descriptors;
    std::optional<uint32_t> copybreak;  // bytes
  };

  std::vector<Port> ports;       // at least one
  std::vector<unsigned> lcores;  // CPUs; empty: one lcore on the last CPU of the process's mask
  uint32_t memory_mib = 512;
  Hugepages hugepages = Hugepages::kAuto;
  std::vector<std::string> eal;  // further EAL arguments
  Idle idle = Idle::kAdaptive;
  uint32_t resolve_wait_ms = 250;
  uint32_t routes = 131072;
  uint32_t next_hops = 16384;
};

// An engine that runs as long as this object. Movable. Any number of openings one after the other;
// DPDK itself starts with the first and stays: memory_mib, hugepages and eal of that one hold.
//
// Threads: any; one call at a time on one object.
class GROUPCAST_API Engine {
 public:
  // Starts the engine as the YAML file, or the options, say. Blocks for about half a second the
  // first time, and up to 5 s for a card's link; the caller's CPU affinity is not changed. On error
  // nothing is left started:
  //   kInvalidArgument    the configuration is wrong: one line per error, with file (or
  //                       "EngineOptions"), line, column and key.
  //   kNotFound           the file, or an interface or device that it names, does not exist.
  //   kAlreadyExists      an engine is open, or attached by groupcast_attach(), already; or a
  //                       device is in use.
  //   kPermissionDenied   a privilege is missing (net_af_packet: CAP_NET_RAW, CAP_NET_ADMIN;
  //                       net_af_xdp: CAP_BPF, too).
  //   kResourceExhausted  not enough memory or huge pages.
  //   kUnimplemented      in a child that was forked after an opening.
  //   others              a device did not start.
  [[nodiscard]] static absl::StatusOr<Engine> Open(const std::string& file);
  [[nodiscard]] static absl::StatusOr<Engine> Open(const EngineOptions& options);

  // The file that says what `options` say.
  static std::string ToYaml(const EngineOptions& options);

  // Stops the engine: accepted packets are drained for at most one second. Synchronous sends in
  // progress go on by the kernel with what was not started; asynchronous sends end with ECANCELED
  // for it. Groups and payloads stay valid, and go by the kernel until an engine is opened again.
  // Blocks until all is stopped. kFailedPrecondition: it is closed already, by
  // whomever, or this is called from inside of a send (SendOptions::private_bytes).
  absl::Status Close();

  Engine(Engine&& other) noexcept;
  Engine& operator=(Engine&& other) noexcept;  // closes what was open here
  ~Engine();                                   // closes

 private:
  explicit Engine(uint32_t instance) : instance_(instance) {}
  uint32_t instance_;  // 0: closed
};

}  // namespace groupcast

#endif  // GROUPCAST_ENGINE_H_
