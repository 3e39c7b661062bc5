# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""The points of the paper's figures, inside of a wire (bench/peers/wire): a part of bench/figures.

Each point is one line of JSON in the file of --output, as soon as it is over.
"""
import argparse
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'peers'))

from contenders import Load, RunError, Wire, contenders  # noqa: E402: found by the line above

CURVES = ('sendmsg', 'sendmmsg', 'sendgroup', 'group')
GROUPS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000)
PAYLOADS = (*range(100, 1001, 100), 2000, 4000, 6000, 8900)
SHARES = range(0, 101, 10)
QUICK_GROUPS = (1, 2, 10, 100, 1000)
QUICK_PAYLOADS = (100, 300, 1000, 8900)
QUICK_SHARES = (0, 50, 100)


def points_of(figure, quick, seconds):
    """(x, load) of each point."""
    if figure == 1:
        return [(n, Load(n, 300, 0, seconds)) for n in (QUICK_GROUPS if quick else GROUPS)]
    if figure == 2:
        return [(p, Load(1000, p, 0, seconds)) for p in (QUICK_PAYLOADS if quick else PAYLOADS)]
    return [(s, Load(1000, 1000 - 10 * s, 10 * s, seconds))
            for s in (QUICK_SHARES if quick else SHARES)]


def one_run(wire, contender, load):
    """(ns, CPU ns) per packet."""
    result = wire.run(contender, load)
    if 'not_available' in result:
        raise RunError(result['not_available'])
    dropped, kernel = result.get('dropped', 0), result.get('kernel_packets', 0)
    if dropped or kernel or not result.get('packets'):
        raise RunError(f'of {result.get("packets")} datagrams {dropped} were not sent, and {kernel} '
                       'of ours left by the kernel')
    return result['ns_per_packet'], result.get('cpu_ns_per_packet')


def row_of(curve, x, load, runs, failure):
    row = {'curve': curve, 'x': x, 'recipients': load.recipients, 'payload': load.payload,
           'private': load.prepend}
    if failure:
        return row | {'failed': failure}
    cpu = [cpu_ns for _, cpu_ns in runs if cpu_ns is not None]
    return row | {'ns': statistics.median(ns for ns, _ in runs), 'ns_rounds': [ns for ns, _ in runs],
                  'cpu_ns': statistics.median(cpu) if cpu else None}


def measure(figure, x, load, rounds, wire, ways):
    """A row for each curve at one x."""
    runs = {curve: [] for curve in CURVES}
    failures = {}
    for _ in range(rounds):
        for curve in CURVES:  # in turn: what the machine does besides meets all of them
            if curve in failures:
                continue
            try:
                runs[curve].append(one_run(wire, ways[curve], load))
            except RunError as error:
                failures[curve] = str(error)
                print(f'figure {figure}, {x}, {curve}: {error}', file=sys.stderr)
    rows = [row_of(curve, x, load, runs[curve], failures.get(curve)) for curve in CURVES]
    print(f'figure {figure}, {x}: ' + ', '.join(
        f'{row["curve"]} {row["ns"]:.1f} ns' for row in rows if 'ns' in row),
          file=sys.stderr, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--wire', required=True)
    for name in ('--figures', '--build', '--output'):
        parser.add_argument(name, required=True)
    parser.add_argument('--rounds', required=True, type=int)
    parser.add_argument('--seconds', required=True, type=float)
    parser.add_argument('--quick', action='store_true')
    options = parser.parse_args()
    # As bench/compare has it: who sends on the last CPU, our caller on the first.
    wire = Wire(options.wire, options.build, os.cpu_count() - 1, 0)
    ours, peers = contenders(options.wire, ['sendgroup', 'group'], ['sendmsg', 'sendmmsg'])
    ways = {}
    for contender in ours + peers:
        ways.setdefault(contender.way, contender)  # of several drivers the first
    with open(options.output, 'a', encoding='utf-8') as output:
        for figure in map(int, options.figures.split(',')):
            for x, load in points_of(figure, options.quick, options.seconds):
                for row in measure(figure, x, load, options.rounds, wire, ways):
                    output.write(json.dumps({'figure': figure, **row}) + '\n')
                output.flush()


if __name__ == '__main__':
    main()
