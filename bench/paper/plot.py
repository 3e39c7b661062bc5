# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""The plots of bench/figures: data to SVG and PNG."""
import os
import textwrap

import matplotlib

matplotlib.use('svg')
from matplotlib import pyplot  # noqa: E402: the backend comes first
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator  # noqa: E402

LABELS = {'sendmsg': 'sendmsg() loop', 'sendmmsg': 'sendmmsg()', 'sendgroup': 'sendgroup()',
          'group': 'registered Group'}
STYLES = {'sendmsg': ('#7f7f7f', 's', '--'), 'sendmmsg': ('#bc6c25', '^', '--'),
          'sendgroup': ('#1f77b4', 'o', '-'), 'group': ('#2a7f3f', 'D', '-')}
WIRES = {'null': 'none (net_null for the engine, a bridge without ports for the kernel); nobody reads '
                 'the bytes',
         'veth': 'veth, whose far end drops at ingress: net_af_packet for the engine'}

# What Lahav, Karsten, Brecht, Wang and Zhao published. Only these values and statements are known
# to us; the curves between them are not, and are not drawn.
PAPER_GAIN, PAPER_GROUP, PAPER_PAYLOAD = 1.664, 1000, 1000
PAPER = {
    1: 'sendgroup() gains from 2 recipients on, and the gain is nearly constant for large groups: '
       '1.664 × the loop at 1000 recipients (of 1000 bytes each).',
    2: '1.664 × the loop at 1000 bytes and 1000 recipients.',
    3: 'sendgroup() is still ahead of the loop when no byte is shared (100 % private).'}
TITLES = {1: 'Figure 1: improvement over a sendmsg() loop, payload 300 bytes',
          2: 'Figure 2: time per packet against the payload, 1000 recipients',
          3: 'Figure 3: time per packet against private data of 1000 bytes, 1000 recipients'}
X_LABELS = {1: 'recipients', 2: 'payload, bytes', 3: 'private share of the 1000 bytes, %'}


class Figure:
    """One figure's rows by curve and x."""

    def __init__(self, rows):
        self.rows = {(row['curve'], row['x']): row for row in rows if 'ns' in row}
        self.xs = sorted({row['x'] for row in rows})

    def has(self, curve, x):
        return (curve, x) in self.rows

    def ns(self, curve, x):
        return self.rows[curve, x]['ns']

    def rounds(self, curve, x):
        return self.rows[curve, x]['ns_rounds']

    def gain(self, curve, x, what='ns'):
        """None where that was not measured."""
        if not (self.has(curve, x) and self.has('sendmsg', x)):
            return None
        loop, ours = self.rows['sendmsg', x][what], self.rows[curve, x][what]
        return loop / ours if loop and ours else None

    def curves(self):
        return [c for c in LABELS if any(self.has(c, x) for x in self.xs)]


def short(value, _=None):
    if value >= 1_000_000:
        return f'{value / 1_000_000:g} M'
    return f'{value / 1000:g} k' if value >= 10_000 else f'{value:g}'


def draw_curves(axes, figure, number):
    for curve in figure.curves():
        xs = [x for x in figure.xs if figure.has(curve, x)]
        if number == 1:
            if curve == 'sendmsg':
                continue
            xs = [x for x in xs if figure.has('sendmsg', x)]
            middle = [figure.gain(curve, x) for x in xs]
            runs = [[figure.ns('sendmsg', x) / ns for ns in figure.rounds(curve, x)] for x in xs]
        else:
            middle = [figure.ns(curve, x) for x in xs]
            runs = [figure.rounds(curve, x) for x in xs]
        color, marker, line = STYLES[curve]
        axes.plot(xs, middle, line, color=color, marker=marker, markersize=5, label=LABELS[curve])
        axes.fill_between(xs, [min(r) for r in runs], [max(r) for r in runs], color=color,
                          alpha=0.15, linewidth=0)


def here(figure, number):
    """What of ours stands beside the paper's statement."""
    def gains(x, what):
        known = [(c, figure.gain(c, x, what)) for c in ('sendgroup', 'group')]
        return ', '.join(f'{LABELS[c]} {gain:.3g} ×' for c, gain in known if gain)

    wanted = {1: [(2, '2 recipients'), (1000, '1000'), (1_000_000, '1,000,000')],
              2: [(1000, '1000 bytes'), (8900, '8900 bytes')],
              3: [(0, 'all shared'), (100, 'none shared')]}[number]
    told = '; '.join(f'{name}: {gains(x, "ns")}' for x, name in wanted if gains(x, 'ns'))
    x, name = (1000, '1000') if number == 1 else wanted[0]
    if gains(x, 'cpu_ns'):
        # A call keeps two CPUs busy, the loop keeps one.
        told += f'. By CPU time of caller and lcore together, {name}: {gains(x, "cpu_ns")}'
    return told


def caption(data, figure, number):
    machine, rounds = data['machine'], data['rounds']
    wire = f'Wire: {WIRES[data["wire"]]}.'
    how = f'{data["seconds"]:g} s at each point'
    how = f'Medians of {rounds} runs of {how}; bands: least and most' if rounds > 1 else \
        f'One run of {how}'
    setting = (f'{machine["CPU"]}, {machine["CPUs"]} CPUs (load before: {machine["load before"]}); '
               f'Linux {machine["kernel"]}, DPDK {machine["DPDK (ours)"]}, commit '
               f'{machine["commit"]}, {machine["time"]}. {how}.')
    return [line for text in (f'Paper (Lahav et al., NOSSDAV 2008): {PAPER[number]}',
                              f'Here, against the loop: {here(figure, number)}.', wire, setting)
            for line in textwrap.wrap(text, 142)]


def draw(data, number, folder):
    figure = Figure([row for row in data['points'] if row['figure'] == number])
    lines = caption(data, figure, number)
    space = 0.6 + 0.155 * len(lines)  # inches below the axes
    above = 0.85 if number == 1 else 0.65  # title and legend
    height = 4 + above + space
    canvas, axes = pyplot.subplots(figsize=(8.4, height))
    canvas.subplots_adjust(left=0.09, right=0.98, top=1 - above / height, bottom=space / height)
    draw_curves(axes, figure, number)
    axes.set_yscale('log')
    if number != 3:
        axes.set_xscale('log')
    ticks = [x for x in figure.xs if number != 2 or x in (100, 200, 300, 500, 1000, 2000, 4000, 8900)]
    if number == 1:
        ticks = [x for x in figure.xs if str(x).strip('0') in ('1', '')]
        axes.axhline(1, color=STYLES['sendmsg'][0], linewidth=1, linestyle='--',
                     label='sendmsg() loop (1)')
        axes.plot([PAPER_GROUP], [PAPER_GAIN], '*', color='#c1121f', markersize=12,
                  label=f'the paper: {PAPER_GAIN} × ({PAPER_GROUP} recipients, {PAPER_PAYLOAD} bytes)')
        axes.set_ylabel('times faster than the loop')
    else:
        axes.set_ylabel('ns per packet')
        low, high = axes.get_ylim()
        axes.set_ylim(low / 1.3, high * 1.3)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(short))
    axes.set_xlabel(X_LABELS[number])
    canvas.text(0.5, 1 - 0.12 / height, TITLES[number], fontsize=11, ha='center', va='top')
    axes.grid(True, which='major', alpha=0.35)
    # Above the axes, where no curve is.
    axes.legend(fontsize=9, frameon=False, ncol=3 if number == 1 else 4, loc='lower center',
                bbox_to_anchor=(0.5, 1))
    canvas.text(0.012, 0.08 / height, '\n'.join(lines), fontsize=7.5, va='bottom',
                linespacing=1.35)
    paths = [os.path.join(folder, f'figure{number}-{data["wire"]}.{kind}')
             for kind in ('svg', 'png')]
    for path in paths:
        canvas.savefig(path, dpi=150)
    pyplot.close(canvas)
    return paths


def draw_all(data, folder):
    """The files written."""
    numbers = sorted({row['figure'] for row in data['points'] if 'ns' in row})
    return [path for number in numbers for path in draw(data, number, folder)]
