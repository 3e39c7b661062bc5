#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""relay_ingress.py COUNT PORT... -- [FORM=]SOURCE>INGRESS...

Sends COUNT datagrams of 600 bytes (FORM `large`: of 3000; `segments`: by UDP_SEGMENT, ten a call;
`pieces`: of 1300; `ttlN`: with that time to live; `spoilt`: with a wrong UDP
checksum, from a raw socket) from each source to each ingress, one pair after the other, from a connected socket. Prints what came
to the UDP ports until nothing more came for a second: "PORT from SOURCE at N addresses: N datagrams,
N different, ttl N, tos N". The datagrams of one source are its name and a number.
"""
import collections
import ipaddress
import os
import socket
import struct
import sys
import threading
import time


def endpoint(text):
    host, udp_port = text.rsplit(':', 1)
    return host.strip('[]'), int(udp_port)


def send_spoilt(source, ingress, text):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        raw.bind((source[0], 0))
        header = struct.pack('!HHHH', source[1], ingress[1], 8 + len(text), 0x1234)
        raw.sendto(header + text, (ingress[0], 0))


def send(source, ingress, count, form):
    family = socket.AF_INET6 if ':' in source[0] else socket.AF_INET
    length = {'large': 3000, 'pieces': 1300}.get(form, 600)
    texts = [f'{source[0]} {i}'.encode().ljust(length, bytes(1)) for i in range(count)]
    if form == 'spoilt':
        for text in texts:
            send_spoilt(source, ingress, text)
        return
    with socket.socket(family, socket.SOCK_DGRAM) as sd:
        sd.bind(source)
        if form.startswith('ttl'):
            sd.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(form[3:]))
        if ingress[0].startswith('ff02:'):
            sd.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('v1'))
        # A connected socket is told of an ICMP port unreachable by its next call.
        sd.connect(ingress)
        if form == 'segments':
            udp_segment = 103
            sd.setsockopt(socket.IPPROTO_UDP, udp_segment, length)
            texts = [b''.join(texts[i:i + 10]) for i in range(0, count, 10)]
        for text in texts:
            sd.send(text)
            time.sleep(0.001)
        time.sleep(0.05)
        error = sd.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            sys.exit(f'{source} to {ingress}: {os.strerror(error)}')


def receiver(udp_port):
    sd = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    so_rcvbufforce = 33
    sd.setsockopt(socket.SOL_SOCKET, so_rcvbufforce, 1 << 26)
    sd.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    for option in (socket.IPV6_RECVPKTINFO, socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS):
        sd.setsockopt(socket.IPPROTO_IPV6, option, 1)
    ip_pktinfo = 8
    ip_recvttl = 12
    for option in (ip_pktinfo, ip_recvttl, socket.IP_RECVTOS):
        sd.setsockopt(socket.IPPROTO_IP, option, 1)
    sd.bind(('::', udp_port))
    sd.settimeout(1)
    return sd


def receive(udp_port, sd, came):
    """came: (port, source): [set of (address, text), datagrams, ttls, toses]"""
    while True:
        try:
            data, control, _, _ = sd.recvmsg(4000, 512)
        except TimeoutError:
            if sending.is_set():
                continue
            return
        text = data.rstrip(bytes(1)).decode()
        one = came[udp_port, text.split()[0]]
        one['datagrams'] += 1
        address = None
        for level, kind, value in control:
            if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                mapped = ipaddress.IPv6Address(value[:16])
                address = address or mapped.ipv4_mapped or mapped
            elif (level, kind) == (socket.IPPROTO_IP, 8):
                address = ipaddress.IPv4Address(value[8:12])
            elif (level, kind) in ((socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT), (0, 2)):
                one['ttl'].add(struct.unpack('i', value)[0])
            elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS):
                one['tos'].add(struct.unpack('i', value)[0])
            elif (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
                one['tos'].add(value[0])
        one['different'].add((address, text))


count = int(sys.argv[1])
split = sys.argv.index('--')
came = collections.defaultdict(
    lambda: {'datagrams': 0, 'different': set(), 'ttl': set(), 'tos': set()})
sending = threading.Event()
sending.set()
receivers = [(udp_port, receiver(udp_port)) for udp_port in map(int, sys.argv[2:split])]
threads = [threading.Thread(target=receive, args=(*one, came)) for one in receivers]
for thread in threads:
    thread.start()
try:
    for pair in sys.argv[split + 1:]:
        form, _, ends = pair.rpartition('=')
        source, ingress = map(endpoint, ends.split('>'))
        send(source, ingress, count, form)
finally:
    sending.clear()
for thread in threads:
    thread.join()
for (udp_port, source), one in sorted(came.items()):
    addresses = {address for address, _ in one['different']}
    print(f"{udp_port} from {source} at {len(addresses)} addresses: {one['datagrams']} datagrams, "
          f"{len(one['different'])} different, ttl {sorted(one['ttl'])}, tos {sorted(one['tos'])}")
