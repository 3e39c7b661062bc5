#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""udp_echo.py serve ADDRESS PORT | ask ADDRESS PORT COUNT

An ordinary UDP server that says "ready" and sends back what it gets, and a client that asks COUNT
times, each time from another socket and with another length, and wants each answer within two
seconds.
"""
import socket
import sys

sd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server = (sys.argv[2], int(sys.argv[3]))
if sys.argv[1] == 'serve':
    sd.bind(server)
    print('ready', flush=True)
    while True:
        data, client = sd.recvfrom(65536)
        sd.sendto(data, client)
for i in range(int(sys.argv[4])):
    sd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sd.settimeout(2)
    question = b'%d ' % i + bytes(i * 7 % 1400)
    sd.sendto(question, server)
    try:
        answer = sd.recv(65536)
    except TimeoutError:
        sys.exit(f'question {i}: no answer')
    if answer != question:
        sys.exit(f'question {i}: another answer')
