#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""What a host does beside Groupcast: pings, TCP and UDP services.

host_traffic.py serve                     echoes at TCP port 7000 and UDP port 7001, until it is killed
host_traffic.py use ADDRESS SECONDS       uses these for so long, and pings the host

`use` prints what it asked and what was answered, and fails if it was not all, each within a second:
    icmp=20/20 udp=20/20 tcp=655360/655360
"""
import os
import socket
import struct
import sys
import threading
import time

TCP_PORT, UDP_PORT = 7000, 7001
PATIENCE = 1
EVERY = 0.05
BLOCK = 32768


def serve():
    def echo_stream(sd):
        while data := sd.recv(65536):
            sd.sendall(data)

    def echo_datagrams(sd):
        while True:
            data, sender = sd.recvfrom(65536)
            sd.sendto(data, sender)

    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(('', UDP_PORT))
    threading.Thread(target=echo_datagrams, args=(datagrams,), daemon=True).start()
    listener = socket.create_server(('', TCP_PORT))
    print('serving', flush=True)
    while True:
        threading.Thread(target=echo_stream, args=(listener.accept()[0],), daemon=True).start()


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def answers(sd, wanted):
    """Whether wanted(datagram) becomes true in time."""
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        sd.settimeout(left)
        try:
            if wanted(sd.recv(65536)):
                return True
        except TimeoutError:
            pass
    return False


def ping(address, number, sd):
    head = struct.pack('!HH', os.getpid() & 0xffff, number)
    body = bytes(56)
    sd.sendto(b'\x08\x00' + struct.pack('!H', checksum(b'\x08\x00\x00\x00' + head + body)) + head + body,
              (address, 0))
    # Behind the IP header: an echo reply to this one.
    return answers(sd, lambda packet: packet[20] == 0 and packet[24:28] == head)


def ask(address, number, sd):
    question = b'%d ' % number + bytes(700)
    sd.sendto(question, (address, UDP_PORT))
    return answers(sd, lambda answer: answer == question)


def use(address, seconds):
    end = time.monotonic() + seconds
    told = {}

    def repeat(name, one, sd):
        asked = answered = 0
        while time.monotonic() < end:
            asked += 1
            answered += one(address, asked, sd)
            time.sleep(EVERY)
        told[name] = (answered, asked)

    def stream():
        sent = back = 0
        try:
            with socket.create_connection((address, TCP_PORT), timeout=PATIENCE) as sd:
                while time.monotonic() < end:
                    data = os.urandom(BLOCK)
                    sd.sendall(data)
                    sent += BLOCK
                    got = b''
                    while len(got) < BLOCK:
                        got += sd.recv(BLOCK - len(got))
                    back += BLOCK if got == data else 0
                    time.sleep(EVERY)
        except OSError as error:
            print(f'tcp: {error}')
            sent += 1
        told['tcp'] = (back, sent)

    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    threads = [threading.Thread(target=repeat, args=('icmp', ping, raw)),
               threading.Thread(target=repeat, args=('udp', ask, plain)),
               threading.Thread(target=stream)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*(f'{name}={told[name][0]}/{told[name][1]}' for name in ('icmp', 'udp', 'tcp')))
    return all(answered == asked > 0 for answered, asked in told.values())


if sys.argv[1] == 'serve':
    serve()
sys.exit(0 if use(sys.argv[2], float(sys.argv[3])) else 1)
