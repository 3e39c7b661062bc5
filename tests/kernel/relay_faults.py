#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""What a relay is to endure, and what its members see of it.

relay_faults.py flood SOURCE ADDRESS,... PLAIN_PORT RTP_PORT
    Until SIGTERM, and prints what was sent: to port 9 of the first address, and to PLAIN_PORT of the
    others; empty, tiny and too long datagrams, with wrong checksums, impossible lengths of UDP, and
    shorter ones than of IP to PLAIN_PORT of the first one; tiny ones and garbage to its RTP_PORT.
relay_faults.py stamps COUNT PAUSE_S LENGTH TTL SOURCE>INGRESS...
    That many datagrams to each ingress, each with a number and the time.
relay_faults.py rtp SOURCE>INGRESS... OTHER_SOURCE
    One RTP stream to each ingress, whose source changes and restarts, with absurd packets between.
    Prints how many packets are RTP, how many are not, and how often it restarts.
relay_faults.py receive IDLE_S UDP_PORT...
    Until nothing more came for so long, once something has. For each port:
    UDP_PORT datagrams=N in_order=N other=N rtp_in_order=N sources=N latest_ms=N
    in_order: with the number that follows; other: without a number; rtp_in_order: with the RTP
    sequence number that follows; sources: different SSRCs.
"""
import collections
import selectors
import signal
import socket
import struct
import sys
import time

TAIL = struct.Struct('!8sQQ')  # at the end of each numbered datagram: mark, number, time in ns
MARK = b'numbered'


def endpoint(text):
    host, udp_port = text.rsplit(':', 1)
    return host.strip('[]'), int(udp_port)


def udp_socket(source):
    sd = socket.socket(socket.AF_INET6 if ':' in source[0] else socket.AF_INET, socket.SOCK_DGRAM)
    sd.bind(source)
    return sd


def tail(number):
    return TAIL.pack(MARK, number, time.monotonic_ns())


def flood(source, addresses, plain_port, rtp_port):
    first, *others = addresses.split(',')
    sd = udp_socket((source, 0))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    raw.bind((source, 0))
    plain, rtp = (first, int(plain_port)), (first, int(rtp_port))

    def spoilt(length, checksum):
        header = struct.pack('!HHHH', 9999, plain[1], length, checksum)
        raw.sendto(header + bytes(100), plain)

    # Name, of each turn so many, what sends one.
    kinds = [
        ('other_port', 20, lambda: sd.sendto(bytes(100), (first, 9))),
        ('other_address', 20, lambda: [sd.sendto(bytes(100), (to, plain[1])) for to in others]),
        ('tiny', 2, lambda: [sd.sendto(bytes(n), plain) for n in (0, 1)]),
        ('long', 1, lambda: sd.sendto(bytes(3000), plain)),
        ('checksum', 1, lambda: spoilt(108, 0x1234)),
        ('length', 1, lambda: [spoilt(n, 0x1234) for n in (0, 7, 200, 65535)]),
        ('padded', 1, lambda: spoilt(90, 0)),
        ('not_rtp', 1, lambda: [sd.sendto(b'\x80'[:n] + bytes(max(0, n - 1)), rtp)
                                for n in (0, 1, 11)] + [sd.sendto(b'\xff' * 100, rtp)]),
    ]
    sent = collections.Counter()
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    print('flooding', flush=True)
    while not stopped:
        for name, turns, send in kinds:
            for _ in range(turns):
                made = send()
                sent[name] += len(made) if isinstance(made, list) else 1
        time.sleep(0.002)
    print('sent', *(f'{name}={sent[name]}' for name, _, _ in kinds), flush=True)


def stamps(count, pause_s, length, ttl, *pairs):
    ends = [[endpoint(end) for end in pair.split('>')] for pair in pairs]
    sockets = [(udp_socket(source), ingress) for source, ingress in ends]
    for sd, _ in sockets:
        six = sd.family == socket.AF_INET6
        sd.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP,
                      socket.IPV6_UNICAST_HOPS if six else socket.IP_TTL, int(ttl))
    for number in range(int(count)):
        for sd, ingress in sockets:
            sd.sendto(bytes(int(length) - TAIL.size) + tail(number), ingress)
        time.sleep(float(pause_s))


def rtp(*arguments):
    *pairs, other = arguments
    ends = [[endpoint(end) for end in pair.split('>')] for pair in pairs]
    ingresses = [ingress for _, ingress in ends]
    first = [udp_socket(source) for source, _ in ends]
    # Another port, and another address.
    second = [udp_socket((source[0], 0)) for source, _ in ends]
    third = [udp_socket((other, 0)) for _ in ends]
    state = {'sockets': first, 'ssrc': 1, 'sequence': 65500, 'timestamp': 0}
    counts = collections.Counter()

    def send(packet):
        for sd, ingress in zip(state['sockets'], ingresses):
            sd.sendto(packet, ingress)
        time.sleep(0.001)

    def header(first_byte=0x80, kind=96):
        return struct.pack('!BBHII', first_byte, kind, state['sequence'] % 65536,
                           state['timestamp'] % 2**32, state['ssrc'])

    def good(count, restarts=0, **changes):
        state.update(changes)
        counts['restarts'] += restarts
        for i in range(count):
            # Every third with CSRCs and an extension, every fifth padded.
            more, first_byte = b'', 0x80
            if i % 3 == 0:
                first_byte |= 0x1f
                more = bytes(15 * 4) + struct.pack('!HH', 0xbede, 5) + bytes(20)
            text = more + bytes(i) + tail(counts['rtp'])
            send(header(first_byte) + text)
            counts['rtp'] += 1
            state['sequence'] += 1
            state['timestamp'] += 3000

    def absurd():
        for version in (0x00, 0x40, 0xc0):
            send(header(version) + bytes(100))
        send(header(0x8f) + bytes(59))                                    # 15 CSRCs
        send(header(0x90) + bytes(3))                                     # an extension's header
        send(header(0x90) + struct.pack('!HH', 0xbede, 65535) + bytes(100))
        send(header(0x9f) + bytes(60) + struct.pack('!HH', 0, 26) + bytes(100))
        send(header(0xa0) + bytes(99) + b'\xff')                          # paddings
        send(header(0xa0) + bytes(100))
        send(header(0xa0))
        for kind in (192, 200, 223):                                      # RTCP
            send(header(0x80, kind) + bytes(100))
        for length in (0, 1, 11):
            send(header()[:length])
        counts['not_rtp'] += 16

    good(100)
    good(50, sockets=second)
    good(50, sockets=third)
    absurd()
    good(50, 1, sockets=first, ssrc=2)
    absurd()
    good(50, 1, ssrc=3, sequence=20000)
    good(50, 1, sequence=40000)
    good(50, 1, sequence=39000)
    good(50, timestamp=2**31)
    good(50, timestamp=7)
    sequence = state['sequence']
    for jump in range(5):
        good(1, 1, sequence=sequence + 30000)
        good(1, 1, sequence=sequence + jump)
    absurd()
    good(50)
    print(f"sent rtp={counts['rtp']} not_rtp={counts['not_rtp']} restarts={counts['restarts']}")


def receive(idle_s, *udp_ports):
    selector = selectors.DefaultSelector()
    came = {}
    for udp_port in map(int, udp_ports):
        sd = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        so_rcvbufforce = 33
        sd.setsockopt(socket.SOL_SOCKET, so_rcvbufforce, 1 << 26)
        sd.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sd.bind(('::', udp_port))
        came[udp_port] = collections.Counter(next=0)
        came[udp_port].ssrcs = set()
        selector.register(sd, selectors.EVENT_READ, came[udp_port])
    print('receiving', flush=True)
    any_came = False
    while ready := selector.select(float(idle_s) if any_came else None):
        any_came = True
        for key, _ in ready:
            data, one = key.fileobj.recv(65536), key.data
            one['datagrams'] += 1
            if len(data) >= 12:
                sequence, _, ssrc = struct.unpack('!HII', data[2:12])
                one['rtp_in_order'] += sequence == one.setdefault('rtp_next', sequence)
                one['rtp_next'] = (sequence + 1) % 65536
                one.ssrcs.add(ssrc)
            if data[-TAIL.size:-16] != MARK:
                one['other'] += 1
                continue
            _, number, sent_ns = TAIL.unpack(data[-TAIL.size:])
            one['in_order'] += number == one['next']
            one['next'] = number + 1
            one['latest'] = max(one['latest'], time.monotonic_ns() - sent_ns)
    for udp_port, one in came.items():
        print(f"{udp_port} datagrams={one['datagrams']} in_order={one['in_order']} "
              f"other={one['other']} rtp_in_order={one['rtp_in_order']} sources={len(one.ssrcs)} "
              f"latest_ms={one['latest'] // 1000000}")


{'flood': flood, 'stamps': stamps, 'rtp': rtp, 'receive': receive}[sys.argv[1]](*sys.argv[2:])
