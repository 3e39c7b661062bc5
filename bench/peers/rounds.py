#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""All runs on one wire, inside of it (bench/peers/wire): a part of bench/compare.

Each run is one line of JSON in the file of --output, as soon as it is over.
"""
import argparse
import json
import sys
import time

from contenders import Load, RunError, Wire, contenders


def pairs(ours, peers, turn):
    """Lists of neighbours in time: a peer's run between two of ours, so that each ratio is of two
    runs next to each other. Every other round goes the other way round. What sends by a driver is
    compared with ours on that driver."""
    for peer in peers:
        alike = [own for own in ours if peer.driver in ('kernel', own.driver)]
        for i in range(0, len(alike), 2):
            runs = [alike[i], peer, *alike[i + 1:i + 2]]
            yield runs if turn % 2 == 0 else runs[::-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('--wire', '--build', '--modes', '--peers', '--output'):
        parser.add_argument(name, required=True)
    for name in ('--rounds', '--recipients', '--payload', '--prepend', '--send-cpu', '--other-cpu'):
        parser.add_argument(name, required=True, type=int)
    parser.add_argument('--seconds', required=True, type=float)
    parser.add_argument('--latency', action='store_true')
    options = parser.parse_args()
    load = Load(options.recipients, options.payload, options.prepend, options.seconds,
                options.latency)
    wire = Wire(options.wire, options.build, options.send_cpu, options.other_cpu)
    ours, peers = contenders(options.wire, options.modes.split(','), options.peers.split(','))
    missing, failed, pair = set(), set(), 0
    with open(options.output, 'a', encoding='utf-8') as output:
        if options.wire == 'null':
            # Where nobody reads the packets.
            for own in ours:
                record = {'wire': options.wire, 'name': own.name, 'way': own.way}
                try:
                    record['spot_check'] = wire.spot_check(own.way, load)
                except RunError as error:
                    record['failed'] = str(error)
                    print(f'{options.wire}: {error}', file=sys.stderr)
                output.write(json.dumps(record) + '\n')
        for turn in range(options.rounds):
            for runs in pairs(ours, peers, turn):
                pair += 1
                for contender in runs:
                    if contender.name in missing:
                        continue
                    record = {'wire': options.wire, 'name': contender.name, 'way': contender.way,
                              'driver': contender.driver, 'ours': contender.ours,
                              'on': contender.on, 'round': turn, 'pair': pair,
                              'at': round(time.time(), 3)}
                    try:
                        record['result'] = wire.run(contender, load)
                    except RunError as error:
                        record['failed'] = str(error)
                        if contender.name not in failed:
                            print(f'{options.wire}: {contender.name}: {error}', file=sys.stderr)
                        failed.add(contender.name)
                    if 'not_available' in record.get('result', {}):
                        missing.add(contender.name)
                    output.write(json.dumps(record) + '\n')
                    output.flush()
            print(f'{options.wire}: round {turn + 1} of {options.rounds}', file=sys.stderr,
                  flush=True)


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(1)
