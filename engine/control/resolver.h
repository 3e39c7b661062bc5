// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>
#include <rte_byteorder.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/control/config.h"
#include "engine/datapath/counters.h"
#include "engine/datapath/ip_address.h"
#include "engine/datapath/next_hops.h"

namespace groupcast {

// What a socket contributes to a route question (RTM_GETROUTE), so that policy routing and ECMP
// answer as they would for its own sendmsg().
struct RouteProfile {
  // Bound address; unspecified: the kernel chooses. One of either family fits destinations of that
  // family only; others go by the kernel.
  IpAddress source = {};
  rte_be16_t source_port = 0;
  uint8_t tos = 0;            // for IPv4 destinations
  uint8_t traffic_class = 0;  // for IPv6 destinations
  uint32_t interface = 0;     // SO_BINDTODEVICE; 0: any
  uint32_t mark = 0;
  uint32_t uid = 0;

  friend bool operator==(const RouteProfile&, const RouteProfile&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const RouteProfile& p) {
    return H::combine(std::move(h), p.source, p.source_port, p.tos, p.traffic_class, p.interface,
                      p.mark, p.uid);
  }
};

struct Destination {
  IpAddress address = {};
  uint32_t scope = 0;  // sin6_scope_id of an IPv6 link-local address; else 0
  rte_be16_t udp_port = 0;
};

// The answer for one destination. Immutable once published; valid until Offline().
struct Route {
  enum class Path : uint8_t { kEngine, kKernel };
  Path path = Path::kKernel;
  Counter kernel_reason = Counter::kKernelRoute;  // counted when path is kKernel
  bool mtu_locked = false;  // IPv4 route has "mtu lock": the kernel sends without DF
  // An earlier answer was kEngine: datagrams may still wait there.
  bool engine_before = false;
  uint16_t port = 0;  // index in EngineConfig::ports
  uint16_t next_hop_tag = 0;
  uint32_t next_hop = 0;  // index in NextHopTable
  IpAddress source = {};  // source address to write when the socket has none
  uint32_t path_mtu = 0;  // bytes of IP packet, as the kernel's dst_mtu()
  uint32_t device_mtu = 0;
  uint32_t generation = 0;  // of routing state when this was asked
  // What IPv6 sockets without a hop limit of their own send with on this route: its metric, else
  // the interface's net.ipv6.conf.X.hop_limit. 0: not known (IPv4, static ports).
  uint8_t hop_limit = 0;
  int64_t expires_ns = 0;  // CLOCK_MONOTONIC; then a path MTU is forgotten: ask again. 0: never
};

// One port as the resolver sees it: which kernel interface (or static description) it stands for.
struct ResolverPort {
  std::string name;
  uint32_t interface = 0;  // ifindex; 0: static
  uint32_t mtu = 1500;     // what the port takes, however large the interface's becomes
  uint16_t vlan = 0;       // 802.1Q TCI to write into its frames; 0: none, or by the device
  std::optional<StaticInterface> fixed;
};

// What the control thread tells of a port's kernel interface. Called on the control thread (and
// once on the starting thread, before Start() returns; for a static port only then). An interface
// that is deleted stays gone for the resolver, also when another of its name is made: the port's
// device is still bound to the old one.
struct InterfaceState {
  bool exists = true;
  bool up = true;       // IFF_UP
  bool carrier = true;  // IFF_RUNNING / operstate allows sending
  uint32_t mtu = 1500;
  rte_ether_addr mac{};
};
using InterfaceCallback = std::function<void(uint16_t port, const InterfaceState&)>;

// destination -> next hop, as the kernel would choose it (DESIGN 2.1).
//
// Lookup() is read on callers' threads under RCU and never blocks. Ask() and Await() may block and
// are for what Lookup() does not know, or knows to be unresolved. A control thread of the resolver
// follows netlink and is the only writer of next hops; answers to Ask() are published under a
// mutex.
class Resolver {
 public:
  struct Options {
    uint32_t routes = 131072;  // at most so many destinations are known at a time
    uint32_t next_hops = 16384;
    uint32_t readers = 128;         // reader ids are below this
    uint32_t idle_s = 60;           // what nobody has used for so long is forgotten
    size_t event_buffer_bytes = 0;  // of the notification socket; 0: 8 MiB
    std::vector<ResolverPort> ports;
    InterfaceCallback on_interface;  // may be empty
  };

  // Opens its netlink sockets in the calling thread's network namespace and starts the control
  // thread. Ports with an interface need CAP_NET_ADMIN for neighbour probing, and CAP_NET_RAW to
  // notice path MTU changes, and do without where it is missing. With static ports only, the kernel
  // is not asked: everything that no static port covers is kKernel. EAL must be initialised.
  // Fails with kNotFound for an interface that does not exist or is not Ethernet.
  static absl::StatusOr<std::unique_ptr<Resolver>> Start(Options options);
  ~Resolver();  // stops the control thread; no reader may be online
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Brackets of reading: Routes returned by Lookup() stay valid from Online() to Offline(). Reader
  // ids are given out by the caller, one per thread at a time. Never block while online.
  void Online(uint32_t reader);
  void Offline(uint32_t reader);

  // A small number for `profile`, never given to another one. It is forgotten when it has no routes
  // and was not interned for Options::idle_s; then it answers kKernel until interned again. Any
  // thread; takes a mutex; call once per socket snapshot, not per datagram.
  uint32_t Intern(const RouteProfile& profile);

  // routes[i] = the answer for destinations[i], or null where Ask() must be called first. Online
  // readers only; no lock, no allocation, no system call. Marks the entries and their next hops as
  // used.
  void Lookup(uint32_t profile, std::span<const Destination> destinations, const Route** routes);

  // Asks the kernel for each destination and publishes the answers; afterwards Lookup() knows them
  // (an error, too, is an answer: path kKernel, so that the kernel itself says what is wrong). For
  // an unresolved next hop it also starts resolution. Any thread, *not* online; blocks for the
  // kernel's answers (about 3 us each). Returns false for a full table: what is still unknown then
  // goes by the kernel as kKernelRoutesFull.
  bool Ask(uint32_t profile, std::span<const Destination> destinations);

  // The same for those who keep the answers themselves, such as groups of a million: routes[i] =
  // the answer for destinations[i], which is not published. Each with path kEngine holds one
  // reference to its next hop, to be given back with ReleaseNextHops(). Whoever keeps answers asks
  // again when Generation() is no longer Route::generation, when TakeMtuChanges() names the
  // destination (given what MtuChanges() was before this call), and at Route::expires_ns; and marks
  // the next hops it sends to as used (NextHop::used_s), or they are not kept resolved. What found
  // no place for its next hop (kKernelRoutesFull) may find one later. Counts as Intern() of the
  // profile, if it is not forgotten yet. Route::engine_before is not set.
  void Resolve(uint32_t profile, std::span<const Destination> destinations, Route* routes);
  void ReleaseNextHops(std::span<const uint32_t> next_hops);

  // Makes the kernel resolve this next hop now (RTM_NEWNEIGH with NTF_USE), at most once per
  // resolution however many call. Any thread.
  void StartResolution(uint32_t next_hop, uint16_t tag);

  // Blocks until some next hop became usable (or it, or a route, changed) after `seen`, or the
  // deadline (CLOCK_MONOTONIC, ns); returns the new count of changes. Not online.
  uint64_t AwaitChange(uint64_t seen, int64_t deadline_ns);
  uint64_t Changes() const;
  // Ends every AwaitChange() that waits.
  void WakeWaiters();

  // Bumped by each link, address, route or rule event (events that come together may share one).
  uint32_t Generation() const;

  // Bumped when a published answer was replaced by a different one, or dropped with its interface:
  // what was copied from Routes is then to be looked up again. Such copies are also to be looked up
  // once in Options::idle_s / 2, or the resolver forgets the routes and no longer follows them.
  uint64_t Revision() const;

  // Bumped after a next hop became usable or stopped being so: while it is what it was before a
  // sender found all of its next hops usable, that sender need not look again.
  uint64_t UsableChanges() const;
  const std::atomic<uint64_t>& usable_changes() const;

  // Appends the destinations that a message from the network may have given another path MTU since
  // `seen` (0 at first), and returns what to give as `seen` next. Only the last kMtuChanges are
  // kept: *all is set where some are missing, and then all destinations are to be asked again. One
  // that changes may be named twice, 10 ms apart. MtuChanges(): the same number, without a lock.
  static constexpr size_t kMtuChanges = 4096;
  uint64_t TakeMtuChanges(uint64_t seen, std::vector<IpAddress>* addresses, bool* all);
  uint64_t MtuChanges() const;

  // Whether the host has an xfrm output policy: then everything goes by the kernel.
  bool EgressPolicy() const;
  const std::atomic<bool>& egress_policy() const;

  NextHopTable& next_hops();
  const Counters& counters() const;  // kRoutesAsked, kNeighbourProbes, kResyncs

 private:
  class State;
  explicit Resolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace groupcast
