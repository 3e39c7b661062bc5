// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/counters.h"

namespace groupcast {

const std::array<CounterInfo, kCounters> kCounterTable = {{
    {"groupcasts", "calls", "sendgroup() calls that passed their checks"},
    {"recipients", "datagrams", "recipients of those calls"},
    {"engine_recipients", "datagrams", "recipients handed to the engine"},
    {"kernel_recipients", "datagrams", "recipients handed to the kernel's sendmmsg()"},
    {"kernel_no_engine", "datagrams", "by the kernel: no engine is attached in this process"},
    {"kernel_socket", "datagrams", "by the kernel: an option of the socket needs it"},
    {"kernel_flags", "datagrams", "by the kernel: a flag of the call needs it"},
    {"kernel_destination", "datagrams", "by the kernel: multicast, broadcast, local, invalid"},
    {"kernel_route", "datagrams", "by the kernel: no route, or out of an interface without a port"},
    {"kernel_mtu", "datagrams", "by the kernel: larger than the path MTU"},
    {"kernel_unresolved", "datagrams", "by the kernel: the next hop did not resolve in time"},
    {"kernel_routes_full", "datagrams", "by the kernel: the table of routes or next hops is full"},
    {"kernel_no_channel", "datagrams", "by the kernel: more sending threads than channels"},
    {"kernel_stopped", "datagrams", "by the kernel: the engine stopped before it started them"},
    {"kernel_egress_policy", "datagrams", "by the kernel: the host has an xfrm output policy"},
    {"recipient_errors", "datagrams", "recipients that got an errno"},
    {"would_block", "datagrams", "recipients that got EAGAIN"},
    {"payload_copies", "copies",
     "copies of a shared payload: into engine memory, or from where it was received"},
    {"payload_bytes_copied", "bytes", "bytes of those copies"},
    {"packets", "packets", "packets that a port's TX burst took"},
    {"bytes", "bytes", "bytes of those packets, from the Ethernet header on"},
    {"chained", "packets", "packets sent as a head chained to the shared payload"},
    {"copied", "packets", "packets sent as one copy (copybreak, or a port without chains)"},
    {"appended", "packets", "packets with an append segment behind the shared payload"},
    {"tx_full", "bursts", "bursts that a full TX ring cut short"},
    {"no_mbuf", "bursts", "bursts that an empty mempool cut short"},
    {"link_down", "datagrams", "recipients refused because their port had no carrier"},
    {"next_hop_gone", "datagrams", "recipients whose next hop was removed while they waited"},
    {"oversize", "datagrams", "recipients refused because the port's MTU had shrunk"},
    {"late_errors", "datagrams",
     "errors after the call had returned: non-blocking, or timed out (link, engine stopped)"},
    {"ingress_frames", "frames", "frames taken from ports for relaying"},
    {"ingress_dropped", "frames", "frames for relaying that a port's receive ring had no room for"},
    {"ingress_foreign", "frames", "of those, no datagrams for a claimed address"},
    {"ingress_malformed", "frames", "of those, cut, fragments, or with lengths that contradict"},
    {"ingress_bad_checksum", "frames", "of those, with a wrong UDP checksum"},
    {"sleeps", "sleeps", "sleeps of an lcore without work"},
    {"kicks", "kicks", "times an idle lcore made the kernel send what a ring still held"},
    {"routes_asked", "questions", "routes asked of the kernel"},
    {"neighbour_probes", "requests",
     "neighbour entries the kernel was asked to resolve or confirm"},
    {"resyncs", "resyncs", "full resynchronisations after lost netlink messages"},
}};

}  // namespace groupcast
