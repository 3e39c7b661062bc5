#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""receive_datagrams.py FIRST_PORT LAST_PORT

Prints "ready", then each datagram to these UDP ports as a line "PORT TEXT", until it is killed.
"""
import selectors
import socket
import sys

selector = selectors.DefaultSelector()
for udp_port in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
    sd = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sd.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sd.bind(('::', udp_port))
    selector.register(sd, selectors.EVENT_READ, udp_port)
print('ready', flush=True)
while True:
    for key, _ in selector.select():
        print(key.data, key.fileobj.recv(65536).decode(errors='replace'), flush=True)
