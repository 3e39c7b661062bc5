# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""The HTML page of bench/compare: the tables of summary.py, with plots beside them."""
import html
import io

import matplotlib

matplotlib.use('svg')
from matplotlib import pyplot, ticker  # noqa: E402: the backend comes first

import summary  # noqa: E402

OURS, PEER = '#1b7f5c', '#5b6470'
PALETTE = ('#1b7f5c', '#d98324', '#3b6fb6', '#a0457e')
STYLE = '''
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, td:last-child { text-align: left; }
tr.ours td { font-weight: 600; }
svg { max-width: 100%; height: auto; }
'''


def _svg(figure):
    text = io.StringIO()
    figure.savefig(text, format='svg', bbox_inches='tight')
    pyplot.close(figure)
    return text.getvalue()[text.getvalue().index('<svg'):]


def _whiskers(spreads):
    return [[spread.median - spread.least for spread in spreads],
            [spread.most - spread.median for spread in spreads]]


def _log_axis(axes, least, most):
    axes.set_xscale('log')
    axes.set_xlim(least, most)
    steps = (1,) if most > 300 * least else (1, 2, 5)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(lambda value, _: f'{value:,g}' if value < 1e6 else f'{value:g}')
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.grid(axis='x', color='#ddd')
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)


def times_plot(rows):
    """Nanoseconds per packet of each contender."""
    rows = [row for row in rows if row.ns][::-1]
    figure, axes = pyplot.subplots(figsize=(9, 0.8 + 0.38 * len(rows)))
    spreads = [row.ns for row in rows]
    for i, (row, spread) in enumerate(zip(rows, spreads)):
        axes.errorbar(spread.median, i, xerr=_whiskers([spread]), fmt='o', capsize=3, markersize=8,
                      color=OURS if row.ours else PEER)
        axes.annotate(f'{summary.plain(spread.median)} ns', (spread.most, i), xytext=(6, 0),
                      textcoords='offset points', va='center', fontsize=9)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    _log_axis(axes, min(spread.least for spread in spreads) / 2,
              max(spread.most for spread in spreads) * 2.5)
    axes.set_xlabel('ns per packet, log scale: less is faster (point: median; line: least to most; '
                    'green: ours)')
    return _svg(figure)


def ratios_plot(ratios):
    """How often ours is as fast as each peer."""
    peers = list(dict.fromkeys(ratio.peer for ratio in ratios))[::-1]
    ours = list(dict.fromkeys(ratio.ours for ratio in ratios))
    figure, axes = pyplot.subplots(figsize=(9, 0.9 + (0.22 + 0.2 * len(ours)) * len(peers)))
    for i, own in enumerate(ours):
        here = [ratio for ratio in ratios if ratio.ours == own]
        places = [peers.index(ratio.peer) + 0.3 - 0.6 * (i + 0.5) / len(ours) for ratio in here]
        spreads = [ratio.speed for ratio in here]
        axes.errorbar([spread.median for spread in spreads], places, xerr=_whiskers(spreads),
                      fmt='o', capsize=3, color=PALETTE[i % len(PALETTE)], label=own)
        for place, spread in zip(places, spreads):
            axes.annotate(summary.plain(spread.median), (spread.most, place), xytext=(6, 0),
                          textcoords='offset points', va='center', fontsize=8)
    axes.axvline(1, color='#c33', linewidth=1)
    axes.set_yticks(range(len(peers)), [f'against {peer}' for peer in peers])
    axes.set_ylim(-0.6, len(peers) - 0.4)
    _log_axis(axes, min(1, min(ratio.speed.least for ratio in ratios)) / 1.5,
              max(1, max(ratio.speed.most for ratio in ratios)) * 2)
    axes.set_xlabel('our packets per second by the peer\'s, log scale (red: equal)')
    axes.legend(fontsize=8, loc='upper center', bbox_to_anchor=(0.5, -0.35 / len(peers) - 0.12),
                ncols=2, frameon=False)
    return _svg(figure)


def _table(titles, lines):
    """lines: (class, cells)."""
    yield '<table><tr>' + ''.join(f'<th>{html.escape(title)}</th>' for title in titles) + '</tr>'
    for kind, cells in lines:
        yield f'<tr class="{kind}">' + \
            ''.join(f'<td>{html.escape(cell.lstrip("* "))}</td>' for cell in cells) + '</tr>'
    yield '</table>'


def page(records, machine, load):
    """The whole page. machine, load: name and value of each fact."""
    rows, ratios = summary.rows(records), summary.ratios(records)
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<title>Groupcast and its peers</title><style>{STYLE}</style></head><body>'
    yield '<h1>Groupcast and its peers</h1>'
    yield '<p>' + html.escape('; '.join(f'{name} {value}' for name, value in load.items())) + '</p>'
    yield from _table(('machine', ''), [('', (str(name), str(value)))
                                        for name, value in machine.items()])
    for wire in dict.fromkeys(row.wire for row in rows):
        here = [row for row in rows if row.wire == wire]
        yield f'<h2>Wire: {html.escape(wire)}</h2>'
        yield '<p>' + html.escape('; '.join(dict.fromkeys(
            f'{"ours" if row.ours else "peers"}: {row.on}' for row in here))) + '</p>'
        if any(row.ns for row in here):
            yield times_plot(here)
        yield from _table(summary.ROW_TITLES, [('ours' if row.ours else '', summary.row_cells(row))
                                               for row in here])
        checks = list(summary.spot_checks(record for record in records if record['wire'] == wire))
        if checks:
            yield '<p>Spot checks of ours: ' + html.escape('; '.join(map(str.strip, checks))) + '</p>'
        on_wire = [ratio for ratio in ratios if ratio.wire == wire]
        if on_wire:
            yield ratios_plot(on_wire)
            yield from _table(summary.RATIO_TITLES,
                              [('', summary.ratio_cells(ratio)) for ratio in on_wire])
    yield '</body></html>'
