#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""same_payloads.py PCAP ADDRESS:PORT ADDRESS:PORT...

Says whether the UDP payloads to the first address are, one by one, those to each of the others, in a
capture of Ethernet frames. IPv4 only, without options and fragments.
"""
import collections
import ipaddress
import struct
import sys

with open(sys.argv[1], 'rb') as file:
    capture = file.read()
assert struct.unpack_from('<I', capture)[0] == 0xa1b2c3d4, 'no pcap of this byte order'
payloads = collections.defaultdict(list)
at = 24
while at < len(capture):
    kept, whole = struct.unpack_from('<II', capture, at + 8)
    frame = capture[at + 16:at + 16 + kept]
    at += 16 + kept
    if kept < 42 or frame[12:15] != b'\x08\x00\x45' or frame[23] != 17:
        continue
    assert len(frame) == whole, 'a frame was cut'
    udp_port, length = struct.unpack_from('>HH', frame, 36)
    to = f'{ipaddress.IPv4Address(frame[30:34])}:{udp_port}'
    payloads[to].append(frame[42:34 + length])
sent = payloads[sys.argv[2]]
same = bool(sent)
for to in sys.argv[3:]:
    came = payloads[to]
    same = same and came == sent
    print(f'{to}: {len(came)} datagrams, {len(sent)} sent, {"same" if came == sent else "DIFFERENT"}')
sys.exit(0 if same else 1)
