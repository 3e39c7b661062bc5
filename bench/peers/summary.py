# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""From the runs of bench/compare to medians and ratios, and those as text."""
import dataclasses
import statistics


LEAST_CPUS = 0.9
MOST_LOST = 1e-3  # what is still on its way when a program ends


@dataclasses.dataclass
class Spread:
    """Median, least and most of some runs."""
    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values)) if values else None


@dataclasses.dataclass
class Row:
    """One contender on one wire."""
    wire: str
    name: str
    ours: bool
    on: str
    runs: int
    pps: Spread
    ns: Spread
    cpu_ns: Spread
    busy_ns: Spread
    note: str


@dataclasses.dataclass
class Ratio:
    """Ours against a peer: of each pair of neighbours in time, and then of all of them."""
    wire: str
    ours: str
    peer: str
    pairs: int
    speed: Spread    # packets per second
    cpu: Spread      # packets per second of CPU time of the process
    latency: Spread  # from our call to its first packet at the port, by what a packet costs the peer


def _results(records, **wanted):
    return [record['result'] for record in records
            if 'packets_per_second' in record.get('result', {}) and
            all(record[key] == value for key, value in wanted.items())]


def _spread(results, key):
    return Spread.of([result[key] for result in results if result.get(key)])


def _note(records, results):
    """What is to be said beside the figures."""
    for record in records:
        if 'not_available' in record.get('result', {}):
            return 'not available: ' + record['result']['not_available']
    notes = []
    failed = [record['failed'] for record in records if 'failed' in record]
    if failed:
        notes.append(f'{len(failed)} of {len(records)} runs failed: '
                     f'{failed[0].splitlines()[-1] if failed[0] else "no reason"}')
    dropped = sum(result.get('dropped', 0) for result in results)
    packets = sum(result['packets'] for result in results)
    if dropped > 0:
        notes.append(f'{dropped / (packets + dropped):.2%} dropped')
    lost = sum(max(0, result['packets'] - result['arrived'])
               for result in results if 'arrived' in result)
    if lost > MOST_LOST * packets:
        notes.append(f'{lost / packets:.2%} did not arrive')
    by_kernel = sum(result.get('kernel_packets', 0) for result in results)
    if by_kernel > 0:
        notes.append(f'{by_kernel} went by the kernel')
    # Who sends as fast as it goes has a CPU for itself, or was disturbed.
    cpus = _spread([{'cpus': result['cpu_ns_per_packet'] / result['ns_per_packet']}
                    for result in results if result.get('cpu_ns_per_packet')], 'cpus')
    if cpus is not None and cpus.median < LEAST_CPUS:
        notes.append(f'had {cpus.median:.0%} of a CPU')
    if any(result.get('segments') == 1 for result in results):
        notes.append('one segment')
    return '; '.join(notes)


def runs_of(records):
    """Without the spot checks."""
    return [record for record in records if 'round' in record]


def spot_checks(records):
    """Of what ours sent on the null wire, as lines."""
    for record in records:
        if 'spot_check' in record:
            found = record['spot_check']
            yield (f'  {record["way"]}: of {found["packets"]} packets on net_ring '
                   f'{found["checked"]} read, {found["wrong"]} wrong')
        elif 'round' not in record:
            yield f'  {record["way"]}: {record["failed"].splitlines()[-1]}'


def rows(records):
    """Ours first, then the peers, in the order of the runs."""
    made, records = [], runs_of(records)
    for wire, name in dict.fromkeys((record['wire'], record['name']) for record in records):
        own = [record for record in records if record['wire'] == wire and record['name'] == name]
        results = _results(own)
        made.append(Row(wire, name, own[0]['ours'], own[0]['on'], len(results),
                        _spread(results, 'packets_per_second'), _spread(results, 'ns_per_packet'),
                        _spread(results, 'cpu_ns_per_packet'),
                        _spread(results, 'busy_ns_per_packet'), _note(own, results)))
    order = list(dict.fromkeys(row.wire for row in made))
    return sorted(made, key=lambda row: (order.index(row.wire), not row.ours))


def ratios(records):
    made, records = {}, runs_of(records)
    for wire, pair in dict.fromkeys((record['wire'], record['pair']) for record in records):
        together = [record for record in records
                    if record['wire'] == wire and record['pair'] == pair and
                    'packets_per_second' in record.get('result', {})]
        for peer in (record for record in together if not record['ours']):
            for own in (record for record in together if record['ours']):
                speeds, cpus, latencies = made.setdefault((wire, own['name'], peer['name']),
                                                          ([], [], []))
                speeds.append(own['result']['packets_per_second'] /
                              peer['result']['packets_per_second'])
                if own['result'].get('cpu_ns_per_packet') and \
                        peer['result'].get('cpu_ns_per_packet'):
                    cpus.append(peer['result']['cpu_ns_per_packet'] /
                                own['result']['cpu_ns_per_packet'])
                if 'latency_ns' in own['result']:
                    latencies.append(own['result']['latency_ns']['first']['p50'] /
                                     peer['result']['ns_per_packet'])
    return [Ratio(*key, len(speeds), *map(Spread.of, values))
            for key, values in made.items() for speeds in values[:1]]


def number(value):
    """Three digits and a unit that fits."""
    for limit, unit in ((1e6, 'M'), (1e3, 'k')):
        if value >= limit:
            return f'{value / limit:.3g}{unit}'
    return f'{value:.3g}'


def plain(value):
    """Three digits, of larger numbers all."""
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def spread_text(spread, show):
    if spread is None:
        return '-'
    return f'{show(spread.median)} ({show(spread.least)} to {show(spread.most)})'


def _table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        # Names to the left, figures to the right.
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(line[:-1], widths))]
        yield ('  '.join(cells) + '  ' + line[-1]).rstrip()


ROW_TITLES = ('', 'packets/s (from to)', 'ns/packet', 'CPU ns', 'busy ns', '')
RATIO_TITLES = ('', 'packets/s, ratio (from to)', 'per CPU second, ratio (from to)',
                'call to packet / packet (from to)')


def row_cells(row):
    return (('* ' if row.ours else '  ') + row.name, spread_text(row.pps, number),
            *(plain(spread.median) if spread else '-'
              for spread in (row.ns, row.cpu_ns, row.busy_ns)), row.note)


def ratio_cells(ratio):
    return (f'{ratio.ours} / {ratio.peer}', spread_text(ratio.speed, plain),
            spread_text(ratio.cpu, plain), spread_text(ratio.latency, plain))


def text(records):
    """The tables, as lines."""
    all_rows, all_ratios = rows(records), ratios(records)
    for wire in dict.fromkeys(row.wire for row in all_rows):
        here = [row for row in all_rows if row.wire == wire]
        used = ', '.join(dict.fromkeys(f'{"ours" if row.ours else "peers"}: {row.on}'
                                       for row in here))
        yield f'wire {wire} ({used}); * ours; medians'
        yield from _table([ROW_TITLES] + [row_cells(row) for row in here])
        yield ''
        checks = list(spot_checks(record for record in records if record['wire'] == wire))
        if checks:
            yield from ['spot checks of ours: lengths, checksums, payload', *checks, '']
        lines = [ratio_cells(ratio) for ratio in all_ratios if ratio.wire == wire]
        if lines:
            yield from _table([RATIO_TITLES] + lines)
            yield ''
