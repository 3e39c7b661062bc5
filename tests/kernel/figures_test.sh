#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# figures_test.sh BUILD
#
# bench/figures measures each point of each curve, jumbo frames and datagrams without anything shared
# among them, and says what is wrong with its arguments.
. "$(dirname "$0")/_init.sh"
figures=$(dirname "$0")/../../bench/figures
export PYTHONDONTWRITEBYTECODE=1
timeout 150 "$figures" --build "$1" --figures 2,3 --quick --rounds 1 --seconds 0.05 --no-plots \
  --output "$dir/out" >"$dir/figures.log" 2>&1 || fail "it ended with $?" "$dir/figures.log"
python3 - "$dir/out/figures-null.json" <<'PYTHON' || fail "its points" "$dir/figures.log"
import json, sys
data = json.load(open(sys.argv[1]))
points = {(row['figure'], row['x'], row['curve']): row for row in data['points']}
curves = ('sendmsg', 'sendmmsg', 'sendgroup', 'group')
wanted = {(figure, x, curve) for curve in curves
          for figure, xs in ((2, (100, 300, 1000, 8900)), (3, (0, 50, 100))) for x in xs}
assert set(points) == wanted, set(points) ^ wanted
assert all(row['ns'] > 0 for row in points.values()), points
assert points[3, 100, 'group']['payload'] == 0, points
PYTHON
for arguments in "--wire vhost" "--figures 4" "--seconds nan" "--rounds 0" "--build $dir"; do
  # Unquoted on purpose: several arguments.
  timeout 10 "$figures" --build "$1" --no-plots --output "$dir/out" $arguments >"$dir/wrong.log" 2>&1
  [[ $? != 0 && $(wc -c <"$dir/wrong.log") -gt 20 ]] || fail "$arguments" "$dir/wrong.log"
done
finish
