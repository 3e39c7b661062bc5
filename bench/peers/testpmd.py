#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""Runs dpdk-testpmd's txonly on a port and prints what a packet cost, as a JSON object in the form of
groupcast-perf --json.

testpmd sends packets of the same segments as a groupcast's: headers and private bytes in the first,
the payload in the second. It writes the headers anew into each packet and no UDP checksum, and all
go to one address: it has less to do. Its two lcores are threads on --cpu: the main one sleeps.
"""
import argparse
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

HEADERS = 42  # Ethernet, IPv4, UDP
HEADROOM = 128
MBUFS = 16384
ADDRESSES = '10.99.0.1,10.128.0.1'  # behind the wires of bench/compare
SETTLE_S = 0.3  # of sending before the measurement
PATIENCE_S = 20


class TestpmdError(Exception):
    pass


def ring_frame(frame):
    """Of net_af_packet, with its header: what its driver wants to fit into an mbuf, too."""
    return max(2048, 1 << (frame + 63).bit_length())


def lengths_of(payload, prepend, segments):
    first = HEADERS + prepend
    return f'{first},{payload}' if segments == 2 else str(first + payload)


def command(vdev, cpu, payload, prepend, segments, eth_peer):
    first = HEADERS + prepend
    lengths = lengths_of(payload, prepend, segments)
    # Its output is a pipe, and is to come line by line all the same.
    return ['stdbuf', '--output=L', 'dpdk-testpmd', f'--lcores=0@{cpu},1@{cpu}', '--no-huge',
            '-m', '512', '--no-pci', '--no-telemetry', '--no-shconf', f'--file-prefix=testpmd-{os.getpid()}',
            f'--vdev={vdev}', '--log-level=lib.eal:error', '--', '--interactive',
            # Before the lengths, which are checked against it.
            f'--mbuf-size={HEADROOM + ring_frame(first + payload)}',
            f'--txpkts={lengths}', '--forward-mode=txonly', '--nb-cores=1',
            '--txd=1024', '--rxd=1024', f'--total-num-mbufs={MBUFS}', '--no-flush-rx',
            f'--tx-ip={ADDRESSES}', f'--eth-peer=0,{eth_peer}']


class Testpmd:
    """One running dpdk-testpmd, at its prompt."""

    def __init__(self, arguments):
        self._folder = tempfile.TemporaryDirectory()  # for EAL's files
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=0,
                                        env={**os.environ, 'RUNTIME_DIRECTORY': self._folder.name})
        self.output = ''

    def ask(self, text, pattern):
        """Enters a command, or nothing, and waits for `pattern` in the answer."""
        begin = len(self.output)
        if text:
            self.process.stdin.write(text.encode() + b'\n')
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                chunk = os.read(self.process.stdout.fileno(), 65536)
                self.output += chunk.decode(errors='replace')
                if not chunk:
                    break
            found = re.search(pattern, self.output[begin:], re.S)
            if found:
                return found
        raise TestpmdError(f'no {pattern!r} after {text!r}; it says:\n{self.output[-2000:]}')

    def end(self):
        try:
            self.process.stdin.write(b'quit\n')
            self.process.stdin.close()
            self.process.wait(PATIENCE_S)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self._folder.cleanup()


def run(vdev, cpu=1, seconds=1.0, payload=1000, prepend=12, segments=2, wire='unnamed',
        eth_peer='02:00:00:00:00:02', watch=None):
    """The result, as a dictionary. `watch`: called with the process's id before it sends."""
    result = {'peer': 'testpmd', 'wire': wire}
    if shutil.which('dpdk-testpmd') is None:
        result['not_available'] = 'dpdk-testpmd is not installed; run tools/install-deps bench'
        return result
    testpmd = Testpmd(command(vdev, cpu, payload, prepend, segments, eth_peer))
    try:
        testpmd.ask('', r'testpmd>')
        # Lengths that it does not take it leaves as they were.
        testpmd.ask('show config txpkts',
                    f'Segment sizes: {lengths_of(payload, prepend, segments)}\\s')
        if watch:
            watch(testpmd.process.pid)
        testpmd.ask('start', r'txonly packet forwarding -')
        time.sleep(SETTLE_S)
        statistics = (r'TX-packets: (\d+)\s+TX-errors: (\d+).*?Tx-pps:\s+(\d+).*?#{30}')
        before = testpmd.ask('show port stats 0', statistics)
        time.sleep(seconds)
        after = testpmd.ask('show port stats 0', statistics)
        stopped = testpmd.ask('stop', r'TX-packets: (\d+)\s+TX-dropped: (\d+).*Done')
    finally:
        testpmd.end()
    # By testpmd's own clock, since the statistics before.
    pps = int(after.group(3))
    packets = int(after.group(1)) - int(before.group(1))
    if packets <= 0 or pps <= 0:
        raise TestpmdError(f'testpmd on {vdev} sent nothing')
    result.update({
        'segments': segments, 'recipients': 1, 'payload': payload, 'prepend': prepend, 'append': 0,
        'lcores': 1, 'seconds': packets / pps, 'packets': packets,
        'dropped': int(after.group(2)) - int(before.group(2)),
        # Of the whole run: what a full ring did not take, which is no loss to a groupcast.
        'not_taken': int(stopped.group(2)), 'packets_per_second': pps, 'ns_per_packet': 1e9 / pps})
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--vdev', default='net_null0,no-rx=1', help='the port (%(default)s)')
    parser.add_argument('--cpu', type=int, default=os.cpu_count() - 1, help='(%(default)s)')
    parser.add_argument('--seconds', type=float, default=1.0, help='(%(default)s)')
    parser.add_argument('--payload', type=int, default=1000, help='bytes (%(default)s)')
    parser.add_argument('--prepend', type=int, default=12, help='bytes (%(default)s)')
    parser.add_argument('--segments', type=int, choices=(1, 2), default=2,
                        help='1: for ports that take no chains (%(default)s)')
    parser.add_argument('--eth-peer', default='02:00:00:00:00:02', help='MAC (%(default)s)')
    parser.add_argument('--wire', default='unnamed', help='what the result is to call the wire')
    options = parser.parse_args()
    try:
        print(json.dumps(run(**vars(options)), indent=1))
    except TestpmdError as error:
        sys.exit(f'testpmd: {error}')


if __name__ == '__main__':
    main()
