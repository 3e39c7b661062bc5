#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""qemu_monitor.py SOCKET COMMAND: one command to QEMU's monitor, and what it answers."""
import socket
import sys

PROMPT = b'(qemu) '


def read_prompt(monitor):
    text = b''
    while not text.endswith(PROMPT):
        part = monitor.recv(4096)
        if not part:
            break
        text += part
    return text


with socket.socket(socket.AF_UNIX) as monitor:
    monitor.settimeout(10)
    monitor.connect(sys.argv[1])
    read_prompt(monitor)
    monitor.sendall(sys.argv[2].encode() + b'\n')
    print(read_prompt(monitor).decode(errors='replace'))
