// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// sendgroup(): one shared payload to a whole group of UDP recipients in one call, with private data
// before and behind it for each recipient. The call, its structures and their names are those of
// "Group Unicast for the Real World" (Karsten et al., NOSSDAV 2008, section 3). sendgroup6() is the
// same for AF_INET6 sockets. For C and C++; needs nothing else of Groupcast.
//
//   #include <groupcast/sendgroup.h>
//
//   size_t size = offsetof(struct giobuf, recinfo) + n * sizeof(struct giovec);
//   struct giobuf* buf = calloc(1, size);
//   buf->shared.iov_base = payload;
//   buf->shared.iov_len = payload_len;
//   for (size_t i = 0; i < n; i++) buf->recinfo[i].giov_dest = recipients[i];
//   int sent = sendgroup(sd, buf, n, 0, errnos);
//
// Without groupcast_attach() every datagram is sent by the kernel (sendmmsg() on `sd`), on any
// machine and without privileges. With it, those recipients that the engine's ports reach leave
// through DPDK; all others still go by the kernel. What arrives is the same.
#ifndef GROUPCAST_SENDGROUP_H_
#define GROUPCAST_SENDGROUP_H_

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "groupcast/export.h"

#ifdef __cplusplus
extern "C" {
#endif

// One recipient. An iovec of length 0 is absent, whatever its base.
struct giovec {
  struct sockaddr_in giov_dest;  // address and UDP port, network byte order
  struct iovec giov_prepend;     // private bytes before the shared payload
  struct iovec giov_append;      // private bytes behind it
};

// A groupcast. `recinfo` has as many entries as the call's `recnum`.
struct giobuf {
  struct iovec shared;
  struct giovec recinfo[1];
};

// The same with IPv6 addresses, for sendgroup6(). Zero what you do not set, as for sendmsg():
// sin6_scope_id names an interface, and sin6_flowinfo may mean something (IPV6_FLOWINFO_SEND).
struct giovec6 {
  struct sockaddr_in6 giov_dest;
  struct iovec giov_prepend;
  struct iovec giov_append;
};
struct giobuf6 {
  struct iovec shared;
  struct giovec6 recinfo[1];
};

// Sends prepend + shared + append to each of `recnum` recipients as one UDP datagram each, from
// `sd`, an ordinary UDP socket: source address and port, TTL, TOS and don't-fragment are what
// sendmsg() on it would use. On an AF_INET6 socket the call is as sendmsg() with AF_INET addresses:
// unless IPV6_V6ONLY is set they are reached, by IPv4.
//
// Ownership: everything is read before the call returns, on the calling thread, and nothing is
//   referenced afterwards, for success and for failure.
// Threads: any number at once, on the same or on different sockets. Not async-signal-safe. Not a
//   cancellation point. A handler may exit() the process, but not longjmp() out of the call.
// Blocks: until each packet was accepted by its port's transmit ring or, by the kernel path, by the
//   socket; as long as SO_SNDTIMEO allows (then EAGAIN). It is never interrupted by a signal. The
//   first datagram behind an unresolved next hop waits for ARP at most `resolver: wait_ms` (250
//   ms), once per resolution. With MSG_DONTWAIT, or O_NONBLOCK on `sd`, it never waits for room.
// Order: datagrams of one thread to one recipient leave in the order of the calls.
// Speed: a thread that sends to the same IPv4 recipients at the same places of `buf` again has
//   their headers ready. It keeps four such lists of at most 65,536 recipients (some 80 bytes
//   each), for an engine with one port and one lcore; others are looked up each time.
// Socket options: read when first used, again when the last reading is 10 ms old, and after
//   groupcast_refresh(sd). A descriptor that was closed and opened again is noticed at once. What
//   an unbound socket sends first goes by the kernel, which binds it; so do some options (UDP_CORK,
//   UDP_SEGMENT, SO_TXTIME, IP_OPTIONS, …: see the counter "kernel_socket").
//
// Returns the number of recipients to which the data was sent (0 if none; errno is untouched), or
// -1 with errno if the call failed altogether (`gerrno` is then untouched, or with ENOMEM of no
// meaning). Else `gerrno`, unless null, receives `recnum` entries: 0 where the datagram was sent,
// else the errno of that recipient. One recipient's error never touches another's datagram.
//
// The call fails (-1) with:
//   EBADF        `sd` is not open.
//   ENOTSOCK     `sd` is not a socket.
//   EOPNOTSUPP   `sd` is not a UDP socket, or `flags` has MSG_OOB.
//   EFAULT       `buf` is null, or `shared` has a length but a null base.
//   EINVAL       `recnum` is above INT_MAX. (recnum 0 returns 0.)
//   ENOMEM       no memory for the call; some recipients may have been sent to.
// A recipient fails (gerrno[i]) with what sendmsg() says for it, among others:
//   EFAULT       a private iovec has a length but a null base.
//   EINVAL       port 0, or a blackhole route.
//   EAFNOSUPPORT giov_dest is not AF_INET. (AF_UNSPEC counts as AF_INET.)
//   EACCES       broadcast without SO_BROADCAST, or a prohibit route.
//   EMSGSIZE     more than 65,507 bytes, or over the MTU with IP_PMTUDISC_DO or _PROBE.
//   ENETUNREACH  no route, or the interface is down; EHOSTUNREACH: an unreachable route.
//   EAGAIN       no room, with MSG_DONTWAIT or O_NONBLOCK, or SO_SNDTIMEO ran out. Send it again.
// and, by the engine only:
//   ENETDOWN     the port has no carrier. (The kernel says sent, and drops.)
//   ENOBUFS      the port's device has taken no packet for five seconds. Send it again later: a
//                card is reset meanwhile (ENETDOWN then), a peer of vhost-user may go on.
//   EHOSTUNREACH the next hop was removed while the datagram waited.
// A neighbour that does not answer is no error: like the kernel, the call says sent, and the ICMP
// message goes to the socket's error queue (IP_RECVERR).
//
// After EAGAIN try again a little later (1 ms): poll() and epoll see the socket, not the engine's
// rings, and call it writeable meanwhile. shutdown(SHUT_WR) alone does not stop the engine.
//
// Flags: MSG_DONTWAIT and MSG_NOSIGNAL are honoured; with any other the whole call goes by the
// kernel. Limits: a socket has at most SO_SNDBUF bytes per thread accepted and unsent by
// non-blocking calls before they get EAGAIN. 128 threads at a time use the engine; others the
// kernel. In a forked child the engine counts as not attached.
GROUPCAST_API int sendgroup(int sd, struct giobuf* buf, size_t recnum, int flags, int* gerrno);

// sendgroup() with IPv6 addresses, from an AF_INET6 socket. Ownership, threads, blocking, order,
// socket options, flags, limits, results and the errors of the whole call are sendgroup()'s.
//
// Addresses: a link-local destination (fe80::/10) needs sin6_scope_id, the number of an interface,
//   unless the socket is bound to one (SO_BINDTODEVICE); else the kernel takes the first interface
//   that has a route. Of other unicast destinations sin6_scope_id is ignored. An IPv4-mapped one
//   (::ffff:0:0/96) is reached by IPv4 as sendgroup() would, with the socket's IPv4 options
//   (IP_TTL, IP_TOS, IP_MTU_DISCOVER), unless IPV6_V6ONLY is set. :: is this host.
// Sizes: at most 65,527 bytes (mapped: 65,507). What is over the path MTU the kernel fragments,
//   unless IPV6_DONTFRAG is set or IPV6_MTU_DISCOVER is IPV6_PMTUDISC_DO, _PROBE or _INTERFACE.
//
// Where a recipient's error differs from sendgroup()'s, it is again what sendmsg() says:
//   EDESTADDRREQ giov_dest is AF_UNSPEC (on a connected socket: sent to its peer).
//   EINVAL       giov_dest is of an unknown family; port 0; or a blackhole route.
//   EAFNOSUPPORT `sd` is an AF_INET socket; or it is bound to a mapped address, and the destination
//                is none. (AF_INET in giov_dest is as for sendgroup(), on either kind of socket.)
//   EMSGSIZE     over the sizes above.
//   ENETUNREACH  no route; a link-local destination whose sin6_scope_id names no interface; a
//   mapped
//                destination with IPV6_V6ONLY, or from a socket that is bound to an IPv6 address.
//
// By the engine, the automatic flow label (IPV6_AUTOFLOWLABEL, net.ipv6.auto_flowlabels) is another
// hash of the flow's addresses and ports than the kernel's. These options send by the kernel: IPv6
// extension headers, IPV6_UNICAST_IF, IPV6_TRANSPARENT, UDP_NO_CHECK6_TX; so does a socket that is
// bound to a multicast address; for some recipients
// IPV6_ADDR_PREFERENCES (from an unbound address), IPV6_FLOWINFO_SEND (with sin6_flowinfo), and a
// hop limit that differs from that of the recipient's route while the kernel does not tell whether
// it was set (on a connected socket, or one that equals net.ipv6.conf.all.hop_limit). Two that the
// kernel tells nobody are not followed by the engine: IPV6_MTU and the interface of IPV6_PKTINFO
// as a socket option.
GROUPCAST_API int sendgroup6(int sd, struct giobuf6* buf, size_t recnum, int flags, int* gerrno);

// Starts the engine of this process as the YAML file says. Returns 0, or -1 with errno and a text
// in groupcast_last_error(); then nothing is left started.
//   EINVAL   the file is wrong; the text has one line per error with file, line and column.
//   ENOENT   the file does not exist, or names an interface or device that does not.
//   EBUSY    an engine is attached already.
//   EPERM    the process lacks a privilege the configuration needs; net_af_packet: CAP_NET_RAW and
//            CAP_NET_ADMIN; net_af_xdp: CAP_BPF, too.
//   ENOMEM   not enough memory or hugepages.
//   EIO      a device did not start.
//   ENOTSUP  in a child forked after an attach: DPDK's memory belongs to its parent.
// Threads: any; blocks for about half a second the first time, and up to 5 s for a card's link. The
// caller's CPU affinity is not changed. May be called again after groupcast_detach().
GROUPCAST_API int groupcast_attach(const char* file);

// Reads and checks a configuration as groupcast_attach() would and starts nothing. Returns 0, or -1
// with errno EINVAL or ENOENT and a text in groupcast_last_error().
GROUPCAST_API int groupcast_check(const char* file);

// Stops the engine: accepted packets are drained for at most one second; recipients of calls in
// progress that were not started go by the kernel. Returns 0, or -1 with errno ENOTCONN if none is
// attached. Any thread; blocks until all is stopped.
GROUPCAST_API int groupcast_detach(void);

// Makes the next sendgroup() of every thread read the options of `sd` again: call it after
// setsockopt(), bind() or connect() when 10 ms are too long. Any thread; never blocks. Returns 0,
// or -1 with errno EBADF if `sd` is not open.
GROUPCAST_API int groupcast_refresh(int sd);

// What the last failed groupcast_attach(), _check() or _detach() of this thread said; "" if none
// failed. Valid until the thread's next call of one of them.
GROUPCAST_API const char* groupcast_last_error(void);

#ifdef __cplusplus
}
#endif

#endif  // GROUPCAST_SENDGROUP_H_
