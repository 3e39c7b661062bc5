// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

namespace groupcast::perf {

inline constexpr char kFooter[] =
    R"(EAL arguments, before "--":
  --vdev DEVICE, -a PCI  a port, each time given; as in net_null0 or net_af_packet0,iface=eth0
  -l LIST                CPUs of the engine's lcores, as in 1,3-4
  -m MIB                 memory of DPDK (512)
  --no-huge              no hugepages (without: where enough are free)
  All others go to DPDK, but for those that the engine sets itself; it says which.
A port on a kernel interface (net_af_packet, net_af_xdp) sends what the kernel's routes send by that
interface, from the address that they say. Every other port (net_null, net_ring, net_pcap,
net_virtio_user, net_vhost, PCI) has --tx-ip's SRC, and sends all to --eth-peer; several share the
recipients. In mode direct a port on a kernel interface does so, too, with the interface's MAC. What
a net_ring emits is taken and freed here, and every 64th packet checked.

The file of --json is one object. Rates and times are of the time that was counted, by the wall:
  mode, strategy, recipients, groups, payload, prepend, append, private_bytes, producers,
                       rate: as given; burst: used
  wire                 the port's driver; of several, with commas between
  ports                of each port: device, driver, and what it counted: packets, bytes, errors
  lcores               how many the engine has
  seconds              counted, from the first call to the end of the last
  groupcasts           calls
  packets              datagrams of them that were sent
  dropped              datagrams of them that were not: those with an errno, and those that a port
                       counted as errors
  errors               by producer, datagrams by errno
  kernel_packets       datagrams that the engine left to the kernel, warm-up included: should be 0
  packets_per_second, groupcasts_per_second, bits_per_second   bits: of untagged frames,
                       without CRC
  ns_per_packet, cycles_per_packet, ns_per_groupcast, cycles_per_groupcast
                       time by the number of packets and groupcasts, of all producers together;
                       cycles are the TSC's
  tsc_hz               its frequency
  cpu_ns_per_packet    CPU time of the whole process (getrusage()), by packet
  latency_ns           with --latency: first, last (packet of a groupcast at the port, from the call
                       on) and spread (last less first), each with p50, p99, p99_9 and max in ns, the
                       first three rounded by at most 1%; groupcasts: how many. The packets of a burst
                       are at the port at one time
  ring_consumer        of net_ring: packets taken, checked, and wrong
  counters             the library's (groupcast/statistics.h), while it was counted; in mode direct
                       those of its lcore. Of lazy-copy: copied, packets that got the payload, and
                       rewritten, those that had it

Exit status: 0 if every datagram was sent by the engine; 1 if some were not; 2 if it could not run.
SIGINT and SIGTERM end it with the statistics so far.

Example: groupcast-perf --vdev net_null0 --no-huge -- --mode group --recipients 1000 --seconds 5)";

}  // namespace groupcast::perf
